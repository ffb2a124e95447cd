import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Client, type DatabaseError, type QueryResult } from 'pg';
import postgres from 'postgres';
import { startRelay, type Relay } from './relay.js';

const RULES = `
  - {name: no-schema-changes, match: {targets: [orders], verbs: [DROP, TRUNCATE, ALTER]}, action: Deny, reason: schema changes go through migrations}
  - {name: no-roles, match: {verbs: [SET ROLE, SET SESSION AUTHORIZATION]}, action: Deny, reason: the role is fixed}
  - {name: no-secrets, match: {resources: [secrets]}, action: Deny, reason: not for agents}
  - {name: contacts, match: {resources: [people, people_view]}, action: Allow, level: RequestResponse, mask: [{fields: [email]}, {detect: [payment-card]}]}
`;

const INIT = `
  create table t (a int primary key, b text); insert into t select i, 'x' || i from generate_series(1, 10) i;
  create table secrets (s text); insert into secrets values ('hidden');
  create table people (id int, email text, card text, age int, extra jsonb);
  insert into people values (1, 'alice@example.com', 'pays 4111 1111 1111 1111 here', 30, '{"a": 1}'), (2, 'bob@example.com', null, 40, null);
  create view people_view as select * from people;
  grant all on t, secrets, people, people_view to agent_role;
`;

let relay: Relay;
before(async () => {
  relay = await startRelay({ rules: RULES, initSql: INIT });
});
after(() => relay.stop());

async function connected<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: relay.url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const failure = (query: Promise<unknown>): Promise<DatabaseError> =>
  query.then(
    () => assert.fail('was let through'),
    (error: DatabaseError) => error,
  );
const rows = async (query: Promise<QueryResult>): Promise<unknown[]> => (await query).rows as unknown[];

describe('a denied statement', () => {
  it('is refused in the words of PostgreSQL, by the simple and the extended protocol', () =>
    connected(async (client) => {
      for (const query of [
        'drop table t',
        { text: 'drop table t', values: [] },
        { name: 'd', text: 'drop table t' },
        { text: 'select * from secrets where s = $1', values: ['x'] },
      ]) {
        const error = await failure(client.query(query as string));
        assert.equal(error.code, '42501');
        assert.match(error.message, /was denied by policy/);
        assert.match(error.detail ?? '', /Policy research, rule no-/);
      }
      assert.deepEqual(await rows(client.query('select count(*)::int as n from t')), [{ n: 10 }]);
    }));

  it('fails its transaction at the server, so that both sides agree on its state', () =>
    connected(async (client) => {
      await client.query('begin');
      await client.query("insert into t values (100, 'in doubt')");
      assert.equal((await failure(client.query('truncate t'))).code, '42501');
      assert.equal((await failure(client.query('select 1'))).code, '25P02');
      await client.query('rollback');
      assert.deepEqual(await rows(client.query('select * from t where a = 100')), []);
    }));

  it('is found inside CTEs, DO blocks, EXPLAIN, PREPARE, cursors and several statements', () =>
    connected(async (client) => {
      for (const sql of [
        'with x as (select * from secrets) select * from x',
        'do $$ begin perform * from secrets; end $$',
        'explain analyze select * from secrets',
        'prepare p as select * from secrets',
        'declare c cursor with hold for select * from secrets',
        'select 1; drop table t',
        'copy secrets to stdout',
        'set role postgres',
      ]) {
        assert.equal((await failure(client.query(sql))).code, '42501', sql);
      }
    }));

  it('is not reached by a name that was prepared as something else', () =>
    connected(async (client) => {
      await client.query('prepare s as select a from t where a = 1');
      assert.equal((await failure(client.query('prepare s as select s from secrets'))).code, '42501');
      assert.deepEqual(await rows(client.query('execute s')), [{ a: 1 }]);
    }));

  it('stands in its place among pipelined ones', async () => {
    const sql = postgres(relay.url, { max: 1, onnotice: () => undefined });
    const outcomes = await Promise.allSettled([sql`select 1 as n`, sql`drop table t`, sql`select 2 as n`, sql`select ${3}::int as n`]);
    await sql.end();
    assert.deepEqual(
      outcomes.map((outcome) =>
        outcome.status === 'fulfilled' ? (outcome.value[0] as { n: number }).n : (outcome.reason as DatabaseError).code,
      ),
      [1, '42501', 2, 3],
    );
  });

  it('says what cannot be read, and lets the session go on', () =>
    connected(async (client) => {
      assert.equal((await failure(client.query('selec 1'))).code, '42601');
      assert.deepEqual(await rows(client.query('select 1 as n')), [{ n: 1 }]);
    }));
});

describe('the record', () => {
  it('holds 1,000 prepared executions as 1,000 intents with their binds', async () => {
    await connected(async (client) => {
      for (let index = 0; index < 1_000; index++)
        await client.query({ name: 'many', text: 'select b from t where a = $1 /* counted */', values: [index] });
    });
    const events = await relay.sidecar.eventsWhen(
      (all) => all.filter((event) => event.stage === 'complete' && event.operation?.statement?.includes('counted')).length === 1_000,
    );
    const intents = events.filter((event) => event.stage === 'intent' && event.operation?.statement?.includes('counted'));
    assert.deepEqual(
      intents.map((event) => event.operation?.parameters?.['1']),
      Array.from({ length: 1_000 }, (_, index) => String(index)),
    );
    const completions = events.filter((event) => event.stage === 'complete' && event.operation?.statement?.includes('counted'));
    assert.equal(completions.filter((event) => event.response?.rows === 1).length, 10);
    assert.deepEqual(completions[1]?.response?.columns, [{ name: 'b', type: 'text' }]);
  });
});

describe('application_name', () => {
  it('says who acts again after the agent changed it, also inside a transaction', () =>
    connected(async (client) => {
      const shown = async () => rows(client.query('select application_name as name from pg_stat_activity where pid = pg_backend_pid()'));
      const tagged = await shown();
      await client.query("set application_name = 'somebody else'");
      assert.deepEqual(await shown(), tagged);
      await client.query('begin');
      await client.query("set application_name = 'somebody else'");
      assert.deepEqual(await shown(), tagged);
      await client.query('rollback');
      assert.deepEqual(await shown(), tagged);
      await client.query('reset all');
      assert.deepEqual(await shown(), tagged);
      assert.deepEqual(tagged, [{ name: 'carol@example.com/agent' }]);
    }));
});

describe('a masked column', () => {
  const hidden: [string, unknown[]?][] = [
    ['select email from people where id = 1'],
    ['select email as e from people where id = 1'],
    ['select lower(email) from people where id = 1'],
    ["select 'x' || email as y from people where id = 1"],
    ['select * from people where id = 1'],
    ['select e from (select email as e from people where id = 1) s'],
    ['with s(x) as (select email from people where id = 1) select x from s'],
    ['select p from people p where id = 1'],
    ['select row_to_json(p) from people p where id = 1'],
    ['select b from people as p(a, b) where a = 1'],
    ['select *, upper(email) as u from people where id = 1'],
    ['select card as nothing, email as e2 from people where id = $1', [1]],
    ['select email from people_view where id = 1'],
    ['select id from t join people on a = id where false union all select 1'].slice(0, 1) as [string],
    ['select array_agg(email) from people'],
    ["insert into people (id, email) values (3, 'carol@example.com') returning email as e"],
    ["update people set email = 'dave@example.com' where id = 3 returning *"],
  ];
  for (const [sql, values] of hidden) {
    it(sql, () =>
      connected(async (client) => {
        const result = await client.query({ text: sql, values: values ?? [], rowMode: 'array' });
        assert.doesNotMatch(JSON.stringify(result.rows), /@example|ALICE|alice/);
        const plain = await client.query(sql.replace('$1', '1'));
        assert.doesNotMatch(JSON.stringify(plain.rows), /@example|ALICE|alice/);
      }),
    );
  }

  it('leaves the rest alone, text masked as text and other types as NULL', () =>
    connected(async (client) => {
      assert.deepEqual(await rows(client.query('select id, email, age, extra from people where id = 1')), [
        { id: 1, email: '***', age: 30, extra: { a: 1 } },
      ]);
      assert.deepEqual(await rows(client.query('select length(email) as n, age from people where id = 1')), [{ n: null, age: 30 }]);
      assert.deepEqual(await rows(client.query('select card from people order by id limit 2')), [
        { card: 'pays *** here' },
        { card: null },
      ]);
    }));

  it('stays masked through cursors and prepared statements of SQL', () =>
    connected(async (client) => {
      await client.query('begin');
      await client.query('declare c cursor for select email as e, id from people where id < 3 order by id');
      assert.deepEqual(
        await rows(client.query('fetch all from c')),
        [
          { e: 'alice@example.com', id: 1 },
          { e: 'bob@example.com', id: 2 },
        ].map(({ id }) => ({ e: '***', id })),
      );
      await client.query('commit');
    }));

  it('is not in the record in the clear', async () => {
    const events = await relay.sidecar.eventsWhen((all) => all.some((event) => event.operation?.statement?.includes('update people')));
    assert.doesNotMatch(JSON.stringify(events), /carol@example\.com'|dave@example|4111 1111/);
    const masked = events.filter((event) => event.stage === 'complete' && (event.masked?.length ?? 0) > 0);
    assert.ok(masked.length > 10);
    assert.equal(masked[0]?.masked?.[0]?.rule, 'contacts');
  });
});
