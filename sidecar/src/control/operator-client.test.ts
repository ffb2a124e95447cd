import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { issueAuthority, issueLeaf } from '../credentials/certificates.js';
import { OperatorClient } from './operator-client.js';

test("the operator's CA may rotate under a running sidecar: the bundle is read as it is now", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-operator-ca-'));
  t.after(() => rm(folder, { recursive: true }));
  const caFile = join(folder, 'ca.crt');
  const [first, second] = [await issueAuthority('first'), await issueAuthority('second')];
  const leafOf = async (authority: typeof first): Promise<{ cert: string; key: string }> => {
    const { certificate, key } = await issueLeaf('127.0.0.1', authority);
    return { cert: certificate, key };
  };
  const server = createServer(await leafOf(first), (_request, response) => response.setHeader('connection', 'close').end('{"keys":[]}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await writeFile(caFile, first.certificate);
  const operator = new OperatorClient({ url, caFile, workloadTokenFile: join(folder, 'token') });
  t.after(() => operator.close());
  assert.ok(operator.serves(`${url}/.well-known/jwks.json`) && !operator.serves('https://elsewhere.example/jwks'));
  assert.deepEqual(await operator.jwks(), { keys: [] });
  server.setSecureContext(await leafOf(second));
  await assert.rejects(operator.jwks(), /was not reached/);
  await writeFile(caFile, `${first.certificate}\n${second.certificate}`);
  assert.deepEqual(await operator.jwks(), { keys: [] });
});

test('a connection that was kept open and is closed by now costs no answer', async (t) => {
  const open: Socket[] = [];
  const server = createHttpServer((_request, response) => response.end('{"keys":[]}'));
  server.on('connection', (socket) => open.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const operator = new OperatorClient({ url, caFile: undefined, workloadTokenFile: 'none' });
  t.after(() => operator.close());
  await Promise.all([operator.jwks(), operator.jwks(), operator.jwks()]);
  assert.equal(open.length, 3);
  // The next question is on its way before their end is seen.
  for (const socket of open) socket.resetAndDestroy();
  assert.deepEqual(await operator.jwks(), { keys: [] });
  assert.equal(open.length, 4);
  server.close().closeAllConnections();
  await assert.rejects(operator.jwks(), /was not reached/);
});
