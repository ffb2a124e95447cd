/** The body of a request as what it says, by its media type. Pure. */
import { decode as decodeCbor } from 'cborg';
import { parse as parseYaml, type Tags } from 'yaml';
import type { RequestHead } from '../../http/head.js';
import { mediaType } from '../../http/mask-body.js';
import { MAX_YAML_ALIASES } from './limits.js';
import { type ProtobufObject, readProtobuf } from './protobuf.js';

export type Submitted =
  | { form: 'json' | 'yaml' | 'cbor'; value: unknown }
  | { form: 'protobuf'; object: ProtobufObject }
  /** `reason` completes "the body ...". */
  | { form: 'unread'; reason: string };

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const STRUCTURED = /^application\/(?:[-a-z]+\+)?(json|yaml|cbor)$/;

/** What a body says. An API server takes a body without a media type as JSON. */
export function readSubmitted(head: RequestHead, body: Buffer): Submitted {
  if (head.contentEncoding !== undefined) return { form: 'unread', reason: `is coded as ${head.contentEncoding.slice(0, 32)}` };
  const type = mediaType(head.contentType) || 'application/json';
  if (type === PROTOBUF) return read(() => ({ form: 'protobuf', object: readProtobuf(body) }));
  switch (STRUCTURED.exec(type)?.[1] ?? '') {
    case 'json':
      return read(() => ({ form: 'json', value: JSON.parse(body.toString()) as unknown }));
    case 'yaml':
      return read(() => ({ form: 'yaml', value: yamlOrJson(body.toString()) }));
    case 'cbor':
      return read(() => ({ form: 'cbor', value: decodeCbor(body, CBOR) as unknown }));
    default:
      return { form: 'unread', reason: `is of type ${type.slice(0, 64)}` };
  }
}

function read(reading: () => Submitted): Submitted {
  try {
    return reading();
  } catch (error) {
    return { form: 'unread', reason: `cannot be read: ${(error as Error).message.split('\n')[0]!.slice(0, 128)}` };
  }
}

/** Self-described CBOR (RFC 8949 3.4.6), which begins every body that an API server takes. */
const CBOR = { tags: { 55799: (decode: () => unknown) => decode() }, rejectDuplicateMapKeys: true } as never;

/** Clients that say YAML mostly send JSON, which is YAML; it is read first, for there is one way to read it. */
function yamlOrJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return parseYaml(text, { version: '1.1', customTags: asGoReads, maxAliasCount: MAX_YAML_ALIASES, uniqueKeys: true });
  }
}

/** YAML 1.1 as sigs.k8s.io/yaml takes it: no dates, and nothing to the base of 60. */
function asGoReads(tags: Tags): Tags {
  return tags.filter(
    (tag) => typeof tag === 'string' || (tag.tag !== 'tag:yaml.org,2002:timestamp' && !('format' in tag && tag.format === 'TIME')),
  );
}
