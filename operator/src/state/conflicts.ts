/** Changes to objects that several replicas write: each against the version that it was decided on. */
import { hasStatus, type ApiObject, type KubernetesClient, type ObjectKey, type Resource } from '../kubernetes/index.js';
import { CONFLICTS_COUNT } from './limits.js';

export interface Change<T extends ApiObject> {
  /** As last seen; read first where it is absent. */
  known?: T | undefined;
  /** Returns a merge patch, or undefined where there is nothing to change. May throw: then nothing is changed. */
  decide: (object: T) => object | undefined | Promise<object | undefined>;
  subresource?: 'status';
}

/** The object after the change; undefined where there is none. Decides again on the newer version whenever somebody else wrote first. */
export async function changed<T extends ApiObject>(
  client: KubernetesClient,
  resource: Resource<T>,
  key: ObjectKey,
  { known, decide, subresource }: Change<T>,
): Promise<T | undefined> {
  let object = known ?? (await client.get(resource, key));
  for (let attempt = 1; object; attempt++) {
    const patch = await decide(object);
    if (!patch) return object;
    const { resourceVersion } = object.metadata;
    const { metadata } = patch as { metadata?: object };
    try {
      const versioned = { ...patch, metadata: { ...metadata, resourceVersion } };
      return await client.mergePatch(resource, key, versioned, subresource ? { subresource } : {});
    } catch (error) {
      if (hasStatus(error, 404)) return undefined;
      if (!hasStatus(error, 409) || attempt >= CONFLICTS_COUNT) throw error;
      object = await client.get(resource, key);
    }
  }
  return undefined;
}
