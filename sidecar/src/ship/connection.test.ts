import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { kafkaConfig } from './connection.js';

test('the password is read from its file at each connect, without the newline at its end', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'cairn-ship-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const passwordFile = join(dir, 'password');
  const connection = { brokers: ['b:9092'], sasl: { mechanism: 'scram-sha-512', username: 'u', passwordFile } } as const;
  writeFileSync(passwordFile, 'first\n');
  assert.deepEqual(kafkaConfig(connection, 'c').sasl, { mechanism: 'scram-sha-512', username: 'u', password: 'first' });
  writeFileSync(passwordFile, 'second');
  assert.deepEqual(kafkaConfig(connection, 'c').sasl, { mechanism: 'scram-sha-512', username: 'u', password: 'second' });
});

test('a file that is not there is named, and verification is never off', () => {
  const caFile = join(tmpdir(), 'cairn-no-such', 'ca.crt');
  assert.throws(() => kafkaConfig({ brokers: ['b:9092'], tls: { caFile } }, 'c'), { code: 'config', message: new RegExp(caFile) });
  assert.deepEqual(kafkaConfig({ brokers: ['b:9092'], tls: {} }, 'c').ssl, { rejectUnauthorized: true });
  assert.throws(() => kafkaConfig({ brokers: [] }, 'c'), { code: 'config' });
});
