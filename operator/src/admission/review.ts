/** admission.k8s.io/v1 AdmissionReview: bytes of the API server to a request, and answers to it. */
import type { KubernetesObject } from '../inject/index.js';
import type { UserInfo } from '../lineage/index.js';
import { MESSAGE_CHARACTERS, UID_CHARACTERS, WARNING_CHARACTERS, WARNINGS_COUNT } from './limits.js';
import type { PatchOperation } from './patch.js';

export interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

export interface AdmissionRequest {
  uid: string;
  kind: GroupVersionKind;
  subResource: string;
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  name: string;
  namespace: string;
  user: UserInfo;
  object: KubernetesObject | undefined;
  old: KubernetesObject | undefined;
  dryRun: boolean;
}

/** What is answered. */
export type Decision =
  | { allowed: true; patch: readonly PatchOperation[]; warnings: readonly string[]; code: string }
  | { allowed: false; code: string; message: string; warnings: readonly string[] };

/** A body that is no review that can be answered: `message` says what, where and how to mend it. */
export class ReviewError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ReviewError';
  }
}

const VERSION = 'admission.k8s.io/v1';
const OPERATIONS = ['CREATE', 'UPDATE', 'DELETE', 'CONNECT'] as const;

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

function fields(parent: Fields, name: string, at: string): Fields {
  const value = parent[name];
  if (isFields(value)) return value;
  throw new ReviewError(`${at}.${name} is not an object`);
}

function text(parent: Fields, name: string, at: string, fallback?: string): string {
  const value = parent[name] ?? fallback;
  if (typeof value === 'string') return value;
  throw new ReviewError(`${at}.${name} is not a text`);
}

function object(parent: Fields, name: string): KubernetesObject | undefined {
  const value = parent[name];
  if (value === undefined || value === null) return undefined;
  if (!isFields(value)) throw new ReviewError(`request.${name} is not an object`);
  if (value['metadata'] !== undefined && !isFields(value['metadata'])) throw new ReviewError(`request.${name}.metadata is not an object`);
  return value;
}

function user(request: Fields): UserInfo {
  const info = fields(request, 'userInfo', 'request');
  const groups = info['groups'] ?? [];
  const extra = info['extra'] ?? {};
  const texts = (value: unknown): value is string[] => Array.isArray(value) && value.every((each) => typeof each === 'string');
  if (!texts(groups)) throw new ReviewError('request.userInfo.groups is not a list of texts');
  if (!isFields(extra) || !Object.values(extra).every(texts)) throw new ReviewError('request.userInfo.extra does not hold lists of texts');
  const at = 'request.userInfo';
  return { username: text(info, 'username', at, ''), uid: text(info, 'uid', at, ''), groups, extra: extra as Record<string, string[]> };
}

function readRequest(request: Fields): AdmissionRequest {
  const uid = text(request, 'uid', 'request');
  if (uid === '' || uid.length > UID_CHARACTERS) throw new ReviewError(`request.uid must have 1 to ${UID_CHARACTERS} characters`);
  const kind = fields(request, 'kind', 'request');
  const operation = OPERATIONS.find((each) => each === request['operation']);
  if (!operation) throw new ReviewError(`request.operation must be one of ${OPERATIONS.join(', ')}`);
  return {
    uid,
    kind: {
      group: text(kind, 'group', 'request.kind', ''),
      version: text(kind, 'version', 'request.kind'),
      kind: text(kind, 'kind', 'request.kind'),
    },
    subResource: text(request, 'subResource', 'request', ''),
    operation,
    name: text(request, 'name', 'request', ''),
    namespace: text(request, 'namespace', 'request', ''),
    user: user(request),
    object: object(request, 'object'),
    old: object(request, 'oldObject'),
    dryRun: request['dryRun'] === true,
  };
}

/** Throws ReviewError. */
export function readReview(body: unknown): AdmissionRequest {
  if (!isFields(body)) throw new ReviewError('the body is not a JSON object; send an AdmissionReview as application/json');
  if (body['kind'] !== 'AdmissionReview') throw new ReviewError('kind is not AdmissionReview; register this path as an admission webhook');
  if (body['apiVersion'] !== VERSION) throw new ReviewError(`apiVersion is not ${VERSION}; list v1 in admissionReviewVersions`);
  return readRequest(fields(body, 'request', 'the review'));
}

const cut = (value: string, characters: number): string => (value.length <= characters ? value : `${value.slice(0, characters - 1)}…`);

function reviewed(response: object): string {
  return JSON.stringify({ apiVersion: VERSION, kind: 'AdmissionReview', response });
}

/** The review that answers a request, as JSON. */
export function answer(uid: string, decision: Decision): string {
  const warnings = decision.warnings.slice(0, WARNINGS_COUNT).map((each) => cut(each, WARNING_CHARACTERS));
  const said = warnings.length > 0 ? { warnings } : {};
  if (!decision.allowed) {
    const status = { code: 403, reason: 'Forbidden', message: cut(`${decision.message} (${decision.code})`, MESSAGE_CHARACTERS) };
    return reviewed({ uid, allowed: false, status, ...said });
  }
  if (decision.patch.length === 0) return reviewed({ uid, allowed: true, ...said });
  const review = reviewed({ uid, allowed: true, ...said, patchType: 'JSONPatch' });
  // Base64 needs no escaping: put in behind, it is not looked through once more.
  return `${review.slice(0, -2)},"patch":"${Buffer.from(JSON.stringify(decision.patch)).toString('base64')}"}}`;
}
