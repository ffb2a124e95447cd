import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { AuditEvent, PayloadReference } from '../event.js';
import { MAX_RECORD_BYTES } from '../limits.js';
import { AGENT, pieces, readLog, temporaryFolder, testAuthority, type TestLog } from '../testing/log.js';
import { createStreamWriter } from '../writer/writer.js';
import { auditorPublicKey, generateAuditorKey, parseAuditorJwk } from './auditor-key.js';
import { readPayload, SealError, unseal } from './payload.js';

const { publicJwk, privateJwk } = generateAuditorKey();

/** Writes bodies, a flush after each group, and gives back the log and each body's reference. */
async function seal(groups: Buffer[][]): Promise<{ log: TestLog; references: PayloadReference[] }> {
  const folder = temporaryFolder();
  const { certify } = await testAuthority();
  const writer = await createStreamWriter({ dir: folder.dir, agent: AGENT, certify, auditorKey: auditorPublicKey(publicJwk) });
  const references: PayloadReference[] = [];
  for (const group of groups) {
    for (const body of group) {
      const reference = writer.payload([body.subarray(0, 3), body.subarray(3)], 'text/plain')!;
      references.push(reference);
      writer.append(
        ...pieces({ agent: AGENT, id: 'x', stage: 'complete', request: { size: body.length, payload: [reference] }, time: 't' }),
      );
    }
    writer.flush();
  }
  await writer.close('test');
  const log = readLog(folder.dir, writer.id);
  folder.remove();
  return { log, references };
}

function opener(log: TestLog, key = privateJwk): (record: number) => Promise<Buffer> {
  const sealing = (JSON.parse(log.lines[0]!) as AuditEvent).stream!.sealing!;
  return (record) => {
    const found = log.payloads.find((payload) => payload.record === record)!;
    return unseal(key, sealing, log.stream, record, found.ciphertext);
  };
}

describe('sealed payloads', () => {
  test('open with the auditor key, however bodies lie in records', async () => {
    const sizes = [1, 100, 70_000, MAX_RECORD_BYTES - 200, 300, MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1, 3 * MAX_RECORD_BYTES + 7, 5];
    const bodies = sizes.map((size, index) => Buffer.alloc(size, `${index}:`));
    const { log, references } = await seal([bodies.slice(0, 2), bodies.slice(2)]);
    for (const [index, reference] of references.entries()) {
      assert.ok((await readPayload(reference, opener(log))).equals(bodies[index]!), `body ${index}`);
    }
    for (const { ciphertext } of log.payloads) assert.ok(ciphertext.length <= MAX_RECORD_BYTES + 16);
    assert.ok(references.every(({ record, offset, length }) => length > MAX_RECORD_BYTES || spans(log, record) >= offset + length));
  });

  test('do not open with another key, as another record, or altered', async () => {
    const { log } = await seal([[Buffer.from('one')], [Buffer.from('two')]]);
    const [first, second] = log.payloads;
    const sealing = (JSON.parse(log.lines[0]!) as AuditEvent).stream!.sealing!;
    const stranger = generateAuditorKey().privateJwk;
    await assert.rejects(unseal(stranger, sealing, log.stream, 0, first!.ciphertext), /is sealed to auditor key/);
    await assert.rejects(unseal({ ...stranger, kid: sealing.kid }, sealing, log.stream, 0, first!.ciphertext), SealError);
    await assert.rejects(unseal(privateJwk, sealing, log.stream, 0, second!.ciphertext), SealError);
    await assert.rejects(unseal(privateJwk, sealing, '0192f000-0000-7000-8000-000000000000', 0, first!.ciphertext), SealError);
    await assert.rejects(unseal(privateJwk, sealing, log.stream, 0, first!.ciphertext.subarray(0, 10)), SealError);
    for (let at = 0; at < first!.ciphertext.length; at++) {
      const altered = Buffer.from(first!.ciphertext);
      altered[at]! ^= 1;
      await assert.rejects(unseal(privateJwk, sealing, log.stream, 0, altered), SealError);
    }
  });

  test('never lie in the spool in the clear', async () => {
    const { log } = await seal([[Buffer.from('secret-value')]]);
    const everything = Buffer.concat([...log.payloads.map(({ ciphertext }) => ciphertext), Buffer.from(log.lines.join())]);
    assert.equal(everything.includes('secret-value'), false);
  });
});

function spans(log: TestLog, record: number): number {
  return log.payloads.find((payload) => payload.record === record)!.ciphertext.length - 16;
}

describe('auditor keys', () => {
  test('are read as they were written', () => {
    assert.deepEqual(parseAuditorJwk(JSON.stringify(privateJwk)), privateJwk);
    assert.deepEqual(parseAuditorJwk(JSON.stringify(publicJwk)), publicJwk);
    assert.deepEqual(parseAuditorJwk(JSON.stringify({ ...publicJwk, kid: undefined })), publicJwk);
  });

  test('are refused with a sentence that holds no part of them', () => {
    for (const wrong of [
      '',
      '[',
      'null',
      '{}',
      '{"kty":"EC"}',
      { ...privateJwk, x: 'short' },
      { ...privateJwk, d: 'short' },
      { ...privateJwk, kid: 'other' },
    ]) {
      const text = typeof wrong === 'string' ? wrong : JSON.stringify(wrong);
      assert.throws(
        () => parseAuditorJwk(text),
        (error: Error) => error instanceof TypeError && /auditor key/.test(error.message) && !error.message.includes(privateJwk.d),
      );
    }
  });
});
