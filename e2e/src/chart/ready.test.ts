import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { before, describe, test, type TestContext } from 'node:test';
import { freePorts } from '../harness/ports.js';
import { objects, template } from './helm.js';

interface TestPod {
  spec: { containers: { command: string[]; env: { name: string; value: string }[] }[] };
}

let command: string[];
let url: string;

before(async () => {
  const [pod] = objects(await template(['--show-only', 'templates/tests/ready.yaml'])) as unknown as [TestPod];
  const [container] = pod.spec.containers;
  command = container!.command;
  url = container!.env.find(({ name }) => name === 'URL')!.value;
});

async function operatorThatAnswers(t: TestContext, status: number, body: string): Promise<string> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    response.writeHead(status).end(body);
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/readyz`;
}

/** Runs what the container of `helm test` runs, against another address. */
async function run(address: string): Promise<{ code: number; said: string }> {
  const [program, ...args] = command;
  const child = spawn(program!, args, { env: { PATH: process.env['PATH'], URL: address } });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, said };
}

describe('what helm test runs', () => {
  test('asks the Service for readiness', () => {
    assert.equal(url, 'http://cairn-operator.cairn-system.svc:8080/readyz');
  });

  test('passes when the operator is ready', async (t) => {
    assert.equal((await run(await operatorThatAnswers(t, 200, 'ok\n'))).code, 0);
  });

  test('fails with the reason when it is not', async (t) => {
    const { code, said } = await run(await operatorThatAnswers(t, 503, 'no signing key yet\n'));
    assert.equal(code, 1);
    assert.match(said, /503 no signing key yet/);
  });

  test('fails when nobody answers', async () => {
    const [port] = await freePorts(1);
    const { code, said } = await run(`http://127.0.0.1:${port}/readyz`);
    assert.equal(code, 1);
    assert.match(said, /ECONNREFUSED/);
  });
});
