import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Approval, ApprovalRequest } from '@cairn/crds';
import {
  createOidcVerifier,
  createPersonTokenVerifier,
  createWorkloadVerifier,
  generateSigningKey,
  mintWorkloadToken,
  signJwt,
  uuidv7,
} from '@cairn/identity';
import { createOperatorService, createTokenReviews, fileStores } from '@cairn/operator';
import { authorize, confirmDevice } from '../demo/parts/oidc-login.js';
import { startOidcProvider, type OidcProvider } from '../demo/parts/oidc.js';

const CAIRN = resolve(import.meta.dirname, '..', '..', 'bin', 'cairn.js');
const pod = { namespace: 'research', name: 'planner-0', uid: 'u' };

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function start(...words: string[]): { child: ChildProcess; ended: Promise<Ended>; line: (pattern: RegExp) => Promise<string> } {
  const child = spawn(process.execPath, [CAIRN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const ended = new Promise<Ended>((done) => child.on('close', (code) => done({ code, out, err })));
  const line = (pattern: RegExp): Promise<string> =>
    new Promise((found, lost) => {
      const look = (): void => {
        const match = pattern.exec(err);
        if (match) found(match[1] ?? match[0]);
      };
      child.stderr.on('data', look);
      child.on('close', () => lost(new Error(`ended without ${String(pattern)}: ${err}`)));
      look();
    });
  return { child, ended, line };
}

const cairn = (...words: string[]): Promise<Ended> => start(...words).ended;

async function startProvider(t: TestContext): Promise<{ provider: OidcProvider; folder: string }> {
  const provider = await startOidcProvider();
  const folder = await mkdtemp(join(tmpdir(), 'cairn-commands-'));
  t.after(async () => {
    await provider.close();
    await rm(folder, { recursive: true });
  });
  return { provider, folder };
}

const spec = (issuer: string) => ({ issuer, audiences: ['cairn'], groupsClaim: 'groups', usernameClaim: 'email' });
const bobsForm = new URLSearchParams({ name: 'bob@example.com', password: 'password' });

test('cairn launch logs Bob in through a browser and stores a token that only he can read', async (t) => {
  const { provider, folder } = await startProvider(t);
  const file = join(folder, 'new', 'token');
  const { ended, line } = start('launch', '--issuer', provider.issuer, '--token-file', file);
  const url = new URL(await line(/(http\S+)/));
  await fetch(await authorize(url, url.searchParams.get('redirect_uri')!, bobsForm));
  const { code, out, err } = await ended;
  assert.deepEqual([code, out], [0, ''], err);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const { principal } = await createOidcVerifier(spec(provider.issuer)).verify((await readFile(file, 'utf8')).trim());
  assert.deepEqual([principal.name, principal.groups], ['bob@example.com', ['db-owners']]);
});

test('an answer with another state is not taken for a login', async (t) => {
  const { provider, folder } = await startProvider(t);
  const { ended, line } = start('launch', '--issuer', provider.issuer, '--token-file', join(folder, 'token'));
  const url = new URL(await line(/(http\S+)/));
  const answer = await authorize(url, url.searchParams.get('redirect_uri')!, bobsForm);
  answer.searchParams.set('state', 'forged');
  await fetch(answer);
  assert.equal((await ended).code, 2);
  await assert.rejects(stat(join(folder, 'token')));
});

test('cairn launch by a device code', async (t) => {
  const { provider } = await startProvider(t);
  const { ended, line } = start('launch', '--device', '--print', '--issuer', provider.issuer, '--resource', 'urn:cairn.dev:agents');
  await line(/The code is (\S+)/);
  await confirmDevice(new URL(await line(/(http\S+)/)), bobsForm);
  const { code, out, err } = await ended;
  assert.equal(code, 0, err);
  assert.equal((await createOidcVerifier(spec(provider.issuer)).verify(out.trim())).principal.name, 'bob@example.com');
});

test('cairn launch says who may vouch, and takes one of them', async () => {
  const none = await cairn('launch', '--print');
  assert.deepEqual([none.code, none.out], [2, '']);
  assert.match(none.err, /--issuer, --saml-metadata or --service-account-token/);
  const both = await cairn('launch', '--issuer', 'https://a', '--saml-metadata', 'https://b');
  assert.equal(both.code, 2);
  assert.match(both.err, /cannot be used with/);
  assert.match((await cairn('launch', '--saml-metadata', 'https://b')).err, /--entity-id/);
});

test('a service account logs in with a token that the API server knows, and nobody with another', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-commands-'));
  t.after(() => rm(folder, { recursive: true }));
  const cluster = await generateSigningKey();
  const now = Math.floor(Date.now() / 1000);
  const username = 'system:serviceaccount:ci:builder';
  const claims = {
    iss: 'https://cluster',
    sub: username,
    aud: ['cairn.dev'],
    iat: now,
    exp: now + 600,
    'kubernetes.io': { namespace: 'ci' },
  };
  const known = await signJwt(cluster, 'JWT', claims);
  const service = await createOperatorService({
    stores: fileStores(join(folder, 'state')),
    workloads: createWorkloadVerifier({ issuer: 'https://cluster', jwks: { keys: [cluster.publicJwk] } }),
    reviews: createTokenReviews(
      async (token) => (token === known ? { authenticated: true, audiences: ['cairn.dev'], user: { username, groups: ['ci'] } } : {}),
      'cairn.dev',
    ),
    providers: [],
    bundleFor: () => undefined,
    agentOf: () => undefined,
    log: () => undefined,
  });
  t.after(() => service.close());
  const server = await service.listen();
  const file = join(folder, 'sa');
  await writeFile(file, `${known}\n`);
  const { code, out, err } = await cairn('launch', '--service-account-token', file, '--server', server, '--print');
  assert.equal(code, 0, err);
  const verifier = createPersonTokenVerifier({ issuer: service.tokenService().issuer, jwks: service.tokenService().jwksUri });
  assert.equal((await verifier.verify(out.trim())).principal.name, username);
  await writeFile(file, await signJwt(cluster, 'JWT', { ...claims, jti: 'another' }));
  const refused = await cairn('launch', '--service-account-token', file, '--server', server, '--print');
  assert.deepEqual([refused.code, refused.out], [1, '']);
  assert.match(refused.err, /the API server does not know the token/);
});

test('approvals are listed and decided, and a launch is revoked, by whom the token names', async (t) => {
  const { provider, folder } = await startProvider(t);
  const cluster = await generateSigningKey();
  const service = await createOperatorService({
    stores: fileStores(join(folder, 'state')),
    workloads: createWorkloadVerifier({ issuer: 'https://cluster', jwks: { keys: [cluster.publicJwk] } }),
    providers: [{ oidc: spec(provider.issuer) }],
    bundleFor: () => ({ version: '1', policies: [], providers: [], tokenService: service.tokenService() }),
    agentOf: () => ({ name: 'planner', namespace: 'research', maxDepth: 3, allowLoops: false }),
    adminGroups: ['cairn-admins'],
    log: () => undefined,
  });
  t.after(() => service.close());
  const server = await service.listen();
  const request: ApprovalRequest = {
    digest: `sha256:${'a'.repeat(64)}`,
    event: uuidv7(),
    target: 'orders',
    operations: [{ verb: 'INSERT', resource: 'orders', effect: 'write' }],
    summary: 'INSERT INTO orders\u001b[2J',
    actor: {
      agent: { name: 'planner', namespace: 'research' },
      root: { iss: provider.issuer, sub: 'alice', name: 'alice@example.com', groups: [], authn: 'oidc' },
    },
    policy: 'research',
    rule: 'writes',
    requirement: { groups: ['db-owners', 'analysts'], minimum: 1, timeout: '30m' },
  };
  const now = Math.floor(Date.now() / 1000);
  const podToken = await mintWorkloadToken(
    cluster,
    { pod, serviceAccount: 'planner' },
    { issuer: 'https://cluster', now, lifetimeSeconds: 60 },
  );
  const asked = await fetch(`${server}/v1/approvals`, {
    method: 'POST',
    headers: { authorization: `Bearer ${podToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const { id } = (await asked.json()) as Approval;

  const as = async (user: string): Promise<string[]> => {
    const file = join(folder, user);
    await writeFile(file, (await provider.login({ user })).idToken);
    return ['--server', server, '--token-file', file];
  };
  const [alice, bob, carol] = [await as('alice'), await as('bob'), await as('carol')];
  const shown = await cairn('approvals', 'list', ...bob);
  assert.equal(shown.code, 0, shown.err);
  assert.ok(shown.out.includes(id) && shown.out.includes('alice@example.com') && !shown.out.includes('\u001b[2J'));
  assert.equal((JSON.parse((await cairn('approvals', 'list', '--json', ...bob)).out) as Approval).id, id);
  const own = await cairn('approvals', 'approve', id, ...alice);
  assert.equal(own.code, 1);
  assert.match(own.err, /whoever set the action in motion cannot decide/);
  const approved = await cairn('approvals', 'approve', id, '--reason', 'checked', ...bob);
  assert.deepEqual([approved.code, approved.out], [0, `${id} is approved\n`]);
  assert.equal((await cairn('approvals', 'deny', id, ...carol)).code, 1);

  const launch = uuidv7();
  assert.equal((await cairn('revoke', launch, ...bob)).code, 1);
  const revoked = await cairn('revoke', launch, '--json', ...carol);
  assert.equal((JSON.parse(revoked.out) as { by: string }).by, 'carol@example.com');
  assert.equal((await cairn('approvals', '--server', 'http://127.0.0.1:9', ...bob.slice(2))).code, 2);
  assert.match((await cairn('approvals', '--server', server, '--token-file', join(folder, 'none'))).err, /log in with cairn launch/);
});
