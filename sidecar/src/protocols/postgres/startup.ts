/** The agent's first packet (protocol, "Start-up" and "Canceling Requests in Progress"). Pure. */
import { MAX_STARTUP_BYTES } from './limits.js';
import { isUnsafeSetting } from './sql/classify.js';

const SSL_REQUEST = 80_877_103;
const GSSENC_REQUEST = 80_877_104;
const CANCEL_REQUEST = 80_877_102;
const MAJOR = 3;

export interface Startup {
  kind: 'startup';
  /** 0 or 2; what the agent asked for at most. */
  minor: number;
  /** The minor version or options (`_pq_.*`) are not ours to promise: NegotiateProtocolVersion is due. */
  negotiate: string[] | undefined;
  parameters: Map<string, string>;
}

export type FirstPacket =
  | { kind: 'incomplete' }
  | { kind: 'ssl' }
  | { kind: 'gss' }
  | { kind: 'cancel'; pid: number; secret: Buffer }
  | Startup
  | { kind: 'malformed'; reason: string };

/** Reads the packet at the beginning of `bytes`; `length` of a complete one is its first word. */
export function readFirstPacket(bytes: Buffer): FirstPacket {
  if (bytes.length < 4) return { kind: 'incomplete' };
  const length = bytes.readInt32BE(0);
  if (length < 8 || length > MAX_STARTUP_BYTES)
    return { kind: 'malformed', reason: `a startup packet claims ${length} bytes; 8 to ${MAX_STARTUP_BYTES} are accepted` };
  if (bytes.length < length) return { kind: 'incomplete' };
  const code = bytes.readInt32BE(4);
  if (code === SSL_REQUEST && length === 8) return { kind: 'ssl' };
  if (code === GSSENC_REQUEST && length === 8) return { kind: 'gss' };
  if (code === CANCEL_REQUEST && length >= 16) return { kind: 'cancel', pid: bytes.readInt32BE(8), secret: bytes.subarray(12, length) };
  if (code >> 16 !== MAJOR)
    return { kind: 'malformed', reason: `protocol version ${code >>> 16}.${code & 0xffff} is not supported; 3.0 and 3.2 are` };
  return readStartup(bytes.subarray(8, length), code & 0xffff);
}

function readStartup(body: Buffer, minor: number): FirstPacket {
  if (body.at(-1) !== 0) return { kind: 'malformed', reason: 'the startup packet is not terminated' };
  const words = body.toString('utf8').split('\0').slice(0, -2);
  if (words.length % 2 !== 0) return { kind: 'malformed', reason: 'the startup packet holds a name without a value' };
  const parameters = new Map<string, string>();
  const unknown: string[] = [];
  for (let index = 0; index < words.length; index += 2) {
    const name = words[index]!;
    if (name.startsWith('_pq_.')) unknown.push(name);
    else parameters.set(name, words[index + 1]!);
  }
  const known = minor >= 2 ? 2 : 0;
  return { kind: 'startup', minor: known, negotiate: known !== minor || unknown.length > 0 ? unknown : undefined, parameters };
}

/** Settings that decide who acts or how text is read; an agent may set them by a statement at most, which a policy sees. */
const GUARDED = /^(role|session_authorization|session_replication_role|row_security|local_preload_libraries|session_preload_libraries)$/;

/** Why these parameters are refused, as a sentence; undefined where they may pass. */
export function refusedParameter(parameters: ReadonlyMap<string, string>): string | undefined {
  const replication = parameters.get('replication');
  if (replication !== undefined && !/^(false|off|no|0)$/i.test(replication))
    return 'replication connections are not relayed, because what they carry cannot be told apart';
  for (const [name, value] of [...parameters, ...optionSettings(parameters.get('options') ?? '')]) {
    if (GUARDED.test(name.toLowerCase()))
      return `"${name}" cannot be set at the start of a connection; use a SET statement, which the policy can decide`;
    if (isUnsafeSetting(name.toLowerCase(), value)) return `with ${name} = "${value.slice(0, 40)}" statements could not be read reliably`;
  }
  return undefined;
}

/** `-c name=value` and `--name=value`, as the server splits them: at white space, backslash escapes (pg_split_opts). */
function optionSettings(options: string): [string, string][] {
  const words = [...options.matchAll(/(?:\\.|[^\s\\])+/gs)].map(([word]) => word.replaceAll(/\\(.)/gs, '$1'));
  const settings: [string, string][] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]!;
    let setting: string | undefined;
    if (word === '-c') setting = words[++index];
    else if (word.startsWith('-c')) setting = word.slice(2);
    else if (word.startsWith('--')) setting = word.slice(2);
    const [, name, value] = /^([^=]+)=?(.*)$/s.exec(setting ?? '') ?? [];
    if (name !== undefined) settings.push([name.replaceAll('-', '_'), value ?? '']);
  }
  return settings;
}

/** Names of options of ours in the packet's `application_name` place: the tag is put by the sidecar. */
export function upstreamParameters(startup: Startup, user: string, tag: string): Buffer {
  const parameters = new Map(startup.parameters);
  if (!parameters.has('database')) parameters.set('database', parameters.get('user') ?? user);
  parameters.set('user', user);
  parameters.set('application_name', tag);
  parameters.delete('replication');
  return Buffer.from([...parameters].map(([name, value]) => `${name}\0${value}\0`).join('') + '\0');
}

/** At most `limit` bytes of UTF-8, never half a character. */
export function cutUtf8(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  let end = limit;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}
