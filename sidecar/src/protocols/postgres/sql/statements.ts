/** Statements other than queries and their data changes: which verb, on what, with which effect. */
import type { Effect } from '@cairn/crds';
import type { OperationCollector } from './operations.js';
import type { Scope } from './scope.js';
import { asList, asText, asTree, isTree, nameParts, node, relationName, type Tree } from './tree.js';

type Handler = (statement: Tree, into: OperationCollector, scope: Scope) => void;

/** Settings that change who acts, what is hidden, how text is read, or the tag that the sidecar sets. */
const GUARDED_SETTINGS = new Set([
  'role',
  'session_authorization',
  'application_name',
  'session_replication_role',
  'row_security',
  'standard_conforming_strings',
  'client_encoding',
  'local_preload_libraries',
  'session_preload_libraries',
]);

const fixed =
  (verb: string, effect: Effect, resource?: string): Handler =>
  (statement, into) =>
    into.add(verb, resource === undefined ? '' : asText(statement[resource]), effect);

/** One operation for each relation in `member`, or for the relation itself. */
const relations =
  (verb: string, effect: Effect, member: string): Handler =>
  (statement, into, scope) => {
    const listed = asList(statement[member]).map((item) =>
      relationName(node(item, 'RangeVar') ?? asTree(node(item, 'VacuumRelation')?.['relation'])),
    );
    const names = listed.length > 0 ? listed : [relationName(statement[member])];
    for (const name of names) into.add(verb, name, effect);
    const { [member]: done, ...rest } = statement;
    void done;
    into.walk(rest, scope);
  };

const named =
  (verb: string, member: string): Handler =>
  (statement, into, scope) => {
    into.add(verb, nameParts(statement[member]).join('.'), 'admin');
    into.walk(statement, scope);
  };

const copy: Handler = (statement, into, scope) => {
  const incoming = statement['is_from'] === true;
  if (statement['relation']) into.add('COPY', relationName(statement['relation']), incoming ? 'write' : 'read');
  if (statement['is_program'] === true) into.add('COPY PROGRAM', asText(statement['filename']), 'admin');
  else if (statement['filename'] !== undefined) into.add('COPY FILE', asText(statement['filename']), 'admin');
  into.walk([statement['query'], statement['whereClause']], scope);
};

/** Without ANALYZE nothing runs, but tables are named and functions marked immutable are called by the planner. */
const explain: Handler = (statement, into, scope) => {
  const analyze = asList(statement['options']).some((option) => {
    const { defname, arg } = node(option, 'DefElem') ?? {};
    return defname === 'analyze' && !['off', 'false'].includes(asText(node(arg, 'String')?.['sval']).toLowerCase());
  });
  into.add('EXPLAIN', '', 'read');
  if (analyze) return into.walk(statement['query'], scope);
  for (const operation of into.inside(statement['query'], scope)) {
    if (operation.effect === 'read' || operation.verb === 'CALL') into.add(operation.verb, operation.resource, operation.effect);
  }
};

const set: Handler = (statement, into) => {
  const kind = asText(statement['kind']);
  const verb = kind.startsWith('VAR_RESET') ? 'RESET' : 'SET';
  const name = asText(statement['name']).toLowerCase();
  if (name === 'role') return into.add(`${verb} ROLE`, settingValue(statement), 'admin');
  if (name === 'session_authorization') return into.add(`${verb} SESSION AUTHORIZATION`, settingValue(statement), 'admin');
  into.add(verb, name, GUARDED_SETTINGS.has(name) || name.includes('.') ? 'admin' : 'read');
};

function settingValue(statement: Tree): string {
  const [first] = asList(statement['args']);
  const constant = node(first, 'A_Const');
  return asText(asTree(constant?.['sval'])?.['sval']);
}

const transaction: Handler = (statement, into) => {
  const verb = asText(statement['kind']).replace('TRANS_STMT_', '').replaceAll('_', ' ');
  // A transaction prepared by any session takes effect here.
  const foreign = verb === 'COMMIT PREPARED' || verb === 'ROLLBACK PREPARED';
  into.add(verb === 'PREPARE' ? 'PREPARE TRANSACTION' : verb, asText(statement['gid']), foreign || verb === 'PREPARE' ? 'write' : 'read');
};

const drop: Handler = (statement, into) => {
  const objects = asList(statement['objects']);
  for (const object of objects) into.add('DROP', objectName(object), 'admin');
  if (objects.length === 0) into.add('DROP', '', 'admin');
};

function objectName(object: unknown): string {
  const list = node(object, 'List');
  if (list) return nameParts(list['items']).join('.');
  const withArguments = node(object, 'ObjectWithArgs');
  if (withArguments) return nameParts(withArguments['objname']).join('.');
  const single = node(object, 'String');
  return single ? asText(single['sval']) : nameParts(node(object, 'TypeName')?.['names']).join('.');
}

const grant: Handler = (statement, into) => {
  const verb = statement['is_grant'] === true ? 'GRANT' : 'REVOKE';
  const names = asList(statement['objects']).map((object) => relationName(node(object, 'RangeVar')) || objectName(object));
  for (const name of names.length > 0 ? names : ['']) into.add(verb, name, 'admin');
};

const createTableAs: Handler = (statement, into, scope) => {
  into.add('CREATE', relationName(asTree(statement['into'])?.['rel']), 'admin');
  into.walk(statement['query'], scope);
};

const call: Handler = (statement, into, scope) => {
  const funccall = asTree(statement['funccall']);
  if (funccall) into.call(funccall, scope);
};

const vacuum: Handler = (statement, into, scope) =>
  relations(statement['is_vacuumcmd'] === true ? 'VACUUM' : 'ANALYZE', 'admin', 'rels')(statement, into, scope);

const walkOnly: Handler = (statement, into, scope) => {
  for (const child of Object.values(statement)) if (isTree(child) || Array.isArray(child)) into.walk(child, scope);
};

/** By node type of the parse tree. What is missing here counts as `admin` under the first word of its type. */
export const STATEMENTS: Readonly<Record<string, Handler | undefined>> = {
  CopyStmt: copy,
  ExplainStmt: explain,
  CallStmt: call,
  PrepareStmt: walkOnly,
  DeclareCursorStmt: walkOnly,
  ReturnStmt: walkOnly,
  // What it runs is known to the session alone, which puts the prepared statement's operations in its place.
  ExecuteStmt: (statement, into, scope) => {
    into.add('EXECUTE', asText(statement['name']), 'write');
    into.walk(statement['params'], scope);
  },
  DeallocateStmt: fixed('DEALLOCATE', 'read', 'name'),
  FetchStmt: fixed('FETCH', 'read', 'portalname'),
  ClosePortalStmt: fixed('CLOSE', 'read', 'portalname'),
  ListenStmt: fixed('LISTEN', 'read', 'conditionname'),
  UnlistenStmt: fixed('UNLISTEN', 'read', 'conditionname'),
  NotifyStmt: fixed('NOTIFY', 'write', 'conditionname'),
  VariableSetStmt: set,
  VariableShowStmt: fixed('SHOW', 'read', 'name'),
  DiscardStmt: fixed('DISCARD', 'read'),
  ConstraintsSetStmt: fixed('SET CONSTRAINTS', 'read'),
  TransactionStmt: transaction,
  AlterSystemStmt: fixed('ALTER SYSTEM', 'admin'),
  LoadStmt: fixed('LOAD', 'admin', 'filename'),
  CheckPointStmt: fixed('CHECKPOINT', 'admin'),
  LockStmt: relations('LOCK', 'write', 'relations'),
  TruncateStmt: relations('TRUNCATE', 'write', 'relations'),
  VacuumStmt: vacuum,
  DropStmt: drop,
  GrantStmt: grant,
  CreateStmt: relations('CREATE', 'admin', 'relation'),
  CreateTableAsStmt: createTableAs,
  ViewStmt: relations('CREATE', 'admin', 'view'),
  IndexStmt: relations('CREATE', 'admin', 'relation'),
  CreateTrigStmt: relations('CREATE', 'admin', 'relation'),
  RuleStmt: relations('CREATE', 'admin', 'relation'),
  CreateSeqStmt: relations('CREATE', 'admin', 'sequence'),
  AlterSeqStmt: relations('ALTER', 'admin', 'sequence'),
  AlterTableStmt: relations('ALTER', 'admin', 'relation'),
  RenameStmt: relations('ALTER', 'admin', 'relation'),
  AlterObjectSchemaStmt: relations('ALTER', 'admin', 'relation'),
  RefreshMatViewStmt: relations('REFRESH', 'write', 'relation'),
  ReindexStmt: relations('REINDEX', 'admin', 'relation'),
  ClusterStmt: relations('CLUSTER', 'admin', 'relation'),
  CreateFunctionStmt: named('CREATE', 'funcname'),
  CreateForeignTableStmt: (statement, into) => into.add('CREATE', relationName(asTree(statement['base'])?.['relation']), 'admin'),
};
