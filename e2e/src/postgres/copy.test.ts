import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { unsealRecord } from './unseal.js';
import { startRelay, type Relay } from './relay.js';

const RULES = `
  - {name: contacts, match: {resources: [people, wide]}, action: Allow, level: RequestResponse, mask: [{fields: [email]}, {detect: [payment-card]}]}
`;

let relay: Relay;
before(async () => {
  relay = await startRelay({
    rules: RULES,
    initSql: `create table people (id int, email text, card text);
      insert into people values (1, 'alice@example.com', 'pays 4111 1111 1111 1111'), (2, E'tab\\t"quoted"\\n@example.com', null);
      create table wide (id int, email text, twice text generated always as (email || email) stored);
      insert into wide values (1, 'alice@example.com'); grant all on people, wide to agent_role;`,
  });
});
after(() => relay.stop());

function psql(...commands: string[]): { stdout: string; stderr: string } {
  return spawnSync('psql', ['-X', relay.url, ...commands.flatMap((command) => ['-c', command])], { encoding: 'utf8', timeout: 60_000 });
}

const CASES: [sql: string, expected: string][] = [
  ['copy people to stdout', '1\t***\tpays ***\n2\t***\t\\N\n'],
  ['copy people (id, email) to stdout', '1\t***\n2\t***\n'],
  ['copy (select email as e, id from people order by id) to stdout', '***\t1\n***\t2\n'],
  ['copy (select * from people where id = 1) to stdout with (format csv, header)', 'id,email,card\n1,***,pays ***\n'],
  ['copy people (email, id) to stdout with (format csv, force_quote *)', '***,"1"\n***,"2"\n'],
  ["copy (select lower(email), id from people where id = 1) to stdout with (delimiter '|')", '***|1\n'],
  // COPY leaves generated columns out, so the names cannot be told: everything is masked.
  ['copy wide to stdout', '***\t***\n'],
];

describe('COPY ... TO STDOUT of masked columns', () => {
  for (const [sql, expected] of CASES) {
    it(sql, () => {
      const { stdout, stderr } = psql(sql);
      assert.equal(stdout, expected, stderr);
    });
  }

  it('is refused in binary format, and the session goes on', () => {
    const { stdout, stderr } = psql('copy people to stdout with (format binary)', 'select 5');
    assert.match(stderr, /COPY in binary format cannot be masked/);
    assert.match(stdout, /5/);
  });

  it('fails as it would without masks where the table is missing', () => {
    assert.match(psql('copy nowhere to stdout').stderr, /relation "nowhere" does not exist/);
  });

  it('is kept whole under seal, and tells the masked columns in the record', async () => {
    const events = await relay.sidecar.eventsWhen((all) =>
      all.some((event) => event.stage === 'complete' && event.operation?.statement === 'copy people to stdout'),
    );
    const complete = events.find((event) => event.stage === 'complete' && event.operation?.statement === 'copy people to stdout');
    assert.equal(complete?.response?.rows, 2);
    assert.deepEqual(
      complete?.masked?.find((each) => each.path === 'email'),
      { path: 'email', rule: 'contacts', count: 2 },
    );
    assert.doesNotMatch(JSON.stringify(events), /alice@example/);
    const reference = complete?.response?.payload?.[0];
    assert.ok(reference);
    assert.match((await unsealRecord(relay, complete, reference)).toString(), /alice@example\.com/);
  });
});
