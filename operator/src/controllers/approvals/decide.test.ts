import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Approval } from '@cairn/crds';
import { aged } from '../../service/approvals/decide.js';
import { approvalStep } from './decide.js';

const START = Date.parse('2026-11-22T10:00:00Z');
const at = (minutes: number): number => START + minutes * 60_000;
const time = (minutes: number): string => new Date(at(minutes)).toISOString();
const vote = (name: string, decision: 'approve' | 'deny', minutes: number): Approval['votes'][number] => ({
  approver: { iss: 'kubernetes', sub: name, name, groups: [] },
  decision,
  time: time(minutes),
});

const PENDING = {
  state: 'pending',
  requirement: { groups: ['db-owners'], minimum: 2, timeout: '30m' },
  votes: [],
  created: time(0),
  expires: time(30),
  used: false,
} as unknown as Approval;
const APPROVED: Approval = {
  ...PENDING,
  state: 'approved',
  votes: [vote('bob', 'approve', 1), vote('carol', 'approve', 2)],
  expires: time(32),
};
const RETENTION = 3600;

const CASES: [string, Approval, number, string, string][] = [
  [
    'a pending one says how many are missing',
    { ...PENDING, votes: [vote('bob', 'approve', 1)] },
    5,
    'Waiting',
    '1 of db-owners must still approve',
  ],
  ['an approved one names who approved', APPROVED, 5, 'Approved', 'approved by bob, carol'],
  ['a used one says so', { ...APPROVED, used: true }, 5, 'Used', 'approved by bob, carol, and used'],
  ['a denied one names who denied', { ...PENDING, state: 'denied', votes: [vote('bob', 'deny', 1)] }, 5, 'Denied', 'denied by bob'],
  ['one that nobody decided expires', PENDING, 30, 'Expired', 'nobody decided'],
  ['one that nobody used expires', APPROVED, 32, 'Expired', 'nobody used it'],
];

for (const [name, approval, minutes, reason, message] of CASES) {
  test(name, () => {
    const step = approvalStep(aged(approval, at(minutes)), at(minutes), RETENTION);
    assert.equal(step.kind, 'Status');
    assert.equal(step.kind === 'Status' && step.observation.reason, reason);
    assert.match(step.kind === 'Status' ? step.observation.message : '', new RegExp(`^${message}`));
  });
}

test('an open one is looked at again when it expires, an ended one is cleared away after retention and not sooner', () => {
  const open = approvalStep(PENDING, at(10), RETENTION);
  assert.equal(open.kind === 'Status' && open.afterMs, 20 * 60_000);
  const used = { ...APPROVED, used: true };
  assert.equal(approvalStep(used, at(62) - 1, RETENTION).kind, 'Status');
  assert.equal(approvalStep(used, at(62), RETENTION).kind, 'Delete', 'an hour after the last vote');
  assert.equal(approvalStep(aged(PENDING, at(90)), at(90), RETENTION).kind, 'Delete', 'an hour after it expired');
});
