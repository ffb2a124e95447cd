/**
 * Reads protobuf answers as they stream, for what the record says of them, as JSON's are read: how many objects, and at which
 * resourceVersion. Of every kind the metadata is field 1, and the items of a list field 2 (k8s.io/api, generated.proto). Nothing is held
 * but what is looked for. Pure.
 */
import type { Operation } from '@cairn/crds';
import type { Result, ResultReader } from '../http/dialect.js';
import { counted } from './counted.js';
import { MAX_VERSION_CHARS } from './limits.js';
import { KUBERNETES_MAGIC, MAX_VARINT_BYTES, WIRE } from './protobuf-wire.js';

/** What is looked for in a field's value. */
type Wanted = 'count' | 'version' | Message;
interface Message {
  /** Whether it stands behind the magic bytes that begin an object. */
  magic: boolean;
  fields: Readonly<Record<number, Wanted>>;
}

const message = (fields: Message['fields']): Message => ({ magic: false, fields });
/** runtime.Unknown, with the object's own message as its field 2. */
const object = (raw: Message): Message => ({ magic: true, fields: { 2: raw } });

/** ObjectMeta says it in its field 6, ListMeta in its field 2. */
const OBJECT = object(message({ 1: message({ 6: 'version' }) }));
const LIST = object(message({ 1: message({ 2: 'version' }), 2: 'count' }));
/** metav1.WatchEvent: its field 2 is a runtime.RawExtension, whose field 1 is an object. */
const EVENT = message({ 2: message({ 1: OBJECT }) });

export class ProtobufResult implements ResultReader {
  /** Bytes read so far. */
  #position = 0;
  /** Messages that are being read, outermost first, each with the position at which it ends. */
  readonly #open: { end: number; fields: Message['fields'] }[] = [];
  #phase: 'frame' | 'tag' | 'number' | 'length' | 'broken' = 'frame';
  /** The number that is being read: its value and its bytes so far. */
  #value = 0;
  #bytes = 0;
  #field = 0;
  /** Where bytes end that are passed over or, as text, kept. */
  #until = 0;
  #text: { for: 'magic' | 'version'; text: string } | undefined;
  #count = 0;
  #version: string | undefined;

  /** A watch is one event after another, each behind its length in four bytes. */
  constructor(private readonly verb: Operation['verb']) {
    if (verb !== 'watch') this.#enter(verb === 'list' ? LIST : OBJECT, Number.POSITIVE_INFINITY);
  }

  write(part: Buffer): void {
    for (let at = 0; at < part.length && this.#phase !== 'broken';) {
      if (this.#position === this.#until) {
        this.#position++;
        this.#until++;
        this.#byte(part[at++]!);
        continue;
      }
      const length = Math.min(part.length - at, this.#until - this.#position);
      if (this.#text) this.#text.text = (this.#text.text + part.toString('latin1', at, at + length)).slice(0, MAX_VERSION_CHARS);
      this.#position += length;
      at += length;
      if (this.#position === this.#until) this.#passed();
    }
  }

  end(): Result {
    const counts = this.#phase !== 'broken' && (this.verb === 'watch' || this.verb === 'list');
    return counted(counts ? this.#count : undefined, this.#version);
  }

  #byte(code: number): void {
    this.#bytes++;
    if (this.#phase === 'frame') {
      this.#value = this.#value * 256 + code;
      if (this.#bytes === 4) this.#event(this.#number());
      return;
    }
    this.#value += (code & 0x7f) * 2 ** (7 * (this.#bytes - 1));
    if (code < 0x80) this.#told(this.#number());
    else if (this.#bytes === MAX_VARINT_BYTES) this.#phase = 'broken';
  }

  /** What was read, to begin another. */
  #number(): number {
    const value = this.#value;
    this.#value = this.#bytes = 0;
    return value;
  }

  #told(value: number): void {
    if (this.#phase === 'tag') this.#tag(Math.floor(value / 8), value % 8);
    else if (this.#phase === 'length') this.#content(value);
    else this.#after();
  }

  #event(length: number): void {
    this.#count++;
    this.#enter(EVENT, this.#position + length);
  }

  #tag(field: number, wire: number): void {
    this.#field = field;
    if (wire === WIRE.varint) this.#phase = 'number';
    else if (wire === WIRE.bytes) this.#phase = 'length';
    else if (wire === WIRE.fixed64) this.#skip(8);
    else if (wire === WIRE.fixed32) this.#skip(4);
    else this.#phase = 'broken';
  }

  #content(length: number): void {
    const { fields } = this.#open.at(-1)!;
    const wanted = fields[this.#field];
    if (typeof wanted === 'object') return this.#enter(wanted, this.#position + length);
    if (wanted === 'count') this.#count++;
    if (wanted === 'version') this.#text = { for: 'version', text: '' };
    this.#skip(length);
  }

  #enter({ magic, fields }: Message, end: number): void {
    if (end > (this.#open.at(-1)?.end ?? end)) return this.#break();
    this.#open.push({ end, fields });
    if (!magic) return this.#after();
    this.#text = { for: 'magic', text: '' };
    this.#skip(KUBERNETES_MAGIC.length);
  }

  #skip(length: number): void {
    this.#until = this.#position + length;
    if (this.#until > this.#open.at(-1)!.end) this.#break();
    else if (length === 0) this.#passed();
  }

  #break(): void {
    this.#phase = 'broken';
  }

  #passed(): void {
    const text = this.#text;
    this.#text = undefined;
    if (text?.for === 'version') this.#version = text.text;
    if (text?.for === 'magic' && text.text !== KUBERNETES_MAGIC) this.#break();
    else this.#after();
  }

  /** The next field, or what comes behind the messages that end here. */
  #after(): void {
    while (this.#open.at(-1)?.end === this.#position) this.#open.pop();
    const end = this.#open.at(-1)?.end;
    this.#phase = end === undefined ? 'frame' : end < this.#position ? 'broken' : 'tag';
  }
}
