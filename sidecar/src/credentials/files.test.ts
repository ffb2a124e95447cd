import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Credential, Target } from '@cairn/crds';
import { CredentialFiles } from './files.js';
import { CREDENTIAL_CHECK_MS, MAX_CREDENTIAL_BYTES } from './limits.js';

let dir: string;
before(() => (dir = mkdtempSync(join(tmpdir(), 'cairn-credentials-'))));
after(() => rmSync(dir, { recursive: true, force: true }));

function secret(path: string, content: string): void {
  mkdirSync(dirname(join(dir, path)), { recursive: true });
  writeFileSync(join(dir, path), content);
}

function target(credential: Credential | undefined, caSecret?: { name: string; key: string }): Target {
  return {
    name: 'db',
    protocol: 'postgres',
    hosts: ['db.example'],
    port: 5432,
    tls: { mode: 'Require', ...(caSecret ? { caSecret } : {}) },
    ...(credential ? { credential } : {}),
    forward: [],
    capture: { maxRows: 0, maxBytes: 0 },
    functions: { read: [] },
  };
}

const files = (now = (): number => 0): CredentialFiles => new CredentialFiles({ secrets: dir, serviceAccount: join(dir, 'account') }, now);
const tokenOf = (subject: unknown): string => `h.${Buffer.from(JSON.stringify({ sub: subject })).toString('base64url')}.s`;

describe('the credentials of a target', () => {
  it('are none where none is declared', () => assert.deepEqual(files().of(target(undefined)), { kind: 'none' }));

  it('are a name and a password without the line end of their files', () => {
    secret('login/username', 'alice\n');
    secret('login/password', ' s3cret\r\n');
    assert.deepEqual(files().of(target({ secret: 'login' })), { kind: 'password', username: 'alice', password: 's3cret' });
  });

  it('are a bearer token by its key', () => {
    secret('api/token', 'abc\n');
    assert.deepEqual(files().of(target({ bearerSecret: { name: 'api', key: 'token' } })), { kind: 'bearer', token: 'abc' });
  });

  it('are a client certificate, with a user name where there is one', () => {
    secret('tls/tls.crt', 'CERT\n');
    secret('tls/tls.key', 'KEY\n');
    const asked = target({ clientCertificateSecret: 'tls' });
    assert.deepEqual(files().of(asked), { kind: 'certificate', cert: 'CERT\n', key: 'KEY\n', username: undefined });
    secret('tls/username', 'app\n');
    assert.deepEqual(files().of(asked), { kind: 'certificate', cert: 'CERT\n', key: 'KEY\n', username: 'app' });
  });

  it('are looked at again for a rotation, at the end of their time and not before', () => {
    secret('rotated/token', 'first');
    let now = 1_000;
    const rotating = files(() => now);
    const token = (): unknown => rotating.of(target({ bearerSecret: { name: 'rotated', key: 'token' } }));
    assert.deepEqual(token(), { kind: 'bearer', token: 'first' });
    secret('rotated/token', 'second');
    now += CREDENTIAL_CHECK_MS - 1;
    assert.deepEqual(token(), { kind: 'bearer', token: 'first' });
    now += 1;
    assert.deepEqual(token(), { kind: 'bearer', token: 'second' });
  });

  for (const [what, credential, missing] of [
    ['a user name', { secret: 'empty' }, 'username'],
    ['a bearer token', { bearerSecret: { name: 'empty', key: 'nope' } }, 'nope'],
    ['a certificate', { clientCertificateSecret: 'empty' }, 'tls.crt'],
  ] as const) {
    it(`say which key is missing: ${what}`, () => {
      assert.throws(
        () => files().of(target(credential)),
        new Error(`Secret empty has no key ${missing}: add it, the target's credential names it`),
      );
    });
  }

  it('say that a password is missing, and nothing of what is there', () => {
    secret('half/username', 'alice');
    assert.throws(() => files().of(target({ secret: 'half' })), /^Error: Secret half has no key password: add it(?!.*alice)/);
  });

  it("are the pod's own token of its service account, renewed as kubelet renews it", () => {
    let now = 0;
    const rotating = files(() => now);
    const asked = target({ serviceAccount: 'planner' });
    assert.throws(() => rotating.of(asked), /the pod's service account has no token here/);
    const token = tokenOf('system:serviceaccount:research:planner');
    secret('account/token', `${token}\n`);
    assert.deepEqual(rotating.of(asked), { kind: 'bearer', token });
    secret('account/token', `${token}2`);
    now += CREDENTIAL_CHECK_MS;
    assert.deepEqual(rotating.of(asked), { kind: 'bearer', token: `${token}2` });
  });

  it("are not another service account's than the policy says, nor anybody else's", () => {
    for (const subject of ['system:serviceaccount:research:writer', 'planner', 'system:serviceaccount:planner', undefined, 7]) {
      secret('account/token', tokenOf(subject));
      assert.throws(
        () => files().of(target({ serviceAccount: 'planner' })),
        /target db is for the service account planner, and the pod runs as/,
      );
    }
    secret('account/token', 'no token');
    assert.throws(() => files().of(target({ serviceAccount: 'planner' })), /the pod runs as nobody known/);
  });

  it('are not a service account where no token is mounted', () => {
    const without = new CredentialFiles({ secrets: dir, serviceAccount: undefined }, () => 0);
    assert.throws(() => without.of(target({ serviceAccount: 'planner' })), /have the pod injected again/);
  });

  it('are read at the limit of their size, and not a byte beyond', () => {
    const asked = target({ bearerSecret: { name: 'large', key: 'token' } });
    secret('large/token', 'x'.repeat(MAX_CREDENTIAL_BYTES));
    assert.equal((files().of(asked) as { token: string }).token.length, MAX_CREDENTIAL_BYTES);
    secret('large/token', 'x'.repeat(MAX_CREDENTIAL_BYTES + 1));
    assert.throws(() => files().of(asked), /Secret large, key token: 65537 bytes, over the limit of 65536/);
  });
});

describe('the CA of a target', () => {
  it("is the cluster's where a service account is presented", () => {
    secret('account/ca.crt', 'CLUSTER\n');
    assert.equal(files().ca(target({ serviceAccount: 'planner' })), 'CLUSTER\n');
  });
  it('is the public roots where none is declared', () => assert.equal(files().ca(target(undefined)), undefined));
  it('is read by its key', () => {
    secret('ca/ca.crt', 'PEM\n');
    assert.equal(files().ca(target(undefined, { name: 'ca', key: 'ca.crt' })), 'PEM\n');
  });
  it('has to be there', () => {
    assert.throws(() => files().ca(target(undefined, { name: 'ca', key: 'other' })), /Secret ca has no key other/);
  });
});
