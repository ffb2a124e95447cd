/**
 * Reads answers in CBOR (RFC 8949; watches are RFC 8742 sequences) as they stream, for what the record says of them, as JSON's are read:
 * how many objects, and at which resourceVersion. Nothing is held but what is looked for, however deep the rest nests. Pure.
 */
import type { Operation } from '@cairn/crds';
import type { Result, ResultReader } from '../http/dialect.js';
import { counted } from './counted.js';
import { MAX_VERSION_CHARS } from './limits.js';

/** What is looked for in a value: members of a map, items of an array, or text. */
type Wanted = Members | 'items' | 'version';
type Members = ReadonlyMap<string, Wanted>;

const METADATA: Members = new Map([['resourceVersion', 'version']]);
const OBJECT: Members = new Map([['metadata', METADATA]]);
const LIST: Members = new Map<string, Wanted>([
  ['metadata', METADATA],
  ['items', 'items'],
  ['rows', 'items'],
]);
const EVENT: Members = new Map([['object', OBJECT]]);

/** RFC 8949 3.1. */
const MAJOR = { bytes: 2, text: 3, array: 4, map: 5, tag: 6 } as const;
/** Of the bytes behind an item's first one, by that one's low five bits from 24 on (RFC 8949 3). Lengths that are not told have none. */
const ARGUMENT_BYTES: readonly (number | undefined)[] = [1, 2, 4, 8];

interface Container {
  /** Items that are still to come; a map's names and values each count. */
  left: number;
  /** Undefined for an array, whose items are counted. */
  members: Members | undefined;
  /** What is looked for under the name that was read; `name` where a name comes next. */
  next: Wanted | 'name' | undefined;
}

export class CborResult implements ResultReader {
  #phase: 'first' | 'argument' | 'content' | 'ended' | 'broken' = 'first';
  #major = 0;
  /** The argument that is being read, and how many of its bytes are still to come. */
  #argument = 0;
  #argumentLeft = 0;
  #contentLeft = 0;
  #text: { for: 'name' | 'version'; text: string } | undefined;
  /** Items that are passed over, with whatever they hold. */
  #passed = 0;
  readonly #open: Container[] = [];
  #count = 0;
  #version: string | undefined;

  constructor(private readonly verb: Operation['verb']) {}

  write(part: Buffer): void {
    for (let at = 0; at < part.length && this.#phase !== 'broken' && this.#phase !== 'ended';) {
      if (this.#phase !== 'content') {
        this.#byte(part[at++]!);
        continue;
      }
      const length = Math.min(part.length - at, this.#contentLeft);
      if (this.#text) this.#text.text = (this.#text.text + part.toString('latin1', at, at + length)).slice(0, MAX_VERSION_CHARS);
      this.#contentLeft -= length;
      at += length;
      if (this.#contentLeft === 0) this.#ended();
    }
  }

  end(): Result {
    const counts = this.#phase !== 'broken' && (this.verb === 'watch' || this.verb === 'list');
    return counted(counts ? this.#count : undefined, this.#version);
  }

  #byte(code: number): void {
    if (this.#phase === 'first') {
      this.#major = code >> 5;
      const low = code & 0x1f;
      this.#argument = low < 24 ? low : 0;
      const bytes = low < 24 ? 0 : ARGUMENT_BYTES[low - 24];
      if (bytes === undefined) this.#phase = 'broken';
      else if (bytes === 0) this.#item();
      else [this.#phase, this.#argumentLeft] = ['argument', bytes];
      return;
    }
    this.#argument = this.#argument * 256 + code;
    if (--this.#argumentLeft === 0) this.#item();
  }

  /** An item whose head was read. A tag is part of the item that it is on. */
  #item(): void {
    this.#phase = 'first';
    if (this.#major === MAJOR.tag) return;
    if (this.#passed > 0) {
      this.#passed--;
      this.#passOver();
    } else this.#wanted(this.#slot());
  }

  /** What is looked for in the item that stands here. */
  #slot(): Wanted | 'name' | undefined {
    const container = this.#open.at(-1);
    if (!container) {
      if (this.verb === 'watch') this.#count++;
      return this.verb === 'watch' ? EVENT : this.verb === 'list' ? LIST : OBJECT;
    }
    container.left--;
    if (!container.members) this.#count++;
    const { next } = container;
    if (container.members) container.next = next === 'name' ? undefined : 'name';
    return next;
  }

  #wanted(wanted: Wanted | 'name' | undefined): void {
    const isText = this.#major === MAJOR.bytes || this.#major === MAJOR.text;
    if (isText && (wanted === 'name' || wanted === 'version')) {
      this.#text = { for: wanted, text: '' };
      this.#passOver();
    } else if (this.#major === MAJOR.array && wanted === 'items') {
      this.#enter({ left: this.#argument, members: undefined, next: undefined });
    } else if (this.#major === MAJOR.map && typeof wanted === 'object') {
      this.#enter({ left: 2 * this.#argument, members: wanted, next: 'name' });
    } else this.#passOver();
  }

  #enter(container: Container): void {
    this.#open.push(container);
    this.#close();
  }

  #passOver(): void {
    if (this.#major === MAJOR.array) this.#passed += this.#argument;
    if (this.#major === MAJOR.map) this.#passed += 2 * this.#argument;
    if (!Number.isSafeInteger(this.#passed)) this.#phase = 'broken';
    else if ((this.#major === MAJOR.bytes || this.#major === MAJOR.text) && this.#argument > 0) {
      [this.#phase, this.#contentLeft] = ['content', this.#argument];
    } else this.#ended();
  }

  /** An item's own bytes are over. */
  #ended(): void {
    this.#phase = 'first';
    const text = this.#text;
    this.#text = undefined;
    if (text?.for === 'version') this.#version = text.text;
    if (text?.for === 'name') this.#open.at(-1)!.next = this.#open.at(-1)!.members!.get(text.text);
    if (this.#passed === 0) this.#close();
  }

  /** What holds no more is over too. */
  #close(): void {
    while (this.#open.at(-1)?.left === 0) this.#open.pop();
    if (this.#open.length === 0 && this.verb !== 'watch') this.#phase = 'ended';
  }
}
