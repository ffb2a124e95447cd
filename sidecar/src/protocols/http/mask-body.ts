/** Masks the decoded body of a response as it streams, by its media type. What cannot be masked surely is refused. */
import { JsonMaskError, JsonMasking, maskJson } from '../../guard/mask-json.js';
import { type MaskCounts, type Masker, detectPath } from '../../guard/mask.js';
import { PEM_BEGIN } from '../../guard/detect.js';
import type { ResponseHead } from './head.js';
import { MAX_MASKED_LINE_BYTES } from './limits.js';

/** A body that cannot be masked; nothing more of it may be forwarded. */
export class MaskError extends Error {}

export interface BodyMasking {
  /** What may be forwarded after this chunk. Throws MaskError or JsonMaskError. */
  write(chunk: Buffer): Buffer[];
  end(): Buffer[];
}

type Kind = 'json' | 'json-sequence' | 'events' | 'text';
export type Coding = 'identity' | 'gzip' | 'deflate' | 'br';

export interface Maskable {
  kind: Kind;
  coding: Coding;
  /** Forwarded piece by piece: the reader waits for parts of it. */
  streams: boolean;
}

/** How a response can be masked, or a sentence why not. */
export function maskable(head: ResponseHead, masker: Masker): Maskable | string {
  const coding = codingOf(head.contentEncoding);
  if (!coding) return `its content coding "${head.contentEncoding}" cannot be opened here`;
  if (head.status === 206) return 'it is a part of a larger body';
  const type = mediaType(head.contentType);
  const kind = kindOf(type);
  if (!kind) return type === '' ? 'it has no Content-Type' : `its media type ${type} is not known to be text or JSON`;
  if (kind === 'text' && masker.fields) return `its media type ${type} has no named members, and the policy masks by name`;
  if (kind !== 'json' && !plainCharset(head.contentType ?? '')) return 'its character set is not a superset of US-ASCII';
  return { kind, coding, streams: kind === 'events' || kind === 'json-sequence' };
}

export const mediaType = (contentType: string | undefined): string => {
  if (contentType === undefined) return '';
  const semicolon = contentType.indexOf(';');
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase();
};

function codingOf(contentEncoding: string | undefined): Coding | undefined {
  switch (contentEncoding?.toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return 'identity';
    case 'gzip':
    case 'x-gzip':
      return 'gzip';
    case 'deflate':
      return 'deflate';
    case 'br':
      return 'br';
    default:
      return undefined;
  }
}

function kindOf(type: string): Kind | undefined {
  if (/^(?:application|text)\/(?:x-ndjson|ndjson|jsonl|jsonlines|x-jsonlines|json-seq|stream\+json)$/.test(type)) return 'json-sequence';
  if (/^(?:application|text)\/(?:json|[a-z0-9.-]+\+json)$/.test(type)) return 'json';
  if (type === 'text/event-stream') return 'events';
  if (/^text\/|^application\/(?:xml|yaml|javascript|x-yaml|toml)$|^application\/[a-z0-9.-]+\+xml$/.test(type)) return 'text';
  return undefined;
}

function plainCharset(contentType: string): boolean {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType)?.[1];
  return charset === undefined || /^(?:utf-?8|us-ascii|ascii|iso-8859-\d+|windows-125\d)$/i.test(charset);
}

export function bodyMasking(kind: Kind, masker: Masker, counts: MaskCounts): BodyMasking {
  switch (kind) {
    case 'json':
      return new JsonMasking(masker, counts);
    case 'json-sequence':
      return new JsonMasking(masker, counts, { sequence: true });
    case 'events':
      return new EventMasking(masker, counts);
    case 'text':
      return new TextMasking(masker, counts);
    default:
      return kind satisfies never;
  }
}

/** Whole lines at a time. Bytes are read one to one (ISO 8859-1): findings are US-ASCII, and everything else keeps its bytes. */
abstract class LineMasking implements BodyMasking {
  #parts: Buffer[] = [];
  #size = 0;

  write(chunk: Buffer): Buffer[] {
    const newline = chunk.lastIndexOf(0x0a);
    if (newline < 0) return this.#keep(chunk);
    const lines = Buffer.concat([...this.#parts, chunk.subarray(0, newline + 1)]).toString('latin1');
    this.#parts = [];
    this.#size = 0;
    this.#keep(chunk.subarray(newline + 1));
    return bytesOf(this.lines(lines, false));
  }

  end(): Buffer[] {
    return bytesOf(this.lines(Buffer.concat(this.#parts).toString('latin1'), true));
  }

  protected abstract lines(text: string, last: boolean): string;

  #keep(part: Buffer): Buffer[] {
    if (part.length > 0) this.#parts.push(part);
    this.#size += part.length;
    if (this.#size > MAX_MASKED_LINE_BYTES) throw tooLong();
    return [];
  }
}

const bytesOf = (text: string): Buffer[] => (text === '' ? [] : [Buffer.from(text, 'latin1')]);
const tooLong = (): MaskError => new MaskError(`it has a line or event longer than ${MAX_MASKED_LINE_BYTES} bytes`);

class TextMasking extends LineMasking {
  /** Text from the begin of a PEM block whose end has not come. */
  #open = '';

  constructor(
    private readonly masker: Masker,
    private readonly counts: MaskCounts,
  ) {
    super();
  }

  protected override lines(text: string, last: boolean): string {
    let ready = this.#open + text;
    this.#open = '';
    const begin = last ? -1 : ready.lastIndexOf(PEM_BEGIN);
    if (begin >= 0 && ready.indexOf('-----END ', begin) < 0) {
      this.#open = ready.slice(begin);
      ready = ready.slice(0, begin);
      if (this.#open.length > MAX_MASKED_LINE_BYTES) throw tooLong();
    }
    return redacted(ready, this.masker, this.counts);
  }
}

function redacted(text: string, masker: Masker, counts: MaskCounts): string {
  const found = masker.text(text);
  if (!found) return text;
  counts.add(detectPath(found.detector), found.count);
  return found.value;
}

/** Server-sent events (WHATWG HTML 9.2): the data of one event is one text, mostly JSON. */
class EventMasking extends LineMasking {
  #event: string[] = [];
  #size = 0;

  constructor(
    private readonly masker: Masker,
    private readonly counts: MaskCounts,
  ) {
    super();
  }

  protected override lines(text: string, last: boolean): string {
    let out = '';
    const lines = text.split(/\r\n|\n|\r/);
    const unfinished = lines.pop()!; // empty but at the end of the stream
    for (const line of lines) {
      this.#event.push(line);
      this.#size += line.length;
      if (this.#size > MAX_MASKED_LINE_BYTES) throw tooLong();
      if (line === '') out += this.#flush();
    }
    if (!last) return out;
    if (unfinished !== '') this.#event.push(unfinished);
    return out + this.#flush();
  }

  #flush(): string {
    const lines = this.#event;
    this.#event = [];
    this.#size = 0;
    if (lines.length === 0) return '';
    const data = lines.filter((line) => DATA.test(line)).map((line) => line.replace(DATA, ''));
    const whole = data.join('\n');
    const masked = data.length > 0 ? this.#data(whole) : whole;
    const out: string[] = [];
    let written = masked === whole;
    for (const line of lines) {
      if (!DATA.test(line)) out.push(redacted(line, this.masker, this.counts));
      else if (masked === whole) out.push(line);
      else if (!written) {
        out.push(...masked.split('\n').map((part) => `data: ${part}`));
        written = true;
      }
    }
    return `${out.join('\n')}\n`;
  }

  #data(text: string): string {
    try {
      return maskJson(this.masker, Buffer.from(text, 'latin1'), this.counts).bytes.toString('latin1');
    } catch (error) {
      if (!(error instanceof JsonMaskError)) throw error;
      // `[DONE]`, `ping`: words that end or keep up a stream of JSON.
      if (this.masker.fields && !WORD.test(text)) throw new MaskError('an event holds data that is no JSON, and the policy masks by name');
      return redacted(text, this.masker, this.counts);
    }
  }
}

const DATA = /^data(?:: ?|$)/;
const WORD = /^[\w[\]. -]{0,64}$/;
