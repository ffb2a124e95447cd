import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthority } from '../credentials/authority.js';
import { MAX_SECURE_CONTEXTS } from './limits.js';
import { secureContextOf } from './secure-contexts.js';

const authority = await createAuthority('pod-1', ['one.test', 'two.test']);
const { certificate: cert, key } = authority.leafOf('one.test')!;
const other = authority.leafOf('two.test')!;
const ca = authority.certificate;

test('the same material is read once; whatever differs makes another context', () => {
  const first = secureContextOf({ cert, key, ca, minVersion: 'TLSv1.3' });
  assert.equal(secureContextOf({ cert, key, ca, minVersion: 'TLSv1.3' }), first);
  const others = [
    secureContextOf({ cert, key, ca, minVersion: 'TLSv1.2' }),
    secureContextOf({ cert, key, minVersion: 'TLSv1.3' }),
    secureContextOf({ cert, key, ca: cert, minVersion: 'TLSv1.3' }),
    secureContextOf({ ca, minVersion: 'TLSv1.3' }),
    secureContextOf({ cert: other.certificate, key: other.key, ca, minVersion: 'TLSv1.3' }),
  ];
  assert.equal(new Set([first, ...others]).size, 6);
});

test('a key of another certificate is refused each time, though the certificate is known', () => {
  for (let time = 0; time < 2; time++) {
    assert.throws(() => secureContextOf({ cert, key: other.key, ca, minVersion: 'TLSv1.3' }), /key values mismatch/);
  }
});

test('what was not used for longest is forgotten', () => {
  const used = secureContextOf({ cert, key, ca, minVersion: 'TLSv1.3' });
  const forgotten = secureContextOf({ ca, minVersion: 'TLSv1.3' });
  for (let each = 0; each < MAX_SECURE_CONTEXTS - 1; each++) {
    secureContextOf({ ca: `${ca}${'\n'.repeat(each + 1)}`, minVersion: 'TLSv1.3' });
    assert.equal(secureContextOf({ cert, key, ca, minVersion: 'TLSv1.3' }), used);
  }
  assert.notEqual(secureContextOf({ ca, minVersion: 'TLSv1.3' }), forgotten);
});
