/** The pages' commands for backup and for a cluster that is gone, as they are written, on real API servers. */
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { AgentLaunch, AuditStream } from '@cairn/crds';
import { createLaunchVerifier, uuidv7 } from '@cairn/identity';
import { kubectlProgram, runCommand, type ApiServer } from '../harness/kubernetes/index.js';
import { install, repositoryFile, type Installation } from './installation.js';
import { ask, create, enroll, exchange, pod, podOf, RESEARCH, workloadToken, type StoredPod } from './research.js';
import { until } from '../harness/until.js';

/** Commands of kubectl in the indented block below a sentence of the page; what stands behind `#` is for people. */
function commandsBelow(page: string, sentence: string): string[] {
  const [, rest] = page.split(sentence);
  assert.ok(rest !== undefined, `docs/operations.md says "${sentence}"`);
  const block = /\n\n((?: {4}.*\n)+)/.exec(rest)![1]!;
  const commands = block.split('\n').map((line) => line.replace(/ {2,}#.*$/, '').trim());
  return commands.filter((command) => command.startsWith('kubectl '));
}

/** A stream of the pod's sidecar, with a checkpoint that was witnessed. */
async function witnessed(cairn: Installation, agent: StoredPod): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const [stream, x] = [uuidv7(), publicKey.export({ format: 'jwk' }).x!];
  const token = await workloadToken(cairn.server, agent);
  const opened = await ask(cairn, '/v1/streams', { token, type: 'application/json', body: JSON.stringify({ stream, publicKey: x }) });
  assert.equal(opened.status, 201, opened.text);
  const name = `cairn.dev/stream/${stream}`;
  const text = `${name}\n7\n${createHash('sha256').update('head').digest('base64')}\ntime 2026-11-22T10:00:00Z\n`;
  const hint = createHash('sha256').update(`${name}\n\u0001`).update(Buffer.from(x, 'base64url')).digest().subarray(0, 4);
  const note = `${text}\n\u2014 ${name} ${Buffer.concat([hint, sign(null, Buffer.from(text), privateKey)]).toString('base64')}\n`;
  const told = await ask(cairn, '/v1/checkpoints', { token, type: 'text/plain', body: note });
  assert.equal(told.status, 204, told.text);
  return stream;
}

describe('a backup', () => {
  const ends: (() => Promise<void>)[] = [];
  const scope = { after: (end: () => Promise<void>) => void ends.push(end) };
  let folder: string;
  let page: string;
  let lost: Installation;
  let token: string;
  let launch: AgentLaunch;
  let stream: AuditStream;

  /** As somebody types them, in one folder. */
  async function run(server: ApiServer, commands: readonly string[]): Promise<void> {
    const env = { PATH: `${folder}:${process.env['PATH']}`, HOME: folder, KUBECONFIG: server.kubeconfig };
    for (const command of commands) {
      const { code, stdout, stderr } = await runCommand('bash', ['-e', '-o', 'pipefail', '-c', `cd ${folder} && ${command}`], { env });
      assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
    }
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cairn-backup-'));
    scope.after(() => rm(folder, { recursive: true, force: true }));
    await symlink(await kubectlProgram(), join(folder, 'kubectl'));
    page = await readFile(repositoryFile('docs/operations.md'), 'utf8');
    lost = await install(scope);
    await enroll(lost.server);
    await create(lost.server, pod('agent'), await lost.server.user('alice@example.com', ['research']));
    const agent = await podOf(lost.server, 'agent');
    const { status, body } = await exchange(lost, agent);
    assert.equal(status, 200, JSON.stringify(body));
    token = body.access_token!;
    const id = await witnessed(lost, agent);
    stream = await until('the witness', async () => {
      const found = await lost.server.get<AuditStream>('auditstream', id, '-n', RESEARCH);
      return found.status?.lastCheckpoint && found;
    });
    [launch] = (await lost.server.get<{ items: [AgentLaunch] }>('agentlaunches', '-n', RESEARCH)).items;
    await run(lost.server, commandsBelow(page, 'These are the commands:'));
    for (const replica of lost.replicas) await replica.stop();
  });
  after(async () => {
    for (const end of ends.toReversed()) await end();
  });

  test('restored into a new cluster keeps the keys, the policies, who launched what, and the witness', async () => {
    const commands = commandsBelow(page, '*The cluster is gone.*');
    const [namespace, keys, ...rest] = commands;
    const cairn = await install(scope, { prepare: (server) => run(server, [namespace!, keys!]) });
    // The agents' namespaces are part of what users keep themselves.
    await cairn.server.kubectl(['create', 'namespace', RESEARCH]);
    await cairn.server.kubectl(['label', 'namespace', RESEARCH, 'cairn.dev/enroll=true']);
    await run(cairn.server, rest);

    const jwks = async (): Promise<{ keys: [] }> => JSON.parse((await ask(cairn, '/.well-known/jwks.json', {})).text) as { keys: [] };
    const verifier = createLaunchVerifier({ issuer: 'https://cairn-operator.cairn-system.svc:8443', jwks: await jwks() });
    assert.equal((await verifier.verify(token)).launch.id, launch.spec.launch.id, 'what the lost cluster signed still verifies');

    const found = await cairn.server.get<AgentLaunch>('agentlaunch', launch.metadata.name, '-n', RESEARCH);
    assert.deepEqual(found.spec, launch.spec);
    const kept = await cairn.server.get<AuditStream>('auditstream', stream.metadata.name, '-n', RESEARCH);
    assert.deepEqual([kept.spec, kept.status?.lastCheckpoint], [stream.spec, stream.status!.lastCheckpoint]);
    const policy = await until('the policy in force', async () => {
      const { status } = await cairn.server.get<{ status?: { conditions?: { type: string; status: string }[] } }>(
        'auditpolicy',
        'research',
        '-n',
        RESEARCH,
      );
      return status?.conditions?.find(({ type }) => type === 'Accepted');
    });
    assert.equal(policy.status, 'True');
  });
});
