/** Without Kafka: a ledger takes the spool in and acknowledges it, and the sidecar makes room. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { listSegments, listStreams } from '@cairn/audit';
import { LEDGER_FILES, openLedger, SpoolAcknowledger, SpoolIngest, verifyLedger } from '@cairn/ledger';
import { startControlPlane } from '../harness/control-plane.js';
import { askThrough, sinkPolicy, startHttpSink } from '../harness/http-sink.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

const BODY = 'x'.repeat(40_000);
const QUOTA = { CAIRN_SPOOL_QUOTA_MIB: '1' };

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('a sidecar goes on past its quota as the ledger acknowledges, and over a kill -9 between acknowledgement and deletion', async () => {
  const sink = await startHttpSink();
  const plane = await startControlPlane(sinkPolicy());
  const folder = mkdtempSync(join(tmpdir(), 'cairn-embedded-'));
  const { issuer } = plane.service.tokenService();
  writeFileSync(join(folder, LEDGER_FILES.trust), JSON.stringify({ issuer, jwks: plane.service.jwks() }));
  const ledger = openLedger(folder, { create: true });
  const start = (again?: string): Promise<Sidecar> =>
    startSidecar({ plane, resolve: { 'sink.internal:80': sink.address }, env: QUOTA, ...(again ? { folder: again } : {}) });
  let sidecar = await start();
  const segments = (): string[] =>
    listStreams(sidecar.spoolFolder).flatMap((stream) => listSegments(join(sidecar.spoolFolder, stream)).map(({ path }) => path));
  const take = async (): Promise<void> => {
    const ingest = new SpoolIngest(ledger, sidecar.spoolFolder);
    ingest.drain();
    const { withheld } = await new SpoolAcknowledger(ledger, sidecar.spoolFolder, ingest).acknowledge();
    assert.deepEqual(withheld, []);
  };
  let asked = 0;
  const untilRefused = async (): Promise<number> => {
    for (let passed = 0; passed < 100; passed += 1) {
      asked += 1;
      const { status } = await askThrough(sidecar.proxyPort, `http://sink.internal/${asked}`, { body: BODY });
      if (status === 503) return passed;
      assert.equal(status, 200);
    }
    throw new Error('the quota was never reached');
  };
  const ready = async (): Promise<boolean> => (await fetch(`${sidecar.adminUrl}/readyz`)).status === 200;
  try {
    for (let round = 0; round < 3; round += 1) {
      assert.ok((await untilRefused()) > 5, `round ${round}`);
      await take();
      await until('the sidecar has room again', ready);
    }
    await untilRefused();
    sidecar.process.kill('SIGSTOP');
    const before = segments();
    await take();
    await sidecar.kill();
    assert.deepEqual(segments(), before, 'acknowledged, and not deleted');
    sidecar = await start(sidecar.folder);
    await until('the next sidecar deleted them', () => segments().length < before.length);
    await until('it is ready', ready);
    assert.ok((await untilRefused()) > 5);
    await sidecar.stop({ keep: true });
    await take();

    rmSync(sidecar.folder, { recursive: true });
    const report = await verifyLedger(ledger);
    assert.deepEqual(report.integrity.findings, []);
    const outcomes = [...ledger.query({})].filter(({ event }) => event.stage === 'intent').map(({ event }) => event.operation?.resource);
    assert.deepEqual(
      [...sink.reached].filter((path) => !outcomes.includes(path)),
      [],
    );
    assert.ok(sink.reached.size > 50);
  } finally {
    await sidecar.stop();
    await plane.stop();
    sink.close();
    ledger.close();
    rmSync(folder, { recursive: true });
  }
});
