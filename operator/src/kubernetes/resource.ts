/** Which resource of the API server, and its objects as plain data. */
import type { ObjectMeta } from './metadata.js';

export interface ApiObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** One resource; `T` is the shape of its objects. */
export interface Resource<T extends ApiObject = ApiObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Only in types: there is no value. */
  readonly object?: T;
}

export interface ObjectKey {
  /** Absent for cluster-scoped resources. */
  namespace?: string;
  name: string;
}

export function apiVersionOf({ group, version }: Resource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** Path of a resource, of its objects in a namespace, or of one object. */
export function pathOf({ group, version, plural, namespaced }: Resource, namespace?: string, name?: string, subresource?: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const tail = [name, subresource].filter((part) => part !== undefined).map((part) => `/${encodeURIComponent(part)}`);
  return `${root}${scope}/${plural}${tail.join('')}`;
}

/** `namespace/name`, or `name` without a namespace. */
export function keyOf({ metadata }: ApiObject): string {
  return metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name!;
}

export function splitKey(key: string): ObjectKey {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
