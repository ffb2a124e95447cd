/**
 * Objects of Kubernetes in CBOR (RFC 8949; watches as RFC 8742 sequences) as the JSON that the API gives. Kubernetes writes text as byte
 * strings, and bytes under tag 22, "expected later encoding: base64" (k8s.io/apimachinery/pkg/runtime/serializer/cbor). Pure.
 */
import { decodeFirst, Tokenizer, Type, type DecodeOptions, type Token } from 'cborg';
import { DecodeError, ValueCount } from './decode-error.js';
import { MAX_DEPTH } from './limits.js';
import type { Decoded } from './object.js';

/** RFC 8949 3.4: times, encodings that are expected later, and "this is CBOR". */
const TAGS: DecodeOptions['tags'] = {
  0: (content) => content(),
  21: (content) => Buffer.from(content() as Uint8Array).toString('base64url'),
  22: (content) => Buffer.from(content() as Uint8Array).toString('base64'),
  23: (content) => Buffer.from(content() as Uint8Array).toString('hex'),
  55799: (content) => content(),
};
const OPTIONS: DecodeOptions = { useMaps: true, allowIndefinite: false, allowUndefined: false, allowBigInt: true, tags: TAGS };

/** Throws DecodeError, and what broken CBOR makes cborg throw. */
export function decodeCbor(bytes: Buffer, isSequence: boolean): Decoded {
  const count = new ValueCount();
  const values: unknown[] = [];
  let rest: Uint8Array = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    while (rest.length > 0) {
      const [value, after] = decodeFirst(rest, { ...OPTIONS, tokenizer: new BoundedTokenizer(rest, count) }) as [unknown, Uint8Array];
      values.push(json(value));
      rest = after;
      if (!isSequence && rest.length > 0) throw new DecodeError(`goes on for ${rest.length} bytes behind its object`);
    }
  } catch (error) {
    if (!isSequence || error instanceof DecodeError) throw error;
    return { values, notes: [`the last ${rest.length} bytes begin an event that does not end`] };
  }
  if (values.length === 0 && !isSequence) throw new DecodeError('is empty');
  return { values, notes: [] };
}

/** Counts values and levels before cborg makes anything of them. */
class BoundedTokenizer extends Tokenizer {
  /** Items that are still to come of each array, map and tag that is open. */
  readonly #open: number[] = [];

  constructor(
    bytes: Uint8Array,
    private readonly count: ValueCount,
  ) {
    super(bytes, OPTIONS);
  }

  override next(): Token {
    const token = super.next();
    this.count.add();
    if (this.#open.length > 0) this.#open[this.#open.length - 1]!--;
    const items = itemsOf(token);
    if (items > 0 && this.#open.push(items) > MAX_DEPTH) throw new DecodeError(`nests more than ${MAX_DEPTH} levels deep`);
    while (this.#open.at(-1) === 0) this.#open.pop();
    return token;
  }
}

function itemsOf({ type, value }: Token): number {
  if (Type.equals(type, Type.array)) return value as number;
  if (Type.equals(type, Type.map)) return 2 * (value as number);
  return Type.equals(type, Type.tag) ? 1 : 0;
}

function json(value: unknown): unknown {
  if (value instanceof Map) return object(value);
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  if (Array.isArray(value)) return value.map(json);
  return typeof value === 'bigint' ? String(value) : value;
}

function object(map: ReadonlyMap<unknown, unknown>): Record<string, unknown> {
  const members = [...map].map(([key, value]) => [json(key), json(value)] as const);
  const names = new Set(members.map(([name]) => name));
  if (names.size < members.length) throw new DecodeError('says a member twice');
  for (const name of names) if (typeof name !== 'string') throw new DecodeError('has a member whose name is no text');
  return Object.fromEntries(members as [string, unknown][]);
}
