/** `when`: CEL over operation, target, root, launch and agent, compiled once, bounded in what an evaluation may cost. */
import { Environment, type ASTNode } from '@marcbachmann/cel-js';
import { MAX_GLOB_CHARS, MAX_WHEN_CHARS, MAX_WHEN_COMPREHENSIONS, MAX_WHEN_DEPTH, MAX_WHEN_NODES } from '../limits.js';
import type { Operation } from '../operation.js';
import type { Actor } from '../policy.js';
import type { Target } from '../types.js';
import { compileGlob, type Glob } from './glob.js';

export type Condition = (target: Pick<Target, 'name' | 'protocol'> | undefined, operation: Operation, actor: Actor) => boolean;

/** A `when` that cannot be used. The message completes "when ...". */
export class ConditionError extends Error {
  constructor(
    message: string,
    /** Offset of the mistake in the expression, where known. */
    readonly offset?: number,
  ) {
    super(message);
    this.name = 'ConditionError';
  }
}

/** Patterns are literals of compiled expressions, so their number is bounded by the policies. */
type Globs = Map<string, Glob>;

const VARIABLES = new Environment({
  limits: { maxAstNodes: MAX_WHEN_NODES, maxDepth: MAX_WHEN_DEPTH },
  homogeneousAggregateLiterals: false,
})
  .registerVariable({ name: 'operation', schema: { verb: 'string', resource: 'string', effect: 'string', parameters: 'map<string, dyn>' } })
  .registerVariable({ name: 'target', schema: { name: 'string', protocol: 'string' } })
  .registerVariable({ name: 'root', schema: { iss: 'string', sub: 'string', name: 'string', groups: 'list<string>', authn: 'string' } })
  .registerVariable({ name: 'launch', schema: { id: 'string', chain: 'string', depth: 'int', path: 'list<string>' } })
  .registerVariable({ name: 'agent', schema: { name: 'string', namespace: 'string' } });

function environment(globs: Globs): Environment {
  return VARIABLES.clone().registerFunction('string.glob(string): bool', (text: string, pattern: string) => globs.get(pattern)!(text));
}

function isNode(value: unknown): value is ASTNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

function* nodesIn(value: unknown): Generator<ASTNode> {
  if (isNode(value)) yield value;
  else if (Array.isArray(value)) for (const each of value) yield* nodesIn(each);
}

const COMPREHENSIONS = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

function checkGlobCall(node: ASTNode, globs: Globs): void {
  const [pattern] = (node.args as [string, ASTNode, ASTNode[]])[2];
  const literal = pattern?.op === 'value' ? (pattern.args as unknown) : undefined;
  if (typeof literal !== 'string')
    throw new ConditionError('calls glob() with a pattern that is not a literal text; write it in quotes', node.start);
  if (literal.length > MAX_GLOB_CHARS)
    throw new ConditionError(`has a glob of more than ${MAX_GLOB_CHARS} characters; shorten it`, node.start);
  globs.set(literal, compileGlob(literal));
}

/** Refuses what could take time without bound on texts and parameters that an agent writes. */
function checkCost(node: ASTNode, globs: Globs, comprehensions = 0): void {
  let depth = comprehensions;
  if (node.op === 'rcall') {
    const [name] = node.args;
    if (name === 'matches') {
      throw new ConditionError(
        'calls matches(), which can take time without bound; use startsWith, endsWith, contains or glob',
        node.start,
      );
    }
    if (name === 'glob') checkGlobCall(node, globs);
    if (COMPREHENSIONS.has(name)) depth++;
  }
  if (depth > MAX_WHEN_COMPREHENSIONS) {
    throw new ConditionError('nests all, exists, exists_one, map or filter; join the conditions with && and || instead', node.start);
  }
  for (const child of nodesIn(node.args)) checkCost(child, globs, depth);
}

const NO_PARAMETERS: Readonly<Record<string, unknown>> = Object.freeze({});
const NOBODY = Object.freeze({ iss: '', sub: '', name: '', groups: [], authn: '' });
const NO_LAUNCH = Object.freeze({ id: '', chain: '', depth: 0n, path: [] });
const NO_TARGET = Object.freeze({ name: '', protocol: '' });

function context(target: Pick<Target, 'name' | 'protocol'> | undefined, operation: Operation, { root, launch, agent }: Actor): object {
  const { verb, resource, effect, parameters = NO_PARAMETERS } = operation;
  return {
    operation: { verb, resource, effect, parameters },
    target: target ? { name: target.name, protocol: target.protocol } : NO_TARGET,
    root: root ?? NOBODY,
    launch: launch ? { id: launch.id, chain: launch.chain, depth: BigInt(launch.depth), path: launch.path } : NO_LAUNCH,
    agent,
  };
}

/**
 * Compiles one expression. Throws ConditionError with a sentence. What it returns throws when the evaluation fails or gives
 * anything but a boolean: the caller denies then.
 */
export function compileCondition(expression: string): Condition {
  if (expression.length > MAX_WHEN_CHARS)
    throw new ConditionError(`has more than ${MAX_WHEN_CHARS} characters; shorten it or split the rule`);
  const globs: Globs = new Map();
  const program = parse(expression, globs);
  checkCost(program.ast, globs);
  const { valid, type, error } = program.check();
  if (!valid) throw new ConditionError(`cannot be evaluated: ${error?.message.split('\n')[0]}`, error?.node?.pos);
  if (type !== 'bool' && type !== 'dyn') throw new ConditionError(`gives ${type}, but must give true or false; compare it with something`);
  return (target, operation, actor) => {
    const value: unknown = program(context(target, operation, actor));
    if (typeof value !== 'boolean') throw new ConditionError('gave something other than true or false');
    return value;
  };
}

function parse(expression: string, globs: Globs): ReturnType<Environment['parse']> {
  try {
    return environment(globs).parse(expression);
  } catch (error) {
    const { message, node } = error as { message: string; node?: { pos: number } };
    throw new ConditionError(`is not a CEL expression: ${message.split('\n')[0]}`, node?.pos);
  }
}
