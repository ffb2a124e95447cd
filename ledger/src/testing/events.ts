/** Evidence for tests: canonical lines with a right chain, in memory. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, type AuditEvent } from '@cairn/audit';
import type { LedgerRecord } from '../ingest/records.js';
import { openLedger, type Ledger } from '../ledger.js';

export const ALICE = {
  iss: 'https://idp.example',
  sub: 'u-1',
  name: 'alice@example.com',
  groups: ['analysts', 'staff'],
  authn: 'oidc' as const,
};
export const BOB = { iss: 'https://idp.example', sub: 'u-2', name: 'bob@example.com', groups: ['staff'], authn: 'oidc' as const };
const AGENT = { name: 'planner', namespace: 'research', pod: 'planner-0', uid: 'uid-planner', node: 'node-1' };

/** One stream that chains what it is given. */
export class TestStream {
  readonly id: string = randomUUID();
  #seq = 0;
  #prev = '0'.repeat(64);

  /** Members beside id, time, stage, agent and integrity as given; time counts in milliseconds from 2026-01-01. */
  line(event: Partial<AuditEvent>, millisecond = this.#seq): string {
    const integrity = { prev: this.#prev, seq: this.#seq, stream: this.id };
    const time = new Date(Date.UTC(2026, 0, 1) + millisecond).toISOString();
    const body = { id: randomUUID(), time, stage: 'intent', agent: AGENT, ...event };
    const hash = createHash('sha256')
      .update(canonicalJson({ ...body, integrity }))
      .digest('hex');
    this.#seq += 1;
    this.#prev = hash;
    return canonicalJson({ ...body, integrity: { ...integrity, hash } });
  }

  record(event: Partial<AuditEvent>, millisecond?: number): LedgerRecord {
    return { kind: 'event', line: this.line(event, millisecond) };
  }
}

export function sqlEvent(root: AuditEvent['root'], verb: string, resource: string, statement: string): Partial<AuditEvent> {
  const effect = verb === 'SELECT' ? 'read' : 'write';
  return {
    ...(root ? { root } : {}),
    operation: { verb, resource, effect, statement },
    target: { name: 'orders', host: 'orders.data.svc', port: 5432 },
    decision: { action: verb === 'DROP' ? 'Deny' : 'Allow', policy: 'research' },
    protocol: 'postgres',
  };
}

/** A new ledger in a folder of its own; `close` removes it. */
export function temporaryLedger(): { ledger: Ledger; folder: string; close: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-ledger-'));
  const ledger = openLedger(folder, { create: true });
  const close = (): void => {
    ledger.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ledger, folder, close };
}
