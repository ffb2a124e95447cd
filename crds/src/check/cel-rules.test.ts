import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Schema } from '../schema/structural.js';
import { checkCelRules } from './cel-rules.js';

const positive: Schema = { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self > 0', message: 'must be positive' }] };
const list: Schema = { type: 'object', properties: { counts: { type: 'array', items: positive } } };

test('a rule is told where the value stands that breaks it', () => {
  assert.deepEqual(checkCelRules(list, { counts: [1, 0, 2, -1] }, ['spec']), [
    { code: 'rule', path: ['spec', 'counts', 1], message: 'must be positive.' },
    { code: 'rule', path: ['spec', 'counts', 3], message: 'must be positive.' },
  ]);
  assert.deepEqual(checkCelRules(list, {}, []), []);
});

test('a rule that cannot be evaluated is broken, as at the API server', () => {
  assert.equal(checkCelRules(positive, 'text', []).length, 1);
});

test('rules on transitions are left to the API server', () => {
  const fixed: Schema = { type: 'integer', 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'fixed' }] };
  assert.deepEqual(checkCelRules(fixed, 1, []), []);
});
