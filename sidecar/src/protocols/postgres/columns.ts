/** RowDescription as columns. */
import { cstringEnd } from './messages.js';

export interface Column {
  name: string;
  /** Type name; `oid:N` where it is not a built-in one. */
  type: string;
  oid: number;
  /** Table that the column comes from; 0 for an expression. */
  table: number;
  /** 0 text, 1 binary. */
  format: number;
}

const FIELD_BYTES = 18;

/** Throws RangeError on a message that lies about its lengths. */
export function readColumns(buffer: Buffer, start: number, end: number): Column[] {
  const columns: Column[] = [];
  let at = start + 7;
  for (let count = buffer.readUInt16BE(start + 5); count > 0; count--) {
    const stop = cstringEnd(buffer, at, end);
    if (stop + 1 + FIELD_BYTES > end) throw new RangeError('a column is longer than its message');
    const oid = buffer.readUInt32BE(stop + 7);
    columns.push({
      name: buffer.toString('utf8', at, stop),
      type: typeName(oid),
      oid,
      table: buffer.readUInt32BE(stop + 1),
      format: buffer.readUInt16BE(stop + 17),
    });
    at = stop + 1 + FIELD_BYTES;
  }
  return columns;
}

/** Built-in types by OID (pg_type.dat); an array's is named after its element. */
const NAMES = new Map<number, string>(
  (
    '16 bool,17 bytea,18 char,19 name,20 int8,21 int2,23 int4,24 regproc,25 text,26 oid,27 tid,28 xid,29 cid,114 json,142 xml,' +
    '600 point,601 lseg,602 path,603 box,604 polygon,628 line,650 cidr,700 float4,701 float8,705 unknown,718 circle,774 macaddr8,790 money,' +
    '829 macaddr,869 inet,1042 bpchar,1043 varchar,1082 date,1083 time,1114 timestamp,1184 timestamptz,1186 interval,1266 timetz,1560 bit,' +
    '1562 varbit,1700 numeric,1790 refcursor,2202 regprocedure,2205 regclass,2206 regtype,2249 record,2278 void,2950 uuid,3220 pg_lsn,' +
    '3614 tsvector,3615 tsquery,3802 jsonb,3904 int4range,3906 numrange,3908 tsrange,3910 tstzrange,3912 daterange,3926 int8range,4072 jsonpath,' +
    '199 json[],1000 bool[],1001 bytea[],1005 int2[],1007 int4[],1009 text[],1014 bpchar[],1015 varchar[],1016 int8[],1021 float4[],1022 float8[],' +
    '1028 oid[],1115 timestamp[],1182 date[],1185 timestamptz[],1231 numeric[],2951 uuid[],3807 jsonb[]'
  )
    .split(',')
    .map((entry) => [Number.parseInt(entry, 10), entry.slice(entry.indexOf(' ') + 1)]),
);

export function typeName(oid: number): string {
  return NAMES.get(oid) ?? `oid:${oid}`;
}

const TEXT_TYPES = new Set([18, 19, 25, 114, 142, 705, 1042, 1043, 3802]);

/** Whether a masked value may be a text in its place. */
export function isText(oid: number): boolean {
  return TEXT_TYPES.has(oid);
}
