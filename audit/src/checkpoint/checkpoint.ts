/**
 * Checkpoints in the form of c2sp.org/tlog-checkpoint. The root is the chain's head, not a Merkle root:
 * docs/decisions/0030-checkpoints-over-a-chain.md.
 */
import type { KeyObject } from 'node:crypto';
import { MAX_NOTE_BYTES } from '../limits.js';
import { openNote, signNote } from './note.js';

export interface Checkpoint {
  stream: string;
  /** Events of the stream that it covers: seq 0 to size - 1. */
  size: number;
  /** Hex hash of the event with seq size - 1. */
  root: string;
  time: string;
}

export interface NoteSigner {
  key: KeyObject;
  /** 32 raw bytes. */
  publicKey: Buffer;
}

export class CheckpointError extends Error {
  constructor(
    readonly code: 'malformed' | 'signature',
    message: string,
  ) {
    super(message);
    this.name = 'CheckpointError';
  }
}

const ORIGIN = 'cairn.dev/stream/';

export function formatCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  const origin = ORIGIN + checkpoint.stream;
  const root = Buffer.from(checkpoint.root, 'hex').toString('base64');
  return signNote(`${origin}\n${checkpoint.size}\n${root}\ntime ${checkpoint.time}\n`, origin, signer.key, signer.publicKey);
}

/** What a note claims, before its signature is checked. Throws CheckpointError `malformed`. */
export function readCheckpoint(note: string): Checkpoint {
  if (note.length > MAX_NOTE_BYTES) throw malformed(`it is longer than ${MAX_NOTE_BYTES} bytes`);
  const [origin = '', size = '', root = '', time = ''] = note.split('\n', 4);
  if (!origin.startsWith(ORIGIN)) throw malformed(`its first line does not begin with ${ORIGIN}`);
  const bytes = Buffer.from(root, 'base64');
  if (bytes.length !== 32 || bytes.toString('base64') !== root) throw malformed('its root is not 32 bytes of base64');
  if (!/^[1-9]\d{0,14}$/.test(size)) throw malformed('its size is not a positive decimal number');
  if (!/^time \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(time)) throw malformed('it has no time line');
  return { stream: origin.slice(ORIGIN.length), size: Number(size), root: bytes.toString('hex'), time: time.slice('time '.length) };
}

/**
 * A checkpoint whose one signature is by the stream's key (`publicKeyRaw`: base64url of 32 bytes, `cnf.jwk.x` of its
 * certificate). Throws CheckpointError.
 */
export function verifyCheckpoint(note: string, publicKeyRaw: string): Checkpoint {
  const checkpoint = readCheckpoint(note);
  const text = openNote(note, ORIGIN + checkpoint.stream, Buffer.from(publicKeyRaw, 'base64url'));
  if (text === undefined) {
    throw new CheckpointError('signature', `the checkpoint of stream ${checkpoint.stream} is not signed by that stream's key`);
  }
  if (text.split('\n').length !== 5) throw malformed('it has lines that are not known');
  return checkpoint;
}

function malformed(why: string): CheckpointError {
  return new CheckpointError('malformed', `this is no checkpoint of a stream: ${why}`);
}
