import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { array, assert as hold, constantFrom, property } from 'fast-check';
import { MAX_CLASSIFIED, MAX_OPERATIONS, MAX_PARSED_SQL_BYTES } from '../limits.js';
import { classifySql, SqlClassifier } from './classify.js';
import { classificationKey } from './normalise.js';

let classifier: SqlClassifier;
before(async () => {
  classifier = await SqlClassifier.load(['app.lookup']);
});

/** `VERB resource effect`, sorted. */
function operations(sql: string): string[] {
  const { operations: found, error } = classifier.classify(sql);
  assert.equal(error, undefined, sql);
  return found.map(({ verb, resource, effect }) => `${verb} ${resource} ${effect}`).toSorted();
}

const CASES: [sql: string, ...expected: string[]][] = [
  ['select 1', 'SELECT  read'],
  ['select * from a.b join c on true', 'SELECT a.b read', 'SELECT c read'],
  ['select * from x where id in (select id from y)', 'SELECT x read', 'SELECT y read'],
  ['with d as (delete from t returning *) select * from d', 'DELETE t write'],
  ['with t as (select * from secret), secret as (select 1) select * from t, secret', 'SELECT secret read'],
  ['with users as (select 1) select * from public.users', 'SELECT public.users read'],
  ['insert into t select * from u on conflict (id) do update set a = 1', 'INSERT t write', 'SELECT u read', 'UPDATE t write'],
  ['update t set a = (select max(b) from u) from v', 'SELECT u read', 'SELECT v read', 'UPDATE t write'],
  [
    'merge into t using s on true when matched then delete when not matched then insert values (1)',
    'DELETE t write',
    'INSERT t write',
    'MERGE t write',
    'SELECT s read',
  ],
  ['explain analyze delete from t', 'DELETE t write', 'EXPLAIN  read'],
  ['explain (analyze false) delete from t', 'EXPLAIN  read'],
  ['explain select f() from t', 'CALL f write', 'EXPLAIN  read', 'SELECT t read'],
  ['copy t to stdout', 'COPY t read'],
  ['copy t from stdin', 'COPY t write'],
  ["copy (delete from t returning *) to program 'cat'", 'COPY PROGRAM cat admin', 'DELETE t write'],
  [
    'do $$ begin delete from t; perform g(1); if exists (select 1 from v) then null; end if; end $$',
    'CALL g write',
    'DELETE t write',
    'DO  execute',
    'SELECT v read',
  ],
  ["do $$ begin execute 'drop table ' || 'x'; end $$", 'DO  write'],
  [
    "do $$ declare x int := f(2); begin x := g(3); for x in execute 'select 1' loop end loop; end $$",
    'CALL f write',
    'CALL g write',
    'DO  write',
  ],
  ['do language plperl $$ x $$', 'DO  write'],
  ['call p(1)', 'CALL p write'],
  ["select app.lookup(1), lower('A'), pg_catalog.upper(b), count(*) from t", 'SELECT t read'],
  ["select other.lower('A')", 'CALL other.lower write', 'SELECT  read'],
  ["select pg_read_file('/etc/passwd')", 'CALL pg_read_file admin', 'SELECT  read'],
  ["select set_config('role', 'bob', false)", 'CALL set_config admin', 'SELECT  read'],
  ["select nextval('s')", 'CALL nextval write', 'SELECT  read'],
  ['select pg_advisory_lock(1)', 'CALL pg_advisory_lock write', 'SELECT  read'],
  ['select pg_terminate_backend(1)', 'CALL pg_terminate_backend admin', 'SELECT  read'],
  ["select dblink('a', 'b')", 'CALL dblink admin', 'SELECT  read'],
  ["select query_to_xml('delete from t', true, true, '')", 'CALL query_to_xml write', 'SELECT  read'],
  ['select a into x from t', 'SELECT INTO x write', 'SELECT t read'],
  ['select * from t for update', 'LOCK t write', 'SELECT t read'],
  ['prepare a as delete from t', 'DELETE t write'],
  ['execute a(1)', 'EXECUTE a write'],
  ['declare c cursor for select * from t', 'SELECT t read'],
  ['fetch 5 from c', 'FETCH c read'],
  ['listen x', 'LISTEN x read'],
  ['notify x', 'NOTIFY x write'],
  ['set role bob', 'SET ROLE bob admin'],
  ['reset role', 'RESET ROLE  admin'],
  ['set session authorization bob', 'SET SESSION AUTHORIZATION bob admin'],
  ["set application_name = 'x'", 'SET application_name admin'],
  ['set statement_timeout = 5', 'SET statement_timeout read'],
  ['show all', 'SHOW all read'],
  ['begin', 'BEGIN  read'],
  ['commit', 'COMMIT  read'],
  ["commit prepared 'x'", 'COMMIT PREPARED x write'],
  ['drop table a, b.c', 'DROP a admin', 'DROP b.c admin'],
  ['truncate a, b', 'TRUNCATE a write', 'TRUNCATE b write'],
  ['alter table a.b add c int', 'ALTER a.b admin'],
  ['create table x as select * from y', 'CREATE x admin', 'SELECT y read'],
  ['create table x (a int default f())', 'CALL f write', 'CREATE x admin'],
  ['create view v as select * from t', 'CREATE v admin', 'SELECT t read'],
  ['grant select on a to b', 'GRANT a admin'],
  ['lock table x', 'LOCK x write'],
  ['vacuum a', 'VACUUM a admin'],
  ['alter system set x = 1', 'ALTER SYSTEM  admin'],
  ['select 1 union select a from t', 'SELECT t read'],
  ['select 1 union select 2', 'SELECT  read'],
  ['table t', 'SELECT t read'],
  ['select 1; delete from t', 'DELETE t write', 'SELECT  read'],
];

describe('SQL text as operations', () => {
  for (const [sql, ...expected] of CASES) it(sql, () => assert.deepEqual(operations(sql), expected));

  it('has none for an empty text', () => {
    assert.deepEqual(operations(' -- nothing\n'), []);
    assert.deepEqual(operations(''), []);
  });

  it('says why a text cannot be read', async () => {
    for (const sql of [
      'selec 1',
      "select 'a",
      'select 1\0; drop table t',
      'set standard_conforming_strings = off',
      "set client_encoding = 'sjis'",
      "set names 'GBK'",
    ]) {
      const answer = await classifySql(sql, { readFunctions: [] });
      assert.ok('error' in answer, sql);
    }
  });

  it('reads a text at the size limit and refuses one byte more', () => {
    const at = `select 1${' '.repeat(MAX_PARSED_SQL_BYTES - 8)}`;
    assert.equal(classifier.classify(at).error, undefined);
    assert.match(classifier.classify(`${at} `).error ?? '', /longer than/);
  });

  it('counts operations to the limit and refuses one more', () => {
    const tables = (count: number): string => `truncate ${Array.from({ length: count }, (_, index) => `t${index}`).join(', ')}`;
    assert.equal(classifier.classify(tables(MAX_OPERATIONS)).operations.length, MAX_OPERATIONS);
    assert.match(classifier.classify(tables(MAX_OPERATIONS + 1)).error ?? '', /more than 1000 operations/);
  });

  it('remembers so many texts, and the oldest no longer', () => {
    const small = new SqlClassifier(classifier['parser'], []);
    const first = small.classify('select a from t0');
    for (let index = 1; index < MAX_CLASSIFIED; index++) small.classify(`select a from t${index}`);
    assert.equal(small.classify('select a from t0'), first);
    small.classify('select a from another');
    assert.notEqual(small.classify('select a from t0'), first);
  });

  it('refuses a tree too deep for it, and reads on after that', async () => {
    const deep = `select ${'1+'.repeat(30_000)}1`;
    assert.match(classifier.classify(deep).error ?? '', /too deeply/);
    for (let turn = 0; classifier.classify('select 1').error !== undefined; turn++) {
      assert.ok(turn < 1_000);
      await new Promise((resolve) => setImmediate(resolve));
      if (turn > 500) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
});

describe('the classification key', () => {
  it('replaces plain numbers alone', () => {
    const key = (sql: string) => classificationKey(sql);
    assert.equal(key('SELECT a FROM t WHERE id = 12345'), 'SELECT a FROM t WHERE id = 0');
    assert.equal(key('select t1.a2, \'12\', "c 3", $1 from t where a=-5'), 'select t1.a2, \'12\', "c 3", $1 from t where a=-0');
    for (const sql of [
      'select 1.5',
      'select 0x1F',
      'select 1e5',
      'set a = 5',
      "select E'\\'1' ",
      'select 1; select 2',
      'select 1 -- 2',
      'select $$1$$',
      'select 1 /* 2 */',
    ]) {
      assert.equal(key(sql), sql);
    }
  });

  it('does not change what a statement is classified as', () => {
    const piece = constantFrom(
      ...[
        'select ',
        'delete from t where a = ',
        ' from t',
        ' t1',
        ' "q 1"',
        " 'it''s 5'",
        ' 12',
        ' $1',
        '.5',
        ' 7',
        ',',
        ' f(3)',
        ' where a =',
        ' limit 5',
        ' -- 5',
        ' /* 6 */',
        " E'\\'7'",
      ],
      ...[
        ' $x$8$x$',
        ';',
        ' insert into t values (9)',
        ' drop table t2',
        "'",
        '"',
        ' as x1',
        ' 1e5',
        ' 3.25',
        ' and b = 4',
        ' order by 1',
        '1',
        '0x1f',
        'é1',
      ],
    );
    hold(
      property(array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
        const sql = `select ${pieces.join('')}`;
        const [left, right] = [sql, classificationKey(sql)].map((text) => {
          const { operations: found, error } = new SqlClassifier(classifier['parser'], []).classify(text);
          return { found, failed: error !== undefined };
        });
        assert.deepEqual(left, right);
      }),
      { numRuns: 2_000 },
    );
  });
});
