/** Delivery BestEffort: traffic goes on while evidence cannot be written, and what is missing is told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createVerifier, SpoolReader, type Report } from '@cairn/audit';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { askThrough, sinkPolicy, startHttpSink } from '../harness/http-sink.js';
import { spoolEvents, startSidecar } from '../harness/sidecar.js';

const RULES =
  '{name: chatter, match: {targets: [sink], resources: ["/chatter", "/chatter/*"]}, action: Allow, level: RequestResponse, delivery: BestEffort}';
/** More events than the ring of a sidecar holds. */
const MANY = 2_100;

async function verified(plane: ControlPlane, spool: string): Promise<Report> {
  const verifier = createVerifier({ trust: { issuer: plane.url, jwks: plane.service.jwks() } });
  for (const record of new SpoolReader(spool).read(Number.POSITIVE_INFINITY)) {
    if (record.kind === 'event') verifier.event(record.line, record.stream);
    else if (record.kind === 'checkpoint') verifier.checkpoint(record.note);
    else verifier.payload(record.stream, record.record, record.ciphertext);
  }
  return verifier.finish();
}

/** Runs a command on a disk of its own of 6 MiB, where it may mount one. */
const ON_TINY_DISK = ['unshare', '--mount', '--map-root-user', 'sh', '-c', 'mount -t tmpfs -o size=6m tmpfs "$0" && exec "$@"'];

test('on a full disk BestEffort requests pass and the others are refused; a signed gap tells what is missing', async () => {
  const sink = await startHttpSink();
  const plane = await startControlPlane(sinkPolicy({ rules: RULES }));
  const folder = mkdtempSync(join(tmpdir(), 'cairn-best-effort-'));
  const spool = join(folder, 'disk', 'spool');
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  mkdirSync(join(folder, 'disk'));
  const sidecar = await startSidecar({
    plane,
    folder,
    prefix: [...ON_TINY_DISK, join(folder, 'disk')],
    resolve: { 'sink.internal:80': sink.address },
    env: { CAIRN_SPOOL_DIR: spool },
  });
  const inside = join('/proc', String(sidecar.pid), 'root', folder, 'disk');
  const ask = async (path: string): Promise<number> =>
    (await askThrough(sidecar.proxyPort, `http://sink.internal${path}`, { agent, body: 'hello' })).status;
  try {
    assert.deepEqual([await ask('/durable'), await ask('/chatter')], [200, 200]);
    fill(join(inside, 'ballast'));
    // An answer whose outcome is the first that does not fit breaks off.
    while ((await ask('/durable').catch(() => 0)) === 200);
    assert.equal(await ask('/durable'), 503);
    for (let number = 0; number < MANY; number += 1) assert.equal(await ask(`/chatter/${number}`), 200);
    assert.equal(await ask('/durable'), 503);
    rmSync(join(inside, 'ballast'));
    const shown = join(inside, 'spool');
    const until = performance.now() + 10_000;
    while (!spoolEvents(shown).some(({ gap }) => gap?.reason === 'best-effort')) {
      assert.ok(performance.now() < until, 'the gap was never told');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.deepEqual([await ask('/durable'), await ask('/chatter/after')], [200, 200]);
    const events = spoolEvents(shown);
    const { count } = events.find(({ gap }) => gap?.reason === 'best-effort')!.gap!;
    const chatter = events.filter(
      ({ operation }) => operation?.resource.startsWith('/chatter/') && operation.resource !== '/chatter/after',
    );
    assert.equal(chatter.length + count, MANY * 2);
    assert.ok(chatter.every(({ request, response }) => !request?.payload && !response?.payload));
    const report = await verified(plane, shown);
    assert.deepEqual(report.integrity.findings, []);
    assert.ok(report.coverage.streams[0]!.gaps.reasons.includes('best-effort'));
  } finally {
    agent.destroy();
    await sidecar.stop();
    await plane.stop();
    sink.close();
  }
});

function fill(ballast: string): void {
  for (const size of [64, 4, 1].map((kibibytes) => kibibytes * 1024)) {
    for (;;) {
      try {
        writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        break;
      }
    }
  }
}

test('requests into an agent pass as well where the default is BestEffort', async () => {
  const agent = createServer((request, response) => request.resume().on('end', () => response.end('served')));
  agent.listen(0, '127.0.0.1');
  await once(agent, 'listening');
  const plane = await startControlPlane(sinkPolicy().replace('default: {action: Allow,', 'default: {action: Allow, delivery: BestEffort,'));
  const folder = mkdtempSync(join(tmpdir(), 'cairn-best-effort-'));
  // A quota that is used up from the start.
  const old = join(folder, 'spool', '01900000-0000-7000-8000-000000000000');
  mkdirSync(old, { recursive: true });
  writeFileSync(join(old, 'old.torn'), Buffer.alloc(1024 * 1024 - 32 * 1024));
  const serves = (agent.address() as AddressInfo).port;
  const sidecar = await startSidecar({ plane, folder, serves, env: { CAIRN_SPOOL_QUOTA_MIB: '1' } });
  try {
    for (let number = 0; number < 20; number += 1) assert.equal((await fetch(`${sidecar.inboundUrl}/${number}`)).status, 200);
    assert.equal((await fetch(`${sidecar.adminUrl}/readyz`)).status, 503);
    rmSync(old, { recursive: true });
    const events = await sidecar.eventsWhen((all) => all.filter(({ stage }) => stage === 'complete').length === 20);
    assert.equal(events.filter(({ stage }) => stage === 'intent').length, 20);
  } finally {
    await sidecar.stop();
    await plane.stop();
    agent.close();
  }
});
