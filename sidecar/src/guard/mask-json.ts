/**
 * Masks JSON (RFC 8259) as it streams: members by name at any depth, findings in strings and numbers. Every other byte
 * passes as it came. The grammar is held strictly: what a lenient reader could read in another way must not pass, so an
 * error means that nothing more of this body may be forwarded.
 */
import { MAX_JSON_DEPTH, MAX_JSON_LITERAL_BYTES, MAX_JSON_STRING_BYTES } from './limits.js';
import { MASK, type Masker, MaskCounts, detectPath, fieldPath } from './mask.js';

export class JsonMaskError extends Error {
  constructor(
    readonly code: 'syntax' | 'depth' | 'length',
    message: string,
  ) {
    super(message);
    this.name = 'JsonMaskError';
  }
}

// What may come next.
const VALUE = 0;
const FIRST_VALUE = 1; // or ]
const FIRST_KEY = 2; // or }
const KEY = 3;
const COLON = 4;
const NEXT = 5; // , or the end of the container
const END = 6;

// What is being read.
const BETWEEN = 0;
const STRING = 1;
const LITERAL = 2;

const OBJECT = 1;
const ARRAY = 2;

const MASKED = Buffer.from(JSON.stringify(MASK));
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const EMPTY = Buffer.alloc(0);
/** No detector finds anything in a shorter number. */
const MIN_FOUND_DIGITS = 8;
const UTF8_BOM = Buffer.from([0xef, 0xbb, 0xbf]);

export class JsonMasking {
  readonly #masker: Masker;
  readonly #counts: MaskCounts;
  /** Several values one after another: NDJSON, JSON text sequences (RFC 7464). */
  readonly #sequence: boolean;
  #expect = VALUE;
  #reading = BETWEEN;
  readonly #stack: number[] = [];
  #depth = 0;
  #isKey = false;
  #escaped = false;
  #digits = 0;
  #ats = 0;
  /** 0 none, 1 after a backslash, 2 to 5 hexadecimal digits still to come plus 1. */
  #escape = 0;
  #maskNext: string | undefined;
  /** What stands for the hidden value. */
  #standIn: Buffer = MASKED;
  /** The members of the next value are hidden, if it is an object, instead of itself. */
  #intoNext = false;
  /** Depth of the object whose members are hidden; -1 outside of one. */
  #membersAt = -1;
  #membersOf = '';
  /** Depth at which a hidden value began; -1 where nothing is hidden. */
  #hiddenAt = -1;
  #holding = false;
  #heldParts: Buffer[] = [];
  #heldBytes = 0;
  #out: Buffer[] = [];
  #started = false;
  #bom = 0;

  constructor(masker: Masker, counts: MaskCounts, options: { sequence?: boolean } = {}) {
    this.#masker = masker;
    this.#counts = counts;
    this.#sequence = options.sequence ?? false;
  }

  /** What may be forwarded after this chunk: mostly slices of it. Throws JsonMaskError. */
  write(chunk: Buffer): Buffer[] {
    this.#out = [];
    this.#scan(chunk);
    return this.#out;
  }

  /** The rest. Throws JsonMaskError where a value is unfinished. */
  end(): Buffer[] {
    this.#out = [];
    if (this.#bom % 3 !== 0) throw syntax('the JSON ends inside a byte order mark');
    if (this.#reading === LITERAL) this.#tokenEnd(EMPTY, 0, 0, 0);
    const empty = this.#expect === VALUE && this.#depth === 0;
    if (this.#reading === STRING || (this.#expect !== END && !empty)) throw syntax('the JSON ends in the middle of a value');
    return this.#out;
  }

  #scan(chunk: Buffer): void {
    const length = chunk.length;
    let from = this.#hiddenAt >= 0 ? length : 0; // what was not forwarded yet begins here
    let token = 0; // where the token being held begins
    let at = 0;
    if (!this.#started) at = this.#skipBom(chunk);
    while (at < length) {
      if (this.#reading === STRING) {
        at = this.#stringRun(chunk, at);
        if (at >= length) break;
        at++; // the closing quote
        if (this.#holding && this.#needed(at - token)) from = this.#tokenEnd(chunk, from, token, at);
        else {
          this.#reading = BETWEEN;
          this.#holding = false;
          if (this.#isKey) this.#expect = COLON;
          else from = this.#valueEnd(at, from);
        }
        continue;
      }
      const code = chunk[at]!;
      if (this.#reading === LITERAL) {
        if (isLiteralByte(code)) {
          at++;
          continue;
        }
        if (this.#heldParts.length === 0 && this.#hiddenAt < 0 && (!this.#masker.detects || at - token < MIN_FOUND_DIGITS)) {
          literal(chunk.toString('latin1', token, at));
          this.#holding = false;
          this.#reading = BETWEEN;
          this.#after();
        } else from = this.#tokenEnd(chunk, from, token, at);
        continue; // this byte again, between tokens
      }
      if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) {
        at++;
        continue;
      }
      if (code === 0x1e && this.#sequence && this.#depth === 0) {
        at++;
        continue;
      }
      this.#started = true;
      const begins = this.#expect === VALUE || this.#expect === FIRST_VALUE || (this.#expect === END && this.#sequence);
      if (code === 0x7b && begins && this.#intoNext && this.#maskNext !== undefined && this.#hiddenAt < 0) this.#enterMembers();
      if (begins && code !== 0x5d && this.#hiddenAt < 0 && this.#maskNext !== undefined) {
        if (from < at) this.#out.push(chunk.subarray(from, at));
        this.#hiddenAt = this.#depth;
        from = length;
      }
      switch (code) {
        case 0x22: // "
          this.#isKey = this.#expect === FIRST_KEY || this.#expect === KEY;
          if (!this.#isKey && !begins) throw this.#unexpected(code);
          this.#reading = STRING;
          this.#escaped = false;
          this.#digits = 0;
          this.#ats = 0;
          this.#holding = this.#hiddenAt < 0 && (this.#isKey || this.#masker.detects);
          token = at;
          at++;
          break;
        case 0x7b: // {
        case 0x5b: // [
          if (!begins) throw this.#unexpected(code);
          if (this.#depth === MAX_JSON_DEPTH) throw new JsonMaskError('depth', `the JSON is nested deeper than ${MAX_JSON_DEPTH} levels`);
          this.#stack[this.#depth++] = code === 0x7b ? OBJECT : ARRAY;
          this.#expect = code === 0x7b ? FIRST_KEY : FIRST_VALUE;
          at++;
          break;
        case 0x7d: // }
        case 0x5d: // ]
          this.#close(code);
          at++;
          from = this.#valueEnd(at, from);
          break;
        case 0x2c: // ,
          if (this.#expect !== NEXT) throw this.#unexpected(code);
          this.#expect = this.#stack[this.#depth - 1] === OBJECT ? KEY : VALUE;
          at++;
          break;
        case 0x3a: // :
          if (this.#expect !== COLON) throw this.#unexpected(code);
          this.#expect = VALUE;
          at++;
          break;
        default:
          if (!begins || !isLiteralByte(code)) throw this.#unexpected(code);
          this.#reading = LITERAL;
          this.#holding = true;
          token = at;
          at++;
      }
    }
    if (this.#holding) {
      if (from < token) this.#out.push(chunk.subarray(from, token));
      this.#hold(chunk.subarray(token));
    } else if (from < length) this.#out.push(from === 0 ? chunk : chunk.subarray(from));
  }

  /** Position of the quote that ends the string, or the chunk's length. */
  #stringRun(chunk: Buffer, start: number): number {
    const length = chunk.length;
    let at = start;
    let digits = 0;
    let ats = 0;
    while (at < length) {
      if (this.#escape > 0) {
        this.#escapeByte(chunk[at++]!);
        continue;
      }
      let code = chunk[at]!;
      while (code > 0x5c && ++at < length) code = chunk[at]!; // most letters
      if (at === length || code === 0x22) break;
      if (code === 0x5c) {
        this.#escape = 1;
        this.#escaped = true;
      } else if (code <= 0x40) {
        if (code >= 0x30 && code <= 0x39) digits++;
        else if (code === 0x40) ats++;
        else if (code < 0x20) throw syntax('a control character stands inside a JSON string');
      }
      at++;
    }
    this.#digits += digits;
    this.#ats += ats;
    return at;
  }

  #escapeByte(code: number): void {
    if (this.#escape === 1) {
      if (code === 0x75) this.#escape = 5;
      else if ('"\\/bfnrt'.includes(String.fromCharCode(code))) this.#escape = 0;
      else throw syntax('a JSON string holds an unknown escape');
      return;
    }
    const digit = (code >= 0x30 && code <= 0x39) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
    if (!digit) throw syntax('a JSON string holds a broken \\u escape');
    this.#escape = this.#escape === 2 ? 0 : this.#escape - 1;
  }

  /** Whether a string of `length` bytes with its quotes, all in this chunk, has to be read at all. */
  #needed(length: number): boolean {
    if (this.#escaped || this.#heldParts.length > 0 || length > MAX_JSON_STRING_BYTES) return true;
    if (this.#isKey && this.#depth === this.#membersAt) return true;
    if (this.#isKey && (this.#masker.nameLengths & (1 << ((length - 2) & 31))) !== 0) return true;
    return this.#masker.detects && this.#masker.mayFind(length - 2, this.#digits, this.#ats);
  }

  #hold(part: Buffer): void {
    this.#heldParts.push(part);
    this.#heldBytes += part.length;
    const limit = this.#reading === LITERAL ? MAX_JSON_LITERAL_BYTES : MAX_JSON_STRING_BYTES;
    if (this.#heldBytes > limit) throw tooLong(limit);
  }

  /** A held token is whole: forwards it or what stands for it. Returns where what was not forwarded yet begins. */
  #tokenEnd(chunk: Buffer, from: number, token: number, at: number): number {
    const spread = this.#heldParts.length > 0;
    const isString = this.#reading === STRING;
    if (spread || at - token > MAX_JSON_LITERAL_BYTES) this.#hold(chunk.subarray(spread ? 0 : token, at)); // for its limit
    const bytes = spread ? Buffer.concat(this.#heldParts) : chunk.subarray(token, at);
    this.#reading = BETWEEN;
    this.#holding = false;
    this.#heldParts = [];
    this.#heldBytes = 0;
    if (!isString && this.#hiddenAt >= 0) return this.#hiddenLiteral(bytes, from, at);
    const replaced = isString ? this.#stringEnd(bytes) : this.#literalEnd(bytes);
    if (!replaced && !spread) return from;
    if (!spread && from < token) this.#out.push(chunk.subarray(from, token));
    this.#out.push(replaced ?? bytes);
    return at;
  }

  #stringEnd(bytes: Buffer): Buffer | undefined {
    const text = this.#escaped ? (JSON.parse(bytes.toString()) as string) : bytes.toString('utf8', 1, bytes.length - 1);
    if (this.#isKey) {
      this.#expect = COLON;
      this.#key(text);
    } else this.#after();
    return this.#masker.detects ? this.#redacted(text) : undefined;
  }

  #key(text: string): void {
    const standIn = this.#masker.standIns.get(text);
    this.#intoNext = false;
    if (this.#depth === this.#membersAt) this.#maskNext = this.#membersOf;
    else if (standIn) {
      this.#maskNext = text;
      this.#standIn = standIn.json;
      this.#intoNext = standIn.of === 'members';
    } else if (this.#masker.field(text)) {
      this.#maskNext = text;
      this.#standIn = MASKED;
    }
  }

  #enterMembers(): void {
    this.#membersAt = this.#depth + 1;
    this.#membersOf = this.#maskNext ?? '';
    this.#maskNext = undefined;
    this.#intoNext = false;
  }

  #literalEnd(bytes: Buffer): Buffer | undefined {
    const text = literal(bytes.toString('latin1'));
    this.#after();
    return this.#masker.detects ? this.#redacted(text) : undefined;
  }

  /** A literal inside a hidden value, or the hidden value itself. null says nothing that needs hiding. */
  #hiddenLiteral(bytes: Buffer, from: number, at: number): number {
    if (literal(bytes.toString('latin1')) !== 'null' || this.#hiddenAt !== this.#depth) return this.#valueEnd(at, from);
    this.#after();
    this.#hiddenAt = -1;
    this.#maskNext = undefined;
    this.#out.push(bytes);
    return at;
  }

  #redacted(text: string): Buffer | undefined {
    const found = this.#masker.text(text);
    if (!found) return undefined;
    this.#counts.add(detectPath(found.detector), found.count);
    return Buffer.from(JSON.stringify(found.value));
  }

  #close(code: number): void {
    const kind = this.#depth > 0 ? this.#stack[this.#depth - 1] : 0;
    const fits = code === 0x7d ? kind === OBJECT : kind === ARRAY;
    const open = code === 0x7d ? FIRST_KEY : FIRST_VALUE;
    if (!fits || (this.#expect !== NEXT && this.#expect !== open)) throw this.#unexpected(code);
    if (this.#depth === this.#membersAt) this.#membersAt = -1;
    this.#depth--;
  }

  #after(): void {
    this.#expect = this.#depth === 0 ? END : NEXT;
  }

  /** A value is whole; where it was the hidden one, its stand-in is forwarded. Returns what was not forwarded yet. */
  #valueEnd(at: number, from: number): number {
    this.#after();
    if (this.#hiddenAt !== this.#depth) return from;
    this.#counts.add(fieldPath(this.#maskNext ?? ''), 1);
    this.#out.push(this.#standIn);
    this.#hiddenAt = -1;
    this.#maskNext = undefined;
    return at;
  }

  /** A byte order mark is no JSON, but readers skip it. Position after what there is of it. */
  #skipBom(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && this.#bom < 3 && chunk[at] === UTF8_BOM[this.#bom]) {
      at++;
      this.#bom++;
    }
    if (at < chunk.length) this.#started = true;
    if (this.#started && this.#bom % 3 !== 0) throw syntax('the JSON does not begin with a value');
    return at;
  }

  #unexpected(code: number): JsonMaskError {
    const shown = code > 0x20 && code < 0x7f ? `"${String.fromCharCode(code)}"` : `byte 0x${code.toString(16).padStart(2, '0')}`;
    return syntax(`the JSON holds ${shown} where it cannot stand`);
  }
}

/** The text of a number or literal. Throws where it is neither. */
function literal(text: string): string {
  if (text.length > MAX_JSON_LITERAL_BYTES) throw tooLong(MAX_JSON_LITERAL_BYTES);
  if (text !== 'true' && text !== 'false' && text !== 'null' && !NUMBER.test(text)) {
    throw syntax('the JSON holds a word that is neither a number nor true, false or null');
  }
  return text;
}

const syntax = (message: string): JsonMaskError => new JsonMaskError('syntax', message);
const tooLong = (limit: number): JsonMaskError => new JsonMaskError('length', `the JSON holds a token longer than ${limit} bytes`);

/** Bytes of which numbers, true, false and null are made; delimiters and quotes are not among them. */
function isLiteralByte(code: number): boolean {
  const lower = code | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2b || code === 0x2e;
}

/** A whole document. Throws JsonMaskError: the caller must not forward it then. */
export function maskJson(masker: Masker, bytes: Buffer, counts = new MaskCounts()): { bytes: Buffer; counts: MaskCounts } {
  const masking = new JsonMasking(masker, counts);
  const parts = [...masking.write(bytes), ...masking.end()];
  return { bytes: parts.length === 1 ? parts[0]! : Buffer.concat(parts), counts };
}
