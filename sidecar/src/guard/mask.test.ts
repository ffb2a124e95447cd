import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Detector, Mask } from '@cairn/crds';
import * as fc from 'fast-check';
import { MASK, MaskCounts, maskerFor } from './mask.js';

const detecting = (...detect: Detector[]) => maskerFor([{ detect }])!;

describe('masker', () => {
  it('Given no masks, there is no masker; given the same array, the same masker', () => {
    assert.equal(maskerFor([]), undefined);
    const masks: Mask[] = [{ fields: ['email'] }];
    assert.equal(maskerFor(masks), maskerFor(masks));
  });

  it('compares names without case', () => {
    const masker = maskerFor([{ fields: ['Email', 'SSN'] }])!;
    assert.deepEqual(
      ['email', 'EMAIL', 'ssn', 'e-mail'].map((name) => masker.field(name)),
      [true, true, true, false],
    );
    assert.deepEqual([masker.fields, masker.detects], [true, false]);
  });

  it('counts by name for the event', () => {
    const counts = new MaskCounts();
    assert.equal(counts.masked('r'), undefined);
    counts.add('$..email', 1);
    counts.add('$..email', 2);
    assert.deepEqual(counts.masked('contacts'), [{ path: '$..email', rule: 'contacts', count: 3 }]);
  });
});

const PEM = '-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAK\n-----END RSA PRIVATE KEY-----';
const JWT = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2ln';

const FOUND: [Detector, string, string][] = [
  ['email', 'to alice@example.com, bob.b+x@mail.example.co.uk.', `to ${MASK}, ${MASK}.`],
  ['email', "/users/a@b.example?x='c@d.example'", `/users/${MASK}?x='${MASK}'`],
  ['email', 'a@b@c.example', `a@${MASK}`],
  ['email', "<mailto:Alice.O'Hara@xn--bcher-kva.example>", `<mailto:${MASK}>`],
  ['payment-card', 'card 4111 1111 1111 1111!', `card ${MASK}!`],
  ['payment-card', '4111-1111-1111-1111', MASK],
  ['payment-card', 'n=378282246310005;5555555555554444', `n=${MASK};${MASK}`],
  ['payment-card', '2026 4111111111111111', `2026 ${MASK}`],
  ['payment-card', '4111111111111111 2026', `${MASK} 2026`],
  ['iban', 'IBAN DE89370400440532013000.', `IBAN ${MASK}.`],
  ['iban', 'GB29 NWBK 6016 1331 9268 19 please', `${MASK} please`],
  ['us-ssn', 'ssn 123-45-6789', `ssn ${MASK}`],
  ['phone', 'call +49 (0)30 901820 now', `call ${MASK} now`],
  ['phone', 'call (212) 555-0142 or 212-555-0143', `call ${MASK} or ${MASK}`],
  ['jwt', `Bearer ${JWT}, ok`, `Bearer ${MASK}, ok`],
  ['private-key', `key:\n${PEM}\nend`, `key:\n${MASK}\nend`],
  ['private-key', '-----BEGIN PRIVATE KEY-----\nMIIEvQ', MASK],
];

const PASSED: [Detector, string][] = [
  ['email', 'user@localhost and @example.com and a@ b.c'],
  ['payment-card', '4111111111111112 and 1763800000000 and 41111111111111111111111'],
  ['payment-card', 'id-a4111111111111111'],
  ['iban', 'DE89370400440532013001 and DE8937040044053201300 and XX89370400440532013000'],
  ['us-ssn', '000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000 1123-45-6789'],
  ['phone', '2026-11-22 08:25:11 and 1.2.3.4 and +1234'],
  ['jwt', 'eyJhbGciOiJub25lIn0 and eyJ.x and aeyJhbGci.eyJz.c2ln'],
  ['private-key', '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----'],
];

describe('detectors', () => {
  for (const [detector, text, masked] of FOUND) {
    it(`${detector}: ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.equal(detecting(detector).text(text)?.value, masked);
    });
  }
  for (const [detector, text] of PASSED) {
    it(`${detector} leaves ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.equal(detecting(detector).text(text), undefined);
    });
  }

  it('says what it found first, and how often', () => {
    const found = detecting('phone', 'email', 'us-ssn').text('a@example.com b@example.com 123-45-6789');
    assert.deepEqual(found, { value: `${MASK} ${MASK} ${MASK}`, count: 3, detector: 'email' });
  });

  const ALL: Detector[] = ['email', 'payment-card', 'iban', 'us-ssn', 'phone', 'jwt', 'private-key'];
  const hard = fc.array(
    fc.oneof(
      fc.constantFrom('@', '.', '-', ' ', '+', '(', ')', 'eyJ', '1', '4111', 'DE89', 'a', '-----BEGIN ', 'PRIVATE KEY-----', '\n', 'é'),
      fc.string({ maxLength: 3 }),
    ),
  );

  it('never finds anything in what it left (idempotent), for any text', () => {
    const masker = detecting(...ALL);
    fc.assert(
      fc.property(hard, (parts) => {
        const found = masker.text(parts.join(''));
        if (found) assert.equal(masker.text(found.value), undefined);
      }),
    );
  });

  it('finds a card among any other words', () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,8}$/)), fc.array(fc.stringMatching(/^[a-z]{1,8}$/)), (before, after) => {
        const text = [...before, '4012888888881881', ...after].join(' ');
        assert.equal(detecting('payment-card').text(text)?.value, [...before, MASK, ...after].join(' '));
      }),
    );
  });

  it('ends on long hostile input (a quadratic finder would not within the test run)', () => {
    const masker = detecting(...ALL);
    for (const unit of [
      'a',
      '@',
      'a@',
      '1',
      '1 ',
      '4 ',
      '+1 ',
      'eyJ',
      'eyJ.',
      'DE89 ',
      '-----BEGIN ',
      '-----BEGIN PRIVATE KEY----- ',
      'a.',
      '((',
      '1-',
    ]) {
      masker.text(unit.repeat(Math.ceil(2_000_000 / unit.length)));
    }
  });
});
