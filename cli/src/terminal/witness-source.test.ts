import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { readWitnessSource } from './witness-source.js';

const HEAD = { size: 7, root: 'ab'.repeat(32), time: '2026-11-22T10:00:00Z' };
const LIST = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    { kind: 'AuditStream', spec: { stream: 'one' }, status: { lastCheckpoint: HEAD, state: 'Open' } },
    { kind: 'AuditStream', spec: { stream: 'new' } },
    { kind: 'Approval', spec: {} },
  ],
};
const ENTRIES = [{ stream: 'one', ...HEAD }];

test('a registry, and a list of streams as kubectl writes it in JSON and YAML, say the same', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-witness-'));
  t.after(() => rm(folder, { recursive: true }));
  const texts = { 'a.json': JSON.stringify(LIST, null, 2), 'b.yaml': stringify(LIST), 'c.jsonl': `${JSON.stringify(ENTRIES[0])}\n` };
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(folder, name), text);
    assert.deepEqual(await readWitnessSource(join(folder, name)), ENTRIES, name);
  }
  await assert.rejects(readWitnessSource(join(folder, 'absent.json')), /cannot be read/);
  await writeFile(join(folder, 'other.json'), '{"kind":"Pod"}');
  await assert.rejects(readWitnessSource(join(folder, 'other.json')), /a witness entry has stream, size, root and time/);
});

test('a URL gives the list, and says what is wrong otherwise', async (t) => {
  const server = createServer((request, response) => response.end(request.url === '/list' ? JSON.stringify(LIST) : '{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  assert.deepEqual(await readWitnessSource(`${url}/list`), ENTRIES);
  await assert.rejects(readWitnessSource(url), /answered 200 and no list of AuditStream objects/);
});
