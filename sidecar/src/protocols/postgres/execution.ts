/** One exchange on its way: the result is counted, captured and masked as it passes. */
import type { Verdict } from '@cairn/crds';
import { MaskCounts, type Masker } from '../../guard/mask.js';
import type { BodyCapture, Exchange, SessionRecorder } from '../../record/exchange.js';
import type { Column } from './columns.js';
import { readColumns } from './columns.js';
import { CopyMask, hiddenColumns, type RowMask, rowMask } from './masking.js';
import { Run } from './run.js';
import type { Classified, Outputs } from './sql/classified.js';

export const PAYLOAD_TYPE = 'application/vnd.postgresql.v3';
const NOTHING = Buffer.alloc(0);

/** Columns of a result, once as they are needed and once as events tell them. */
export interface Description {
  columns: readonly Column[];
  recorded: readonly { name: string; type: string }[];
  /** The RowDescription message. */
  bytes: Buffer;
}

const descriptions = new WeakMap<Classified, Description>();

/** Columns of a RowDescription; the same statement's same bytes are read once. */
export function describe(classified: Classified | undefined, buffer: Buffer, start: number, end: number): Description {
  const known = classified && descriptions.get(classified);
  if (known && known.bytes.length === end - start && buffer.compare(known.bytes, 0, known.bytes.length, start, end) === 0) return known;
  const columns = readColumns(buffer, start, end);
  const bytes = Buffer.from(buffer.subarray(start, end));
  const description = { columns, recorded: columns.map(({ name, type }) => ({ name, type })), bytes };
  if (classified) descriptions.set(classified, description);
  return description;
}

/** With the result formats that a Bind asked for. */
export function withFormats(description: Description, formats: readonly number[]): Description {
  if (formats.length === 0) return description;
  const columns = description.columns.map((column, index) => ({
    ...column,
    format: (formats.length === 1 ? formats[0] : formats[index]) ?? 0,
  }));
  return { columns, recorded: description.recorded, bytes: formatted(description.bytes, columns) };
}

function formatted(description: Buffer, columns: readonly Column[]): Buffer {
  const bytes = Buffer.from(description);
  let at = 7;
  for (const column of columns) {
    at = bytes.indexOf(0, at) + 1 + 18;
    bytes.writeUInt16BE(column.format, at - 2);
  }
  return bytes;
}

export interface ResultSource {
  classified: Classified | undefined;
  /** Outputs of the statement of this number; `opaque` where its text is not known. */
  outputs: (index: number) => { outputs: Outputs | undefined; opaque: boolean };
}

export class Execution {
  rows: number | undefined;
  /** Statements of the message that were completed. */
  statement = 0;
  error: { code: string; message: string } | undefined;
  /** A description was looked at for the result that runs. */
  opened = false;
  /** COPY ... FROM STDIN that the server waits for. */
  request: BodyCapture | undefined;
  /** Columns of the relation of a COPY, as a Describe of ours told. */
  copyColumns: readonly string[] | undefined;
  readonly masker: Masker | undefined;
  private description: Description | undefined;
  private rowMask: RowMask | undefined;
  private copyMask: CopyMask | undefined;
  private readonly counts = new MaskCounts();
  private readonly capture: BodyCapture;
  private readonly kept: Run;
  private keeping = true;
  private dropped = false;
  private taken = 0;
  private done = false;

  constructor(
    private readonly exchange: Exchange,
    private readonly verdict: Verdict,
    masker: Masker | undefined,
    readonly source: ResultSource,
    private readonly limits: { maxRows: number; maxBytes: number },
    private readonly record: SessionRecorder,
  ) {
    this.masker = masker;
    const keep = verdict.level === 'RequestResponse';
    this.capture = record.body({ keep, maxBytes: limits.maxBytes, type: PAYLOAD_TYPE });
    this.kept = new Run((bytes) => this.add(bytes));
  }

  /** The result that comes now has these columns. */
  open(description: Description | undefined, seal = false): void {
    this.opened = true;
    this.description = description;
    // What was described before this exchange is sealed with its rows, so that they can be read alone.
    if (seal && description && this.verdict.level === 'RequestResponse') this.capture.addChanged(description.bytes, NOTHING);
    if (!this.masker || !description) return;
    const { outputs, opaque } = this.source.outputs(this.statement);
    this.rowMask = rowMask(description.columns, outputs, this.masker, this.counts, opaque);
  }

  get masks(): boolean {
    return this.masker !== undefined;
  }

  /** A DataRow; returns what the agent gets instead, or undefined where it passes as it is. */
  row(buffer: Buffer, start: number, end: number): Buffer | undefined {
    this.countRow();
    if (this.masker && !this.description) throw new RangeError('a row came without its columns');
    const masked = this.rowMask?.row(buffer, start, end);
    return this.changed(masked, buffer, start, end);
  }

  /** Begins COPY ... TO STDOUT of `count` columns. */
  openCopy(count: number): void {
    this.opened = true;
    if (!this.masker) return;
    const copy = this.source.classified?.statements[this.statement]?.copy;
    if (!copy) throw new RangeError('rows are copied by a statement that is not known as COPY');
    const { outputs, opaque } = this.source.outputs(this.statement);
    const plain = outputs?.columns.some((column) => column.star) ? undefined : outputs?.columns.map((column) => column.label ?? '?column?');
    const names = copy.columns ?? this.copyColumns ?? plain ?? [];
    const known = names.length === count;
    const columns = Array.from({ length: count }, (_, index) => ({ name: known ? (names[index] ?? '') : String(index + 1), table: 0 }));
    const hidden = hiddenColumns(columns, copy.relation ? undefined : outputs, this.masker, opaque || !known);
    this.copyMask = new CopyMask(
      copy,
      columns.map(({ name }) => name),
      hidden,
      this.masker,
      this.counts,
    );
  }

  /** A CopyData message of COPY ... TO STDOUT. */
  copyLine(buffer: Buffer, start: number, end: number): Buffer | undefined {
    this.countRow();
    const masked = this.copyMask?.line(buffer, start, end);
    return this.changed(masked, buffer, start, end);
  }

  private changed(masked: Buffer | undefined, buffer: Buffer, start: number, end: number): Buffer | undefined {
    // The same view means that nothing was hidden.
    if (!masked || (masked.buffer === buffer.buffer && masked.byteOffset === buffer.byteOffset + start)) {
      this.kept.pass(buffer, start, end);
      return undefined;
    }
    this.kept.flush();
    this.capture.addChanged(this.keeping ? buffer.subarray(start, end) : NOTHING, masked);
    return masked;
  }

  /** Bytes of the result that pass as they came. */
  take(buffer: Buffer, start: number, end: number): void {
    this.kept.pass(buffer, start, end);
  }

  countRow(): void {
    this.taken++;
    if (this.taken !== this.limits.maxRows + 1) return;
    this.kept.flush();
    this.keeping = false;
    this.dropped = true;
  }

  private add(bytes: Buffer): void {
    if (this.keeping) this.capture.add(bytes);
    else this.capture.addChanged(NOTHING, bytes);
  }

  /** CommandComplete: `SELECT 5`, `INSERT 0 5`, `BEGIN`. Reads the number at its end. */
  completed(buffer: Buffer, end: number): void {
    let value = 0;
    let scale = 1;
    let at = end - 2;
    for (; buffer[at]! >= 48 && buffer[at]! <= 57; at--) {
      value += (buffer[at]! - 48) * scale;
      scale *= 10;
    }
    if (at < end - 2) this.rows = (this.rows ?? 0) + value;
    this.statement++;
    this.opened = false;
    this.rowMask = undefined;
    this.copyMask = undefined;
  }

  /** Rows of a portal that stopped at its limit, or of a result that broke off. */
  countTaken(): void {
    this.rows = (this.rows ?? 0) + this.taken;
  }

  /** COPY ... FROM STDIN begins: what the agent sends is the request's body. */
  openRequest(): void {
    const keep = this.verdict.level === 'RequestResponse' || this.verdict.level === 'Request';
    this.request ??= this.record.body({ keep, maxBytes: this.limits.maxBytes, type: PAYLOAD_TYPE });
  }

  /** Once; later calls do nothing. */
  complete(status = this.error?.code ?? '00000', error = this.error?.message): void {
    if (this.done) return;
    this.done = true;
    this.kept.flush();
    const body = this.capture.finish();
    const keptLess = this.dropped && this.verdict.level === 'RequestResponse';
    this.exchange.complete({
      status,
      response: keptLess ? { ...body, truncated: true } : body,
      rows: this.rows ?? (this.taken > 0 ? this.taken : undefined),
      columns: this.description?.recorded,
      error: error !== undefined && this.masker ? (this.masker.text(error)?.value ?? error) : error,
      request: this.request?.finish(),
      masked: this.masker ? this.counts.masked(this.verdict.rule ?? this.verdict.policy) : undefined,
    });
  }
}
