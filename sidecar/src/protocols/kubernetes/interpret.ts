/** Requests of the Kubernetes API -> operations, as policies and auditors read them. Pure. */
import type { Effect, Operation } from '@cairn/crds';
import type { RequestHead } from '../http/head.js';
import { parameters } from '../http/interpret.js';
import { mediaType } from '../http/mask-body.js';
import { upgradeOf } from '../http/rewrite.js';
import { describeBody, MAX_OBJECT_BYTES, readSubmitted, type Details } from './body/index.js';
import { requestInfo, type RequestInfo } from './request-info.js';

type Query = ReturnType<typeof parameters>;
type ResourceInfo = Extract<RequestInfo, { kind: 'resource' }>;

/** Subresources that open a connection into the cluster: the method says nothing about what is done with them. */
const CONNECTS = new Set(['exec', 'attach', 'portforward', 'proxy']);

/** Groups whose objects say who may do what, or how the API behaves. */
const ADMIN_GROUPS = new Set([
  'rbac.authorization.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'certificates.k8s.io',
  'flowcontrol.apiserver.k8s.io',
  'cairn.dev',
]);
const ADMIN_RESOURCES = new Set(['namespaces', 'nodes', 'serviceaccounts', 'networkpolicies.networking.k8s.io']);
/** Creating a review asks a question (`kubectl auth can-i`). */
const REVIEWS = new Set(['authorization.k8s.io', 'authentication.k8s.io']);
const READS = new Set(['get', 'list', 'watch']);

const WRITES = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

/** How much of a request's body is read: objects, patches and options, and not what is sent on to pods. */
export function reads(head: RequestHead, path: string): number {
  if (head.method === 'GET' || head.upgrade !== undefined) return 0;
  const info = requestInfo(head.method, path);
  return info.kind === 'resource' && WRITES.has(info.verb) && !CONNECTS.has(info.subresource) ? MAX_OBJECT_BYTES : 0;
}

/** One operation a request. What is not understood is refused elsewhere, and recorded as method and path. */
export function interpret(head: RequestHead, path: string, body?: Buffer): [Operation] {
  const info = requestInfo(head.method, path);
  const mark = path.indexOf('?');
  const query = mark < 0 ? undefined : parameters(path.slice(mark + 1));
  switch (info.kind) {
    case 'resource':
      return [resourceOperation(head, info, query, body)];
    case 'path': {
      const effect = info.verb === 'get' || info.verb === 'head' ? 'read' : 'write';
      return [{ verb: info.verb, resource: info.path, effect, ...(query ? { parameters: query } : {}) }];
    }
    case 'unclear':
      return [{ verb: head.method, resource: mark < 0 ? path : path.slice(0, mark), effect: 'write' }];
    default:
      return info satisfies never;
  }
}

function resourceOperation(head: RequestHead, info: ResourceInfo, query: Query | undefined, body: Buffer | undefined): Operation {
  const { subresource } = info;
  const connects = CONNECTS.has(subresource) || (upgradeOf(head) !== undefined && info.verb !== 'watch' && subresource !== 'log');
  const verb = connects ? (subresource === '' ? `${info.resource}/connect` : `${info.resource}/${subresource}`) : info.verb;
  return {
    verb,
    resource: resourceText(info),
    effect: connects ? 'execute' : effectOf(info),
    parameters: { ...said(head, info, body), ...query, ...portsOf(info, query), version: info.version, ...details(head, info) },
  };
}

export const kindOf = ({ group, resource }: ResourceInfo): string => (group === '' ? resource : `${resource}.${group}`);

/** `research/deployments.apps/web/scale`; the namespace is `-` where the request names none. */
function resourceText(info: ResourceInfo): string {
  const namespace = info.namespace === '' ? '-' : info.namespace;
  const text = `${namespace}/${kindOf(info)}/${info.name}`;
  return info.subresource === '' ? text : `${text}/${info.subresource}`;
}

function details(head: RequestHead, { verb, subresource, rest }: ResourceInfo): Record<string, string> {
  return {
    ...(subresource === '' ? {} : { subresource }),
    ...(rest === '' ? {} : { path: `/${rest}` }),
    ...(verb === 'patch' ? { patch: patchType(head.contentType) } : {}),
  };
}

/** The ports that a URL asks to be forwarded, as the API server reads them: in one parameter, or in several. */
function portsOf({ subresource }: ResourceInfo, query: Query | undefined): { ports?: string[] } {
  const ports = query?.['ports'];
  return subresource === 'portforward' && ports !== undefined ? { ports: [ports].flat().flatMap((each) => each.split(',')) } : {};
}

/** What the body says; what the URL says comes before it, and agrees with it or is refused by the API server. */
function said(head: RequestHead, { verb }: ResourceInfo, body: Buffer | undefined): Details {
  if (!body) return head.hasBody && WRITES.has(verb) ? { body: 'not read: it is too large' } : {};
  return describeBody(verb, verb === 'patch' ? patchType(head.contentType) : '', readSubmitted(head, body));
}

/** Media types of patches (k8s.io/apimachinery/pkg/types); an unknown one stands as it is. */
export function patchType(contentType: string | undefined): string {
  const type = mediaType(contentType);
  return /^application\/(json|merge|strategic-merge|apply)-patch\+(?:json|yaml|cbor)$/.exec(type)?.[1]?.replace('-merge', '') ?? type;
}

function effectOf(info: ResourceInfo): Effect {
  const { verb, group, resource, subresource } = info;
  if (READS.has(verb)) return 'read';
  if (REVIEWS.has(group)) return 'read';
  if (subresource === 'ephemeralcontainers') return 'execute';
  return ADMIN_GROUPS.has(group) || ADMIN_RESOURCES.has(kindOf({ ...info, resource })) ? 'admin' : 'write';
}

/** Whether an operation's answer holds Secrets. */
export function isAboutSecrets(operation: Operation): boolean {
  return /^[^/]*\/secrets\//.test(operation.resource);
}
