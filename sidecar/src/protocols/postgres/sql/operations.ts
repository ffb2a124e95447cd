/** The operations of one statement, found at any depth of its parse tree. */
import type { Effect, Operation } from '@cairn/crds';
import { MAX_OPERATIONS, MAX_SQL_DEPTH } from '../limits.js';
import { doBlock } from './do-block.js';
import { functionEffect } from './functions.js';
import { type Parser, SqlParseError } from './parser.js';
import { Scope } from './scope.js';
import { STATEMENTS } from './statements.js';
import { asList, asText, asTree, isTree, nameParts, node, relationName, type Tree } from './tree.js';

const STRENGTH: Record<Effect, number> = { read: 0, execute: 1, write: 2, admin: 3 };

export class OperationCollector {
  private readonly found = new Map<string, Operation>();
  private depth = 0;

  constructor(
    readonly parser: Parser,
    private readonly declaredReads: ReadonlySet<string>,
  ) {}

  get operations(): Operation[] {
    return [...this.found.values()];
  }

  /** One operation a verb and resource; the stronger effect stays. */
  add(verb: string, resource: string, effect: Effect): void {
    const key = `${verb}\0${resource}`;
    const known = this.found.get(key);
    if (known && STRENGTH[known.effect] >= STRENGTH[effect]) return;
    this.found.set(key, Object.freeze({ verb, resource, effect }));
    if (this.found.size > MAX_OPERATIONS) throw new SqlParseError(`the statement has more than ${MAX_OPERATIONS} operations`);
  }

  /** Operations of a part, without taking them in. */
  inside(part: unknown, scope: Scope): Operation[] {
    const other = new OperationCollector(this.parser, this.declaredReads);
    other.walk(part, scope);
    return other.operations;
  }

  walk(value: unknown, scope: Scope): void {
    if (++this.depth > MAX_SQL_DEPTH) throw new SqlParseError('the statement is nested too deeply to be read');
    if (Array.isArray(value)) for (const item of value as unknown[]) this.walk(item, scope);
    else if (isTree(value)) for (const [key, child] of Object.entries(value)) this.visit(key, child, scope);
    this.depth--;
  }

  private visit(key: string, child: unknown, scope: Scope): void {
    const content = asTree(child);
    if (!content) return this.walk(child, scope);
    switch (key) {
      case 'SelectStmt':
      case 'selectStmt':
        // `selectStmt` of INSERT holds a wrapped node; a bare one has a limitOption.
        return key === 'SelectStmt' ? this.select(content, scope, this.depth === 1) : this.walk(content, scope);
      case 'InsertStmt':
        return this.change('INSERT', content, scope);
      case 'UpdateStmt':
        return this.change('UPDATE', content, scope);
      case 'DeleteStmt':
        return this.change('DELETE', content, scope);
      case 'MergeStmt':
        return this.merge(content, scope);
      case 'RangeVar':
        return this.reads(content, scope);
      case 'FuncCall':
        return this.call(content, scope);
      case 'DoStmt':
        return doBlock(content, this);
      default: {
        const known = STATEMENTS[key];
        if (known) return known(content, this, scope);
        if (key.endsWith('Stmt')) this.add(verbOf(key), '', 'admin');
        return this.walk(content, scope);
      }
    }
  }

  private reads(relation: Tree, scope: Scope): void {
    if (relation['schemaname'] === undefined && scope.has(asText(relation['relname']))) return;
    this.add('SELECT', relationName(relation), 'read');
  }

  /** CTEs are visible to those after them; with RECURSIVE to all (PostgreSQL manual, 7.8). */
  private withClause(statement: Tree, outer: Scope): Scope {
    const clause = asTree(statement['withClause']);
    if (!clause) return outer;
    const scope = new Scope(outer);
    const entries = asList(clause['ctes']).map((cte) => node(cte, 'CommonTableExpr') ?? {});
    if (clause['recursive']) for (const cte of entries) scope.add(asText(cte['ctename']));
    for (const cte of entries) {
      this.walk(cte['ctequery'], scope);
      scope.add(asText(cte['ctename']));
    }
    return scope;
  }

  private select(select: Tree, outer: Scope, top = false): void {
    const scope = this.withClause(select, outer);
    const { withClause, intoClause, larg, rarg, lockingClause, ...rest } = select;
    void withClause;
    for (const side of [larg, rarg]) {
      const part = asTree(side);
      if (part) this.select(part, scope);
    }
    const target = relationName(asTree(intoClause)?.['rel']);
    if (target) this.add('SELECT INTO', target, 'write');
    if (lockingClause) this.locks(select, scope);
    if (top && !larg && !select['fromClause']) this.add('SELECT', '', 'read');
    this.walk(rest, scope);
    if (top && this.found.size === 0) this.add('SELECT', '', 'read');
  }

  /** FOR UPDATE and its kin write row locks. */
  private locks(select: Tree, scope: Scope): void {
    const tables = asList(select['fromClause']).flatMap(relationsOf);
    for (const table of tables) if (!scope.has(table)) this.add('LOCK', table, 'write');
    if (tables.length === 0) this.add('LOCK', '', 'write');
  }

  private change(verb: string, statement: Tree, outer: Scope): void {
    const scope = this.withClause(statement, outer);
    const { relation, withClause, onConflictClause, ...rest } = statement;
    void withClause;
    const table = relationName(relation);
    this.add(verb, table, 'write');
    if (asTree(onConflictClause)?.['action'] === 'ONCONFLICT_UPDATE') this.add('UPDATE', table, 'write');
    this.walk(onConflictClause, scope);
    this.walk(rest, scope);
  }

  private merge(statement: Tree, outer: Scope): void {
    const scope = this.withClause(statement, outer);
    const { relation, withClause, ...rest } = statement;
    void withClause;
    const table = relationName(relation);
    this.add('MERGE', table, 'write');
    for (const clause of asList(statement['mergeWhenClauses'])) {
      const command = asText(node(clause, 'MergeWhenClause')?.['commandType']).replace('CMD_', '');
      if (command !== 'NOTHING') this.add(command, table, 'write');
    }
    this.walk(rest, scope);
  }

  call(call: Tree, scope: Scope): void {
    const name = nameParts(call['funcname']);
    const effect = functionEffect(name, this.declaredReads);
    if (effect) this.add('CALL', name.join('.'), effect);
    this.walk(call, scope);
  }
}

function relationsOf(item: unknown): string[] {
  const direct = node(item, 'RangeVar');
  if (direct) return [relationName(direct)];
  const join = node(item, 'JoinExpr');
  return join ? [...relationsOf(join['larg']), ...relationsOf(join['rarg'])] : [];
}

/** `CreateTableSpaceStmt` -> `CREATE`. */
function verbOf(type: string): string {
  return (/^[A-Z][a-z]+/.exec(type)?.[0] ?? type).toUpperCase();
}
