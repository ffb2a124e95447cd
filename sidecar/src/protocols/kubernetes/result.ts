/** Reads answers as they stream, JSON here, for what the record says of them: how many objects, and at which resourceVersion. Pure. */
import type { Operation } from '@cairn/crds';
import type { Result, ResultReader } from '../http/dialect.js';
import type { ResponseHead } from '../http/head.js';
import { mediaType } from '../http/mask-body.js';
import { CborResult } from './cbor-result.js';
import { counted } from './counted.js';
import { MAX_READ_DEPTH, MAX_VERSION_CHARS } from './limits.js';
import { ProtobufResult } from './protobuf-result.js';

/** Where an answer says its version, and what is counted in it. */
interface Places {
  version: readonly string[];
  counts: 'items' | 'values' | 'nothing';
}

const OBJECT: Places = { version: ['metadata', 'resourceVersion'], counts: 'nothing' };
const LIST: Places = { version: ['metadata', 'resourceVersion'], counts: 'items' };
/** One event after another (metav1.WatchEvent). */
const WATCH: Places = { version: ['object', 'metadata', 'resourceVersion'], counts: 'values' };

export function resultReader(operation: Operation, head: ResponseHead): ResultReader | undefined {
  const { verb, resource } = operation;
  const isObject = !resource.startsWith('/') && (head.status === 200 || head.status === 201);
  if (!isObject || head.contentEncoding !== undefined) return undefined;
  switch (mediaType(head.contentType)) {
    case 'application/json':
      return new JsonResult(verb === 'watch' ? WATCH : verb === 'list' ? LIST : OBJECT);
    case 'application/vnd.kubernetes.protobuf':
      return new ProtobufResult(verb);
    case 'application/cbor':
    case 'application/cbor-seq':
      return new CborResult(verb);
    default:
      return undefined;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

class JsonResult implements ResultReader {
  #depth = 0;
  /** By depth: whether the container is an object, and the member that is being read. */
  readonly #isObject: boolean[] = [];
  readonly #keys: string[] = [];
  #inString = false;
  #escaped = false;
  #expectsKey = false;
  #isKey = false;
  #text: string | undefined;
  #count = 0;
  #version: string | undefined;

  constructor(private readonly places: Places) {}

  write(part: Buffer): void {
    for (let at = 0; at < part.length; at++) {
      if (this.#inString) this.#stringByte(part[at]!);
      else this.#byte(part[at]!);
    }
  }

  end(): Result {
    return counted(this.places.counts === 'nothing' ? undefined : this.#count, this.#version);
  }

  #byte(code: number): void {
    switch (code) {
      case QUOTE:
        this.#inString = true;
        this.#isKey = this.#expectsKey;
        this.#text = this.#isKey || this.#isVersion() ? '' : undefined;
        break;
      case 0x7b: // {
      case 0x5b: // [
        this.#open(code === 0x7b);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        this.#depth = Math.max(0, this.#depth - 1);
        this.#expectsKey = false;
        break;
      case 0x2c: // ,
        this.#expectsKey = this.#depth <= MAX_READ_DEPTH && this.#isObject[this.#depth] === true;
        break;
      case 0x3a: // :
        this.#expectsKey = false;
        break;
      default:
    }
  }

  #open(isObject: boolean): void {
    const { counts } = this.places;
    if (counts === 'values' ? this.#depth === 0 : counts === 'items' && this.#isItem()) this.#count++;
    this.#depth++;
    this.#expectsKey = isObject && this.#depth <= MAX_READ_DEPTH;
    if (this.#depth > MAX_READ_DEPTH) return;
    this.#isObject[this.#depth] = isObject;
    this.#keys[this.#depth] = '';
  }

  #stringByte(code: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (code === BACKSLASH) {
      this.#escaped = true;
      this.#text = undefined; // none of the names and versions that are looked for has an escape
    } else if (code === QUOTE) return this.#stringEnd();
    if (this.#text !== undefined && this.#text.length < MAX_VERSION_CHARS) this.#text += String.fromCharCode(code);
  }

  #stringEnd(): void {
    this.#inString = false;
    if (this.#isKey) this.#keys[this.#depth] = this.#text ?? '';
    else if (this.#text !== undefined) this.#version = this.#text;
    this.#text = undefined;
  }

  /** In a list's items or a table's rows. */
  #isItem(): boolean {
    return this.#depth === 2 && !this.#isObject[2] && (this.#keys[1] === 'items' || this.#keys[1] === 'rows');
  }

  #isVersion(): boolean {
    const { version } = this.places;
    return this.#depth === version.length && version.every((name, index) => this.#keys[index + 1] === name);
  }
}
