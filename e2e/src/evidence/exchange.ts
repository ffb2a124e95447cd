/** Exchanges as a recorder appends them. */
import { canonicalJson, type StreamWriter } from '@cairn/audit';
import { uuidv7 } from '@cairn/identity';
import { AGENT } from './authority.js';

/** Appends an intent with a body of `bytes` and its outcome; returns the outcome's seq. */
export function appendExchange(writer: StreamWriter, number: number, bytes: number): number {
  const id = uuidv7();
  const payload = writer.payload([Buffer.alloc(bytes, number)], 'application/octet-stream');
  const head = (event: string) => `{"agent":${canonicalJson(AGENT)},"id":"${event}"`;
  const time = `"time":"${new Date().toISOString()}"}`;
  writer.append(head(id), `"request":${canonicalJson({ size: bytes, ...(payload && { payload: [payload] }) })},"stage":"intent",${time}`);
  // `cause` sorts before `id`.
  const complete = `{"agent":${canonicalJson(AGENT)},"cause":"${id}","id":"${uuidv7()}"`;
  return writer.append(complete, `"response":{"duration":1,"size":0,"status":"200"},"stage":"complete",${time}`);
}
