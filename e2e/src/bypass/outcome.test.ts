import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Attempt, Probe } from './attempt.js';
import { evidenceOf, type Records } from './evidence.js';
import { outcomeOf, type Hit, type ProbeResult } from './outcome.js';

const PROBE: Probe = { kind: 'tcp', host: '10.0.0.1', port: 8080, payload: 'x' };
const served: Attempt = {
  id: 'pod',
  title: 'TCP to a pod',
  family: 'network',
  layer: 'L1 sidecar',
  probe: () => PROBE,
  reached: { kind: 'server', server: 'upstream' },
};
const printed: Attempt = { ...served, reached: { kind: 'output', pattern: /^REACHED/m } };
const fronted: Attempt = { ...served, reached: { kind: 'server', server: 'upstream', saying: /^host: outside/im } };

const result = (more: Partial<ProbeResult> = {}): ProbeResult => ({ id: 'pod', said: '', timedOut: false, code: 0, ...more });
const hit = (text = 'GET /bypass-x-pod HTTP/1.1'): Hit => ({ server: 'upstream', marker: 'bypass-x-pod', via: 'tcp', text });

describe('the outcome of an attempt', () => {
  it('is judged where it arrives: a server that was reached counts, whatever the client saw', () => {
    assert.equal(outcomeOf(served, result({ errno: 'ECONNRESET' }), [hit()]), 'reached');
    assert.equal(outcomeOf(served, result({ said: 'HTTP/1.1 200 OK', code: 0 }), []), 'broken client');
  });

  it('is mended where the server was reached without what would have been a way around', () => {
    assert.equal(outcomeOf(fronted, result({ said: 'HTTP/1.1 200 OK' }), [hit('GET /x\r\nhost: declared')]), 'mended');
    assert.equal(outcomeOf(fronted, result(), [hit('GET /x\r\nHost: outside.test')]), 'reached');
    assert.equal(outcomeOf(printed, result({ said: 'MENDED: a sidecar was added' }), []), 'mended');
  });

  for (const [what, given, expected] of [
    ['a marker of success', { said: 'REACHED' }, 'reached'],
    ['a kernel that says no', { errno: 'EPERM' }, 'refused'],
    ['a silent close', {}, 'refused'],
    ['a problem of the sidecar', { said: 'HTTP/1.1 403\r\n\r\n{"type":"urn:cairn:problem:undeclared"}' }, 'refused'],
    ['an admission policy', { said: "Error from server (Forbidden): ValidatingAdmissionPolicy 'x'", code: 1 }, 'refused'],
    ['an empty answer of DNS', { said: 'rcode 3 answers 0 address none' }, 'refused'],
    ['a sidecar that lost its own way', { said: 'HTTP/1.1 502\r\n\r\n{"type":"https://cairn.dev/problems/target-dns"}' }, 'broken client'],
    ['a target that nobody answered for', { said: '{"type":"https://cairn.dev/problems/target-timeout"}' }, 'timed out'],
    ['nothing in time', { timedOut: true }, 'timed out'],
    ['a client out of time', { said: 'curl: (28) Operation timed out', code: 28 }, 'timed out'],
    ['a program that is not there', { broken: 'no such file: kubectl' }, 'broken client'],
    ['a kernel without that protocol', { errno: 'EAFNOSUPPORT' }, 'broken client'],
    ['a traceback', { said: 'Traceback (most recent call last)', code: 1 }, 'broken client'],
    ['a command that is not found', { said: 'sh: 1: nft: not found', code: 127 }, 'broken client'],
  ] as const) {
    it(`of ${what} is: ${expected}`, () => assert.equal(outcomeOf(printed, result(given), []), expected));
  }
});

describe('the evidence of who stopped an attempt', () => {
  const none: Records = { events: new Set(), refusedDestinations: new Set(), refusedNames: new Set(), drops: new Set() };
  const id = '01890000-0000-7000-8000-000000000001';
  const evidence = (given: Partial<ProbeResult>, records: Partial<Records> = {}, probe: Probe = PROBE): string =>
    evidenceOf(served, probe, 'refused', result(given), { ...none, ...records });

  it('is the event that the answer names, if it was recorded', () => {
    const said = `HTTP/1.1 403 Forbidden\r\n\r\n{"event":"${id}"}`;
    assert.equal(evidence({ said }, { events: new Set([id]) }), 'event of the refusal, named in the answer');
    assert.equal(evidence({ said }), 'answer 403');
  });
  it('is the event of the destination where the answer has no words', () => {
    assert.equal(evidence({}, { refusedDestinations: new Set(['10.0.0.1:8080']) }), 'event of a refused `CONNECT`');
  });
  it("is the name in the sidecar's log", () => {
    const probe: Probe = { kind: 'dns', server: '10.0.0.2', port: 53, name: 'a.test', tcp: false };
    assert.equal(evidence({}, { refusedNames: new Set(['a.test']) }, probe), "sidecar's log: name refused");
  });
  it('is the packet that the network policy dropped', () => {
    assert.equal(evidence({ timedOut: true }, { drops: new Set(['10.0.0.1:8080']) }), "Cilium's log: policy denied");
  });
  it('is the policy or webhook that the API server names', () => {
    assert.equal(evidence({ said: "ValidatingAdmissionPolicy 'cairn-tokens' with binding" }), 'API server: policy `cairn-tokens`');
    assert.equal(
      evidence({ said: 'admission webhook "enrolled.cairn.dev" denied the request' }),
      'API server: webhook `enrolled.cairn.dev`',
    );
  });
  it('is the errno of the kernel', () => assert.equal(evidence({ errno: 'EPERM' }), 'errno EPERM'));
  it('says so where there is none but the server that was not reached', () => {
    assert.equal(evidence({}), 'upstream was not reached (refused)');
  });
});
