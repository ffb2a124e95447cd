/**
 * One response on its way to the agent while it is masked: opened, masked, closed again in its own content coding. The
 * head waits until the length is known or the body is too long to wait for; until then a failure becomes a clear answer.
 */
import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createBrotliDecompress, createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import type { MaskCounts, Masker } from '../../guard/mask.js';
import { detectPath, fieldPath, MASK } from '../../guard/mask.js';
import type { BodyCapture } from '../../record/exchange.js';
import type { ResponseHead } from './head.js';
import { MAX_INFLATED_BYTES, MAX_MASKED_BUFFER_BYTES } from './limits.js';
import { type BodyMasking, type Coding, type Maskable, MaskError, bodyMasking } from './mask-body.js';
import { rewriteResponse } from './rewrite.js';

const EMPTY = Buffer.alloc(0);

export interface MaskedResponseEvents {
  toAgent: (bytes: Buffer) => void;
  /** The target sends faster than the body can be opened. */
  pause: (paused: boolean) => void;
  /** Everything was forwarded. */
  done: () => void;
  /** The body cannot be masked. `begun`: a part was forwarded, so the connection has to break. */
  failed: (reason: string, begun: boolean) => void;
}

export interface MaskedResponseOptions {
  head: ResponseHead;
  how: Maskable;
  masker: Masker;
  counts: MaskCounts;
  capture: BodyCapture;
  /** The agent speaks HTTP/1.1, so a body of unknown length can be chunked. */
  chunks: boolean;
}

export class MaskedResponse {
  readonly #masking: BodyMasking;
  readonly #decoder: Transform | undefined;
  readonly #encoder: Transform | undefined;
  #waiting: Buffer[] | undefined = [];
  #waitingBytes = 0;
  #inflated = 0;
  #over = false;

  constructor(
    private readonly options: MaskedResponseOptions,
    private readonly events: MaskedResponseEvents,
  ) {
    const { how, masker, counts } = options;
    this.#masking = bodyMasking(how.kind, masker, counts);
    this.#decoder = decoder(how.coding);
    this.#encoder = encoder(how.coding);
    this.#decoder?.on('data', (bytes: Buffer) => this.#guarded(() => this.#decoded(bytes)));
    this.#decoder?.on('end', () => this.#guarded(() => this.#ended()));
    this.#decoder?.on('error', () => this.#fail(`its ${how.coding} coding is broken`));
    this.#encoder?.on('data', (bytes: Buffer) => this.#guarded(() => this.#output(bytes)));
    this.#encoder?.on('end', () => this.#guarded(() => this.#finish()));
  }

  /** Readers of a stream wait for its head, not for its first part. */
  begin(): void {
    if (this.options.how.streams) this.#guarded(() => this.#release());
  }

  /** A part of the body as the target sent it, without transfer framing. */
  write(part: Buffer): void {
    if (this.#over) return;
    this.options.capture.addChanged(part, EMPTY);
    if (!this.#decoder) return this.#guarded(() => this.#decoded(part));
    if (!this.#decoder.write(part)) {
      this.events.pause(true);
      this.#decoder.once('drain', () => this.events.pause(false));
    }
  }

  end(): void {
    if (this.#over) return;
    if (this.#decoder) this.#decoder.end();
    else this.#guarded(() => this.#ended());
  }

  /** The connection is gone: frees what is held. */
  abandon(): void {
    this.#over = true;
    this.#decoder?.destroy();
    this.#encoder?.destroy();
  }

  #guarded(step: () => void): void {
    if (this.#over) return;
    try {
      step();
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #fail(reason: string): void {
    if (this.#over) return;
    const begun = this.#waiting === undefined;
    this.abandon();
    this.events.failed(reason, begun);
  }

  #decoded(bytes: Buffer): void {
    this.#inflated += bytes.length;
    if (this.#decoder && this.#inflated > MAX_INFLATED_BYTES)
      throw new MaskError(`it is larger than ${MAX_INFLATED_BYTES} bytes when opened`);
    this.#pass(this.#masking.write(bytes));
  }

  #ended(): void {
    this.#pass(this.#masking.end());
    if (this.#encoder) this.#encoder.end();
    else this.#finish();
  }

  #pass(parts: Buffer[]): void {
    for (const part of parts) {
      if (part.length === 0) continue;
      if (this.#encoder) this.#encoder.write(part);
      else this.#output(part);
    }
    if (parts.length > 0 && this.options.how.streams) (this.#encoder as { flush?: () => void } | undefined)?.flush?.();
  }

  #output(bytes: Buffer): void {
    this.options.capture.addChanged(EMPTY, bytes);
    if (!this.#waiting) return this.#chunk(bytes);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#waitingBytes > MAX_MASKED_BUFFER_BYTES) this.#release();
  }

  /** Forwards the head with what waited; the length stays unknown. */
  #release(): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    this.#head(this.options.chunks ? 'Transfer-Encoding: chunked\r\n' : '');
    for (const bytes of waiting) this.#chunk(bytes);
  }

  #finish(): void {
    this.#over = true;
    if (this.#waiting) {
      this.#head(`Content-Length: ${this.#waitingBytes}\r\n`);
      for (const bytes of this.#waiting) this.events.toAgent(bytes);
      this.#waiting = undefined;
    } else if (this.options.chunks) this.events.toAgent(Buffer.from('0\r\n\r\n'));
    this.events.done();
  }

  #head(framing: string): void {
    const { head, masker, counts } = this.options;
    this.events.toAgent(maskHead(head, framing, masker, counts));
  }

  #chunk(bytes: Buffer): void {
    if (this.options.chunks) this.events.toAgent(Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1'));
    this.events.toAgent(bytes);
    if (this.options.chunks) this.events.toAgent(Buffer.from('\r\n'));
  }
}

/** Fields whose values are dates, numbers or tags of the protocol: nothing is looked for in them. */
const STRUCTURAL = new Set(
  'date expires last-modified etag age connection keep-alive content-type content-encoding vary server retry-after upgrade'.split(' '),
);

/** The head of a response under masks: fields by name and findings in their values too. */
export function maskHead(head: ResponseHead, framing: string, masker: Masker, counts: MaskCounts): Buffer {
  return rewriteResponse(head, framing, (name, value) => {
    if (STRUCTURAL.has(name)) return value;
    if (masker.field(name)) {
      counts.add(fieldPath(name), 1);
      return MASK;
    }
    const found = masker.detects ? masker.text(value) : undefined;
    if (!found) return value;
    counts.add(detectPath(found.detector), found.count);
    return found.value;
  });
}

function decoder(coding: Coding): Transform | undefined {
  switch (coding) {
    case 'gzip':
      return createGunzip();
    case 'deflate':
      return createInflate();
    case 'br':
      return createBrotliDecompress();
    case 'identity':
      return undefined;
    default:
      return coding satisfies never;
  }
}

/** Fast settings: the agent is near. */
function encoder(coding: Coding): Transform | undefined {
  switch (coding) {
    case 'gzip':
      return createGzip({ level: 3 });
    case 'deflate':
      return createDeflate({ level: 3 });
    case 'br':
      return createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 3 } });
    case 'identity':
      return undefined;
    default:
      return coding satisfies never;
  }
}
