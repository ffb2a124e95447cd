/**
 * Given agents in a real cluster, one namespace with every layer, others with one switched off, one with none: every way around a
 * sidecar is tried from inside, and judged by who was reached. The table of the threat model is written from what was seen.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { localhostCertificate } from '@cairn/cli';
import { Arena, otherThan, tableOf, VARIANTS, withTable, type Outcome, type Row, type Variant } from '../../bypass/index.js';
import { installCairn } from '../../harness/cluster/cairn.js';
import { attachCluster, type Cluster } from '../../harness/cluster/index.js';
import { buildToolbox } from '../../harness/images/index.js';

const PAGE = new URL('../../../../docs/threat-model.md', import.meta.url);
const STOPPED: readonly Outcome[] = ['refused', 'timed out', 'mended'];

describe('ways around the sidecar', { timeout: 1_200_000 }, () => {
  let cluster: Cluster;
  let arena: Arena | undefined;
  let rows: readonly Row[];
  let failures: readonly string[];

  before(async () => {
    cluster = await attachCluster();
    await cluster.importImage((await buildToolbox()).archive);
    await installCairn(cluster);
    arena = new Arena(cluster, `credential-${randomBytes(12).toString('hex')}`, await localhostCertificate());
    await arena.open();
    ({ rows, failures } = await arena.tryEverything());
  });
  after(async () => {
    await arena?.close();
  });

  /** Says of each attempt that went another way what was seen. */
  const all = (variant: Variant, expected: Parameters<typeof otherThan>[2]): void => {
    const others = otherThan(rows, variant, expected);
    assert.equal(others.length, 0, others.join('\n'));
  };

  test('in the control every attempt succeeds: it would be seen if one did elsewhere', () =>
    all('control', (outcome) => outcome === 'reached'));

  test('with every layer none succeeds', () => all('full', (outcome) => STOPPED.includes(outcome)));

  test('whatever is asked of the API server is answered: who waits in vain was not refused', () => {
    for (const variant of VARIANTS) all(variant, (outcome, { family }) => family !== 'kubernetes' || outcome !== 'timed out');
  });

  test('nothing counts as stopped because a client was broken', () => {
    for (const variant of VARIANTS) all(variant, (outcome) => outcome !== 'broken client');
  });

  test('agents have done their declared work after all of it', () => assert.equal(failures.length, 0, failures.join('\n')));

  test('the table of the threat model is written', () => {
    writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8'), tableOf(rows)));
  });
});
