/** Mutations of valid messages, and the ways in which a network may cut them. */
import type { Random } from './random.js';
import type { FuzzTarget } from './target.js';

/** Bytes of one case, at most. */
const MAX_INPUT_BYTES = 16 * 1024;
const MAX_MUTATIONS = 6;
const LENGTHS = ['0', '1', '4', '5', '00', 'ff', '-1', '+5', '0x5', '5 ', '99999999', '10000000000000000', '1e3'];

type Mutation = (bytes: Buffer, random: Random, target: FuzzTarget) => Buffer;

const join = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);
const position = (bytes: Buffer, random: Random): number => random.below(bytes.length + 1);

const MUTATIONS: readonly Mutation[] = [
  function flip(bytes, random) {
    const changed = Buffer.from(bytes);
    if (changed.length > 0) changed[random.below(changed.length)]! ^= 1 << random.below(8);
    return changed;
  },
  function byte(bytes, random) {
    const at = position(bytes, random);
    return join(bytes.subarray(0, at), Buffer.from([random.below(256)]), bytes.subarray(at));
  },
  function word(bytes, random, { words }) {
    const at = position(bytes, random);
    return join(bytes.subarray(0, at), random.pick(words), bytes.subarray(at));
  },
  function remove(bytes, random) {
    const at = position(bytes, random);
    return join(bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8)));
  },
  function truncate(bytes, random) {
    return bytes.subarray(0, position(bytes, random));
  },
  function repeat(bytes, random) {
    const at = position(bytes, random);
    const end = Math.min(bytes.length, at + 1 + random.below(64));
    return join(bytes.subarray(0, end), bytes.subarray(at));
  },
  function splice(bytes, random, { seeds }) {
    const other = random.pick(seeds);
    return join(bytes.subarray(0, position(bytes, random)), other.subarray(position(other, random)));
  },
  function follow(bytes, random, { seeds }) {
    return join(bytes, random.pick(seeds));
  },
  /** Some decimal number of the text becomes another. */
  function textLength(bytes, random) {
    const found = [...bytes.toString('latin1').matchAll(/\d+/g)];
    if (found.length === 0) return bytes;
    const { index, 0: digits } = random.pick(found);
    return join(bytes.subarray(0, index), Buffer.from(random.pick(LENGTHS)), bytes.subarray(index + digits.length));
  },
  /** Some four bytes become a length nearby, or an absurd one. */
  function binaryLength(bytes, random) {
    if (bytes.length < 4) return bytes;
    const changed = Buffer.from(bytes);
    const at = random.below(changed.length - 3);
    const near = (changed.readInt32BE(at) + random.below(9) - 4) | 0;
    changed.writeInt32BE(random.pick([near, near, 0, 3, 4, -1, 0x7fff_ffff, 0x3fff_ffff, 65_536]), at);
    return changed;
  },
];

/** One input: a seed, mutated a few times, or now and then not at all. */
export function input(target: FuzzTarget, random: Random): Buffer {
  let bytes = random.pick(target.seeds);
  for (let count = random.below(MAX_MUTATIONS + 1); count > 0; count--) bytes = random.pick(MUTATIONS)(bytes, random, target);
  return bytes.subarray(0, MAX_INPUT_BYTES);
}

/** The bytes in chunks, each with memory of its own; one case in four comes byte by byte. */
export function chunksOf(bytes: Buffer, random: Random): Buffer[] {
  const most = random.below(4) === 0 ? 1 : 1 + random.below(random.pick([4, 16, 256]));
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = 1 + random.below(most);
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}
