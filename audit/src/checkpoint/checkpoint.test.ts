import assert from 'node:assert/strict';
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, test } from 'node:test';
import { MAX_NOTE_BYTES } from '../limits.js';
import { CheckpointError, formatCheckpoint, verifyCheckpoint } from './checkpoint.js';

const stream = '0192f000-0000-7000-8000-000000000000';
const checkpoint = { stream, size: 257, root: 'ab'.repeat(32), time: '2026-11-22T08:00:00.000000Z' };

/** RFC 8032 7.1, test 1. */
const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
const key = createPrivateKey({
  key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
  format: 'der',
  type: 'pkcs8',
});
const x = createPublicKey(key).export({ format: 'jwk' }).x!;
const publicKey = Buffer.from(x, 'base64url');
const note = formatCheckpoint(checkpoint, { key, publicKey });

function refusal(text: string, by = x): string {
  try {
    verifyCheckpoint(text, by);
  } catch (error) {
    assert.ok(error instanceof CheckpointError);
    return error.code;
  }
  return 'accepted';
}

describe('a checkpoint', () => {
  test('has the form of tlog-checkpoint and signed-note', () => {
    const name = `cairn.dev/stream/${stream}`;
    const lines = note.split('\n');
    assert.deepEqual(lines.slice(0, 5), [
      name,
      '257',
      Buffer.from(checkpoint.root, 'hex').toString('base64'),
      `time ${checkpoint.time}`,
      '',
    ]);
    const [dash, signer, signature] = lines[5]!.split(' ');
    assert.deepEqual([dash, signer, lines[6]], ['\u2014', name, '']);
    // c2sp.org/signed-note: SHA-256(name, 0x0A, 0x01, key)[:4]
    const keyHash = createHash('sha256').update(`${name}\n\u0001`).update(publicKey).digest().subarray(0, 4);
    assert.deepEqual(Buffer.from(signature!, 'base64').subarray(0, 4), keyHash);
  });

  test('comes back as it was signed', () => {
    assert.deepEqual(verifyCheckpoint(note, x), checkpoint);
  });

  test('does not hold for another key', () => {
    const other = createPublicKey(createPrivateKey({ key: otherKey(), format: 'der', type: 'pkcs8' })).export({ format: 'jwk' }).x!;
    assert.equal(refusal(note, other), 'signature');
  });

  test('holds in one spelling of its base64 only', () => {
    // 68 bytes leave four unused bits in the last character before the padding.
    const at = note.lastIndexOf('=') - 1;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
    for (const character of alphabet) {
      const spelled = note.slice(0, at) + character + note.slice(at + 1);
      assert.equal(refusal(spelled), spelled === note ? 'accepted' : 'signature');
    }
  });

  test('is refused where it is none', () => {
    for (const text of [
      '',
      'x',
      note.replace('cairn.dev', 'example.com'),
      note.replace('257', '0257'),
      note.replace('257', '-1'),
      note.replace('time ', ''),
    ]) {
      assert.equal(refusal(text), 'malformed');
    }
    assert.equal(refusal(note.replace('257', '258')), 'signature');
    assert.equal(refusal(note + note.split('\n')[5]! + '\n'), 'signature');
    assert.equal(refusal(note.padEnd(MAX_NOTE_BYTES, '\n')), 'signature');
    assert.equal(refusal(note.padEnd(MAX_NOTE_BYTES + 1, '\n')), 'malformed');
  });
});

function otherKey(): Buffer {
  return Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 7)]);
}
