/** Masks of a result: which columns, and DataRow and COPY data rewritten so that every length stays right. */
import { MASK, MaskCounts, type Masker } from '../../guard/mask.js';
import { type Column, isText } from './columns.js';
import { type CopyStatement, type Outputs, WHOLE_ROW } from './sql/classified.js';

const MASK_BYTES = Buffer.from(MASK);
const JSON_MASK = Buffer.from(JSON.stringify(MASK));
const JSONB_MASK = Buffer.concat([Buffer.from([1]), JSON_MASK]);
const [JSON_OID, JSONB_OID] = [114, 3802];

/** What happens to a column's values. */
type Treatment = 'pass' | 'hide' | 'search';

/** How the values of one result are masked. Built once a RowDescription. */
export class RowMask {
  constructor(
    private readonly columns: readonly Column[],
    private readonly treatments: readonly Treatment[],
    private readonly masker: Masker,
    private readonly counts: MaskCounts,
  ) {}

  /** The DataRow `buffer[start, end)` with what the masks say; the same bytes where nothing is to be hidden. */
  row(buffer: Buffer, start: number, end: number): Buffer {
    const count = buffer.readUInt16BE(start + 5);
    const parts: Buffer[] = [];
    let copied = start;
    let at = start + 7;
    for (let index = 0; index < count; index++) {
      const length = buffer.readInt32BE(at);
      const next = at + 4 + Math.max(length, 0);
      if (next > end) throw new RangeError('a value is longer than its DataRow');
      const replaced = length < 0 ? undefined : this.value(index, buffer, at + 4, next);
      if (replaced !== undefined) {
        parts.push(buffer.subarray(copied, at), lengthWord(replaced), ...(replaced ? [replaced] : []));
        copied = next;
      }
      at = next;
    }
    if (parts.length === 0) return buffer.subarray(start, end);
    const whole = Buffer.concat([...parts, buffer.subarray(copied, end)]);
    whole.writeInt32BE(whole.length - 1, 1);
    return whole;
  }

  /** undefined: stays; null: NULL. */
  private value(index: number, buffer: Buffer, start: number, end: number): Buffer | null | undefined {
    const column = this.columns[index];
    const treatment = this.treatments[index] ?? 'hide';
    if (treatment === 'pass') return undefined;
    if (treatment === 'hide' || !column) {
      this.counts.add(column?.name ?? String(index + 1), 1);
      return column ? placeholder(column) : null;
    }
    if (column.format === 1 && !isText(column.oid)) return undefined;
    const from = column.format === 1 && column.oid === JSONB_OID ? start + 1 : start;
    const found = this.masker.text(buffer.toString('utf8', from, end));
    if (!found) return undefined;
    this.counts.add(found.detector, found.count);
    return Buffer.concat([buffer.subarray(start, from), Buffer.from(found.value)]);
  }
}

function lengthWord(value: Buffer | null): Buffer {
  const word = Buffer.alloc(4);
  word.writeInt32BE(value ? value.length : -1);
  return word;
}

function placeholder(column: Column): Buffer | null {
  if (column.oid === JSON_OID) return JSON_MASK;
  if (column.oid === JSONB_OID) return column.format === 1 ? JSONB_MASK : JSON_MASK;
  return isText(column.oid) ? MASK_BYTES : null;
}

/** undefined where no column of the result can hold anything to mask. */
export function rowMask(
  columns: readonly Column[],
  outputs: Outputs | undefined,
  masker: Masker,
  counts: MaskCounts,
  opaque: boolean,
): RowMask | undefined {
  const hidden = hiddenColumns(columns, outputs, masker, opaque);
  const treatments = columns.map((column, index): Treatment => {
    if (hidden[index]) return 'hide';
    if (!masker.detects) return 'pass';
    if (column.format === 0) return 'search';
    return isText(column.oid) ? 'search' : nested(column.oid) ? 'hide' : 'pass';
  });
  return treatments.every((treatment) => treatment === 'pass') ? undefined : new RowMask(columns, treatments, masker, counts);
}

/** Binary values that hold text inside: arrays of it, records, hstore and what extensions bring. */
function nested(oid: number): boolean {
  return [1000, 1001, 1005, 1007, 1016, 1021, 1022, 1028, 1115, 1182, 1185, 1231, 2951].includes(oid)
    ? false
    : oid === 2249 || [199, 1009, 1014, 1015, 3807].includes(oid) || oid >= 10_000;
}

/** `opaque`: the text that the result comes from is not known, so every name may stand for a masked column. */
export function hiddenColumns(
  columns: readonly { name: string; table: number }[],
  outputs: Outputs | undefined,
  masker: Masker,
  opaque: boolean,
): boolean[] {
  if (!masker.fields) return columns.map(() => false);
  if (opaque) return columns.map(() => true);
  const tainted = taintedNames(outputs, masker);
  const flows = (refs: readonly string[]) => refs.some((ref) => ref === WHOLE_ROW || masker.field(ref) || tainted.has(ref));
  const explicit = outputs?.columns ?? [];
  const stars = explicit.filter((each) => each.star).length;
  const labels = new Set(explicit.filter((each) => flows(each.refs)).map((each) => each.label));
  return columns.map((column, index) => {
    const name = column.name.toLowerCase();
    if (masker.field(name) || tainted.has(name)) return true;
    if (stars === 0) return outputs !== undefined && flows(explicit[index]?.refs ?? [WHOLE_ROW]);
    // With a star the places are unknown: an expression is found by its label, or by having no table.
    return labels.has(column.name) || (labels.size > 0 && column.table === 0);
  });
}

/** Names given inside the text to what holds a masked column, and names given to those. */
function taintedNames(outputs: Outputs | undefined, masker: Masker): Set<string> {
  const tainted = new Set<string>();
  for (let before = -1; before !== tainted.size;) {
    before = tainted.size;
    for (const [name, refs] of outputs?.aliases ?? []) {
      if (refs.some((ref) => ref === WHOLE_ROW || masker.field(ref) || tainted.has(ref))) tainted.add(name);
    }
  }
  return tainted;
}

/** Masks lines of COPY ... TO STDOUT; the server sends one row a CopyData message. */
export class CopyMask {
  private headerDue: boolean;

  constructor(
    private readonly copy: CopyStatement,
    private readonly names: readonly string[],
    private readonly hidden: readonly boolean[],
    private readonly masker: Masker,
    private readonly counts: MaskCounts,
  ) {
    this.headerDue = copy.header;
  }

  /** The CopyData message `buffer[start, end)`, masked. */
  line(buffer: Buffer, start: number, end: number): Buffer {
    if (this.headerDue) {
      this.headerDue = false;
      return buffer.subarray(start, end);
    }
    const text = buffer.toString('utf8', start + 5, end);
    const ending = /\r?\n$/.exec(text)?.[0] ?? '';
    const fields = this.split(text.slice(0, text.length - ending.length));
    const masked = fields.map((field, index) => this.field(field, index)).join(this.copy.delimiter) + ending;
    if (masked === text) return buffer.subarray(start, end);
    const body = Buffer.from(masked);
    const head = Buffer.from([buffer[start]!, 0, 0, 0, 0]);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  }

  private field(field: string, index: number): string {
    if (field === this.copy.nullText) return field;
    if (this.hidden[index] ?? this.masker.fields) {
      this.counts.add(this.names[index] ?? String(index + 1), 1);
      return MASK;
    }
    const found = this.masker.detects ? this.masker.text(field) : undefined;
    if (!found) return field;
    this.counts.add(found.detector, found.count);
    return found.value;
  }

  private split(line: string): string[] {
    const { delimiter, format, quote, escape } = this.copy;
    const fields: string[] = [];
    let from = 0;
    let quoted = false;
    for (let at = 0; at < line.length; at++) {
      const character = line[at];
      if (format === 'csv' && quoted && character === escape && escape !== quote) at++;
      else if (format === 'csv' && character === quote) quoted = !quoted;
      else if (format !== 'csv' && character === '\\') at++;
      else if (character === delimiter && !quoted) {
        fields.push(line.slice(from, at));
        from = at + 1;
      }
    }
    return [...fields, line.slice(from)];
  }
}
