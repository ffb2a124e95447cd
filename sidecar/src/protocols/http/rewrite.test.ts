import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IDENTITY_HEADERS } from '@cairn/identity';
import { RequestHead } from './head.js';
import { type RequestChange, authorizationLine, baggageMembers, rewriteRequest } from './rewrite.js';

const NOTHING: RequestChange = { path: undefined, authorization: '', tags: '', baggage: undefined, masked: false, drops: undefined };
const lines = (...fields: string[]): Buffer => Buffer.from(['GET /a HTTP/1.1', 'Host: h', ...fields, '', ''].join('\r\n'), 'latin1');
const rewritten = (fields: string[], change: Partial<RequestChange> = {}): string[] => {
  const raw = lines(...fields);
  return rewriteRequest(new RequestHead(raw), raw, { ...NOTHING, ...change })
    .toString('latin1')
    .split('\r\n')
    .slice(2, -2);
};

describe('the head that the target gets', () => {
  it('is the very buffer where nothing changes', () => {
    const raw = lines('A: b', 'Connection: keep-alive', 'Upgrade: websocket');
    assert.equal(rewriteRequest(new RequestHead(raw), raw, NOTHING), raw);
  });

  it('has no identity of the agent’s making, in any spelling', () => {
    for (const name of IDENTITY_HEADERS) {
      const spelled = name.endsWith('-') ? `${name}user` : name;
      for (const each of [spelled, spelled.toUpperCase(), spelled.replaceAll('-', '_')]) {
        assert.deepEqual(rewritten([`X-A: 1`, `${each}: forged`, 'X-B: 2']), ['X-A: 1', 'X-B: 2'], each);
      }
    }
  });

  it('has the credential in place of the agent’s', () => {
    const bearer = authorizationLine({ kind: 'bearer', token: 's3\n' });
    assert.deepEqual(rewritten(['authorization: Basic x', 'A: b', 'Authorization: y'], { authorization: bearer }), [
      'A: b',
      'Authorization: Bearer s3',
    ]);
    assert.equal(authorizationLine({ kind: 'password', username: 'u', password: 'p' }), 'Authorization: Basic dTpw\r\n');
    assert.deepEqual(rewritten(['Authorization: mine']), ['Authorization: mine']);
  });

  it('has tags, and no proxy fields', () => {
    const tags = 'Cairn-Event: e\r\nTxn-Token: t\r\n';
    assert.deepEqual(rewritten(['Proxy-Authorization: x', 'Proxy-Connection: y', 'Cairn-Event: z'], { tags }), [
      'Cairn-Event: e',
      'Txn-Token: t',
    ]);
  });

  it('lets no Connection option take our fields away', () => {
    const tags = 'Txn-Token: t\r\n';
    const got = rewritten(['Connection: close, Txn-Token, X-Drop, Host', 'X-Drop: 1', 'A: b'], { tags });
    assert.deepEqual(got, ['A: b', 'Txn-Token: t', 'Connection: close']);
  });

  it('has no Upgrade to HTTP/2 and keeps others', () => {
    assert.deepEqual(rewritten(['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: x']), []);
    assert.deepEqual(rewritten(['Connection: Upgrade', 'Upgrade: h2c, websocket']), ['Connection: Upgrade', 'Upgrade: websocket']);
  });

  it('names the person in Baggage beside the agent’s own members, never in its words', () => {
    const root = { iss: 'https://id.example', sub: '1', name: 'alice@example.com', groups: [], authn: 'oidc' as const };
    const identity = { root, launch: { id: 'l2', chain: 'l1', depth: 2, path: ['n/a', 'n/b'] } };
    const baggage = baggageMembers({ method: 'handle', identity, token: undefined, candidates: undefined, cause: undefined });
    const want = 'cairn.root=alice%40example.com,cairn.issuer=https%3A%2F%2Fid.example,cairn.launch=l2,cairn.chain=l1';
    assert.deepEqual(rewritten(['baggage: a=1, cairn.root=bob'], { baggage }), [`Baggage: a=1,${want}`]);
    assert.deepEqual(rewritten(['baggage: a=1, Cairn.root=bob']), ['Baggage: a=1']);
    assert.deepEqual(rewritten(['baggage: a=1']), ['baggage: a=1']);
  });

  it('asks only for codings that can be masked, and for whole bodies', () => {
    const got = rewritten(['Accept-Encoding: gzip;q=0.5, zstd, br', 'Range: bytes=0-4', 'If-Range: "x"'], { masked: true });
    assert.deepEqual(got, ['Accept-Encoding: gzip;q=0.5, br']);
    assert.deepEqual(rewritten(['Accept-Encoding: zstd'], { masked: true }), ['Accept-Encoding: identity']);
  });
});
