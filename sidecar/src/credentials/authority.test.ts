import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { connect, createServer, rootCertificates, type DetailedPeerCertificate } from 'node:tls';
import { newSessionToken, sessionTokenCheck, writeAgentFolder } from './agent-folder.js';
import { createAuthority, type CertificateAuthority } from './authority.js';
import { MAX_LEAVES } from './limits.js';

const LONG = `${'a'.repeat(63)}.${'b'.repeat(63)}.example`;
const NAMES = ['Crm.example', LONG];
let authority: CertificateAuthority;
before(async () => (authority = await createAuthority('pod-0', NAMES)));

/** Connects as an agent that trusts this CA alone; rejects as its TLS does. */
async function handshake(name: string, from = authority, trust = from.certificate): Promise<DetailedPeerCertificate> {
  const server = createServer({ SNICallback: (servername, done) => done(null, from.secureContextFor(servername)) });
  server.on('tlsClientError', () => undefined);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ port, host: '127.0.0.1', servername: name, ca: trust });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate(true);
  } finally {
    socket.destroy();
    server.close();
  }
}

describe('the certificate authority of a pod', () => {
  it('is a CA that may sign leaves only, and names its pod', () => {
    const ca = new X509Certificate(authority.certificate);
    assert.equal(ca.ca, true);
    assert.match(ca.subject, /Cairn sidecar of pod-0/);
    assert.ok(ca.verify(ca.publicKey));
    assert.doesNotMatch(authority.certificate, /PRIVATE KEY/);
  });

  for (const name of ['crm.example', 'CRM.example', LONG]) {
    it(`serves ${name.slice(0, 20)} to clients that trust it`, async () => {
      const leaf = await handshake(name);
      assert.equal(leaf.subjectaltname, `DNS:${name === LONG ? LONG : 'crm.example'}`);
      assert.equal(leaf.ca, false);
    });
  }

  it('serves a name that was not prepared as localhost, which its client refuses', async () => {
    await assert.rejects(handshake('other.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    assert.equal(authority.secureContextFor('other.example'), authority.secureContextFor(undefined));
  });

  it('is trusted by nobody else', async () => {
    const other = await createAuthority('pod-0');
    await assert.rejects(handshake('crm.example', authority, other.certificate), (error: NodeJS.ErrnoException) => {
      return ['SELF_SIGNED_CERT_IN_CHAIN', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERT_SIGNATURE_FAILURE'].includes(error.code ?? '');
    });
  });

  it('makes leaves of names that come later, once each', async () => {
    await authority.prepare(['late.example', 'crm.example']);
    assert.equal((await handshake('late.example')).subjectaltname, 'DNS:late.example');
    const context = authority.secureContextFor('late.example');
    await authority.prepare(['LATE.example']);
    assert.equal(authority.secureContextFor('late.example'), context);
  });

  it('makes leaves up to its limit, and says so of one more', async () => {
    const names = Array.from({ length: MAX_LEAVES - 1 }, (_, index) => `h${index}.example`); // localhost is one
    const full = await createAuthority('pod-1', names);
    assert.notEqual(full.secureContextFor(names.at(-1)), full.secureContextFor(undefined));
    await full.prepare(names);
    await assert.rejects(full.prepare(['one.more']), /more than 256 hosts need a certificate: declare fewer/);
  });
});

describe('the folder of the agent', () => {
  it('holds the CA, the public roots with it, and what in-cluster clients look for', () => {
    const dir = mkdtempSync(join(tmpdir(), 'cairn-agent-'));
    try {
      const folder = join(dir, 'agent');
      writeAgentFolder(folder, authority.certificate, 'before', 'old');
      writeAgentFolder(folder, authority.certificate, 'research', newSessionToken());
      assert.deepEqual(readdirSync(folder).sort(), ['bundle.crt', 'bundle.jks', 'ca.crt', 'namespace', 'token']);
      assert.equal(readFileSync(join(folder, 'namespace'), 'utf8'), 'research');
      assert.match(readFileSync(join(folder, 'token'), 'utf8'), /^cairn-session-[\w-]{43}$/);
      assert.equal(readFileSync(join(folder, 'ca.crt'), 'utf8'), authority.certificate);
      const bundle = readFileSync(join(folder, 'bundle.crt'), 'utf8');
      assert.equal(bundle.match(/BEGIN CERTIFICATE/g)?.length, rootCertificates.length + 1);
      assert.ok(bundle.trim().endsWith(authority.certificate.trim()));
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it('has a token that this sidecar alone knows', () => {
    const token = newSessionToken();
    assert.notEqual(token, newSessionToken());
    const isSessionToken = sessionTokenCheck(token);
    assert.equal(isSessionToken(token), true);
    for (const other of ['', token.slice(0, -1), `${token}x`, newSessionToken()]) assert.equal(isSessionToken(other), false);
  });
});
