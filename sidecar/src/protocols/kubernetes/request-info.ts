/**
 * Method and URL -> what is asked of which object, by the rules of the API server's own RequestInfo
 * (k8s.io/apiserver/pkg/endpoints/request): what its authorizer would be asked is what policies are asked. Where two readers of
 * a URL could disagree, it is refused instead. Pure.
 */

export type RequestInfo =
  | {
      readonly kind: 'resource';
      /** get, list, watch, create, update, patch, delete, deletecollection. */
      readonly verb: string;
      /** Empty for the core group. */
      readonly group: string;
      readonly version: string;
      /** Empty for objects of the cluster and for collections over all namespaces. */
      readonly namespace: string;
      readonly resource: string;
      /** Empty for collections. */
      readonly name: string;
      readonly subresource: string;
      /** What follows the subresource proxy; empty elsewhere. */
      readonly rest: string;
    }
  | { readonly kind: 'path'; readonly verb: string; readonly path: string }
  /** `reason` completes the sentence "the URL ...". */
  | { readonly kind: 'unclear'; readonly reason: string };

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const unclear = (reason: string): RequestInfo => ({ kind: 'unclear', reason });

/** `path` is the origin-form target with its query. */
export function requestInfo(method: string, path: string): RequestInfo {
  const verb = VERBS[method];
  if (verb === undefined) return unclear(`is asked with ${method}, which the Kubernetes API does not know`);
  const mark = path.indexOf('?');
  const query = mark < 0 ? '' : path.slice(mark + 1);
  if (/;|%(?![0-9A-Fa-f]{2})/.test(query)) return unclear('has a query that is read in more than one way');
  const parts = segments(mark < 0 ? path : path.slice(0, mark));
  if (typeof parts === 'string') return unclear(parts);
  const api = resourceParts(parts);
  if (!api) return { kind: 'path', verb: method.toLowerCase(), path: `/${parts.join('/')}` };
  return resourceInfo(verb, api, new URLSearchParams(query));
}

/** Decoded segments, or why they are unclear. What follows `proxy` is the other server's, so only its dots are looked at. */
function segments(path: string): string[] | string {
  const raw = path.replace(/^\//, '').replace(/\/$/, '').split('/');
  if (raw.length === 1 && raw[0] === '') return [];
  const parts: string[] = [];
  for (const segment of raw) {
    const part = decoded(segment);
    if (part === undefined) return 'has a broken percent-encoding';
    if (part === '.' || part === '..') return 'has dot segments (RFC 3986 5.2.4); write it without';
    const foreign = parts.includes('proxy');
    if (!foreign && part === '') return 'has an empty segment; write single slashes';
    if (!foreign && !SEGMENT.test(part)) return 'has a segment with a slash, a percent sign or a control character in it';
    parts.push(part);
  }
  return parts;
}

/** What a name may be as a path segment (IsValidPathSegmentName). */
// eslint-disable-next-line no-control-regex
const SEGMENT = /^[^/%\\\u0000-\u001f\u007f]*$/;

function decoded(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

interface ApiParts {
  group: string;
  version: string;
  rest: string[];
}

/** Group and version of a resource's URL; undefined for URLs that name no resource (discovery among them). */
function resourceParts(parts: readonly string[]): ApiParts | undefined {
  if (parts[0] === 'api' && parts.length >= 3) return { group: '', version: parts[1]!, rest: parts.slice(2) };
  if (parts[0] === 'apis' && parts.length >= 4) return { group: parts[1]!, version: parts[2]!, rest: parts.slice(3) };
  return undefined;
}

const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

function resourceInfo(verb: string, { group, version, rest }: ApiParts, query: URLSearchParams): RequestInfo {
  let parts = rest;
  let legacyWatch = false;
  if (parts[0] === 'proxy') return unclear('is a proxy URL of a form that API servers dropped; use the subresource proxy');
  if (parts[0] === 'watch') {
    if (parts.length < 2 || verb !== 'get') return unclear('is a watch of nothing; name a resource and use GET');
    legacyWatch = true;
    parts = parts.slice(1);
  }
  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2]!)) {
    namespace = parts[1]!;
    parts = parts.slice(2);
  }
  const [resource, name = '', subresource = '', ...more] = parts as [string, string?, string?, ...string[]];
  if (more.length > 0 && subresource !== 'proxy') return unclear('goes on behind the subresource');
  const found = { kind: 'resource', group, version, namespace, resource, subresource, rest: more.join('/') } as const;
  if (legacyWatch) return { ...found, verb: 'watch', name };
  if (name !== '') return { ...found, verb, name };
  if (verb === 'delete') return { ...found, verb: 'deletecollection', name };
  return verb === 'get' ? { ...found, verb: isWatch(query) ? 'watch' : 'list', name: selectedName(query) } : { ...found, verb, name };
}

/** As the API server converts a list of texts to a boolean: the first counts, and everything but "0" and "false" is true. */
function isWatch(query: URLSearchParams): boolean {
  const first = query.get('watch');
  return first !== null && first !== '0' && first.toLowerCase() !== 'false';
}

/** A selector that can only select one object names it (`kubectl get pod a --watch`). */
function selectedName(query: URLSearchParams): string {
  const selectors = query.getAll('fieldSelector');
  return (selectors.length === 1 && /^metadata\.name==?([A-Za-z0-9][-A-Za-z0-9.:_]*)$/.exec(selectors[0]!)?.[1]) || '';
}
