import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { nextCertificateStep, type CertificateStep, type Lifetimes } from './decide.js';
import { bundleOf, certificatesOf, heldCertificates, secretData, type HeldCertificates } from './held.js';
import { BUNDLE_CAS_COUNT } from './limits.js';
import { certificatesAfter, firstCertificates } from './step.js';

const NAMES = ['cairn-operator.cairn-system.svc', '127.0.0.1'];
const LIFETIMES: Lifetimes = { caSeconds: 100_000, leafSeconds: 30_000, overlapSeconds: 3600 };
const START = Date.parse('2026-11-22T10:00:00Z');

const stepAt = (held: HeldCertificates | undefined, seconds: number, distributed = true, names = NAMES): CertificateStep =>
  nextCertificateStep({ held, names, distributed, now: START + seconds * 1000, lifetimes: LIFETIMES });

async function after(step: CertificateStep, held: HeldCertificates, seconds: number): Promise<HeldCertificates> {
  return (await certificatesAfter(step, held, { names: NAMES, now: START + seconds * 1000, lifetimes: LIFETIMES }))!;
}

const first = await firstCertificates({ names: NAMES, now: START, lifetimes: LIFETIMES });

test('what is missing is created, and what is there is left alone', () => {
  assert.equal(stepAt(undefined, 0), 'Create');
  assert.equal(stepAt(first, 0), 'Nothing');
  assert.equal(stepAt(first, 0, true, [...NAMES, 'another.name']), 'RenewLeaf', 'a name is served that no certificate has');
});

test('a leaf is renewed after two thirds of its life, by the same CA', async () => {
  assert.equal(stepAt(first, 19_999), 'Nothing');
  assert.equal(stepAt(first, 20_000), 'RenewLeaf');
  const renewed = await after('RenewLeaf', first, 20_000);
  assert.equal(renewed.signing.cert, first.signing.cert);
  assert.notEqual(renewed.leaf.cert, first.leaf.cert);
  assert.equal(stepAt(renewed, 20_000), 'Nothing');
});

test('a new CA is trusted everywhere, for the overlap, before it signs; the old one is trusted for the overlap after', async () => {
  assert.equal(stepAt({ ...first, leaf: (await after('RenewLeaf', first, 99_999)).leaf }, 99_999), 'Nothing');
  assert.equal(stepAt(first, 100_000), 'IntroduceCa');
  const introduced = await after('IntroduceCa', await after('RenewLeaf', first, 99_000), 100_000);
  assert.ok(certificatesOf(bundleOf(introduced)).includes(introduced.next!.cert));
  assert.ok(new X509Certificate(introduced.leaf.cert).verify(new X509Certificate(first.signing.cert).publicKey), 'it signs nothing yet');
  assert.equal(stepAt(introduced, 103_599), 'Nothing');
  assert.equal(stepAt(introduced, 103_600, false), 'Nothing', 'somewhere it is not trusted yet');
  assert.equal(stepAt(introduced, 103_600), 'SwitchCa');
  const switched = await after('SwitchCa', introduced, 103_600);
  assert.ok(new X509Certificate(switched.leaf.cert).verify(new X509Certificate(introduced.next!.cert).publicKey));
  assert.deepEqual(switched.previous, [first.signing.cert]);
  assert.ok(certificatesOf(bundleOf(switched)).includes(first.signing.cert));
  assert.equal(stepAt(switched, 107_199), 'Nothing');
  assert.equal(stepAt(switched, 107_200), 'RetireCa');
  assert.deepEqual(certificatesOf(bundleOf(await after('RetireCa', switched, 107_200))), [switched.signing.cert]);
});

test('a bundle holds as many CAs as its limit says, the one that signs first', () => {
  const previous = (count: number): string[] => Array.from({ length: count }, () => first.signing.cert);
  const bundled = (count: number): number => certificatesOf(bundleOf({ ...first, previous: previous(count) })).length;
  assert.deepEqual([bundled(BUNDLE_CAS_COUNT - 1), bundled(BUNDLE_CAS_COUNT)], [BUNDLE_CAS_COUNT, BUNDLE_CAS_COUNT]);
});

test('the Secret gives back what was put into it, at every stage', async () => {
  const introduced = await after('IntroduceCa', first, 100_000);
  const switched = await after('SwitchCa', introduced, 103_600);
  for (const held of [first, introduced, switched]) {
    const data = Object.fromEntries(Object.entries(secretData(held)).filter((entry): entry is [string, string] => entry[1] !== null));
    assert.deepEqual(heldCertificates({ metadata: {}, data }), held);
  }
  assert.equal(heldCertificates({ metadata: {}, data: { 'tls.crt': 'AAAA' } }), undefined, 'a damaged Secret is issued anew');
});
