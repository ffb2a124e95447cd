/**
 * Streams and how far they have grown, as AuditStream objects. A checkpoint is written before it is acknowledged as long as
 * the budget of writes lasts; beyond it the newest of each stream waits for its turn. The API server itself refuses an
 * object that shrinks or takes a second history, whichever replica writes it.
 */
import { API_VERSION, MAX_STREAM_KEYS, type AuditStream, type StreamKey, type WitnessedHead } from '@cairn/crds';
import { ApiError, hasStatus, type KubernetesClient, type ObjectKey, type Reflector } from '../kubernetes/index.js';
import { follows } from '../service/evidence/follows.js';
import { Problem } from '../service/http/problem.js';
import type { RegisteredKey, Witness, WitnessedCheckpoint } from '../service/stores.js';
import { Budget } from './budget.js';
import { changed } from './conflicts.js';
import {
  CHECKPOINT_CLOSE_MS,
  CHECKPOINT_CLOSE_WRITES,
  CHECKPOINT_FLUSH_MS,
  CHECKPOINT_WRITES_BURST,
  CHECKPOINT_WRITES_PER_SECOND,
  CHECKPOINTS_PENDING_COUNT,
} from './limits.js';
import { AUDIT_STREAMS, MANAGED_BY, POD_UID_LABEL, revisionOf } from './resources.js';

export interface ClusterWitnessOptions {
  client: KubernetesClient;
  streams: Reflector<AuditStream>;
  /** Milliseconds. */
  clock: () => number;
  writes?: { perSecond: number; burst: number };
  /** Streams whose newest checkpoint may wait; default CHECKPOINTS_PENDING_COUNT. */
  pendingCount?: number;
  /** A checkpoint that was acknowledged before it was written turned out to contradict another replica's. */
  contradicted: (stream: AuditStream, head: WitnessedHead, problem: Problem) => void;
  log: (message: string) => void;
}

interface Pending {
  key: ObjectKey;
  head: WitnessedHead;
}

function keyOfStream(key: RegisteredKey): StreamKey {
  return { publicKey: key.publicKey, certificate: key.certificate, time: key.time };
}

function streamObject(key: RegisteredKey): AuditStream {
  const { namespace, name, uid } = key.pod;
  return {
    apiVersion: API_VERSION,
    kind: 'AuditStream',
    metadata: { namespace, name: key.stream, labels: { ...MANAGED_BY, [POD_UID_LABEL]: uid } },
    spec: { stream: key.stream, agent: key.agent.slice(key.agent.indexOf('/') + 1), pod: { name, uid }, keys: [keyOfStream(key)] },
  };
}

function registered({ metadata: { namespace }, spec }: AuditStream): RegisteredKey[] {
  const pod = { namespace, ...spec.pod };
  return spec.keys.map((key) => ({ ...key, stream: spec.stream, pod, agent: `${namespace}/${spec.agent}` }));
}

export class ClusterWitness implements Witness {
  /** What is acknowledged and not written yet; the longest waiting first. */
  readonly #pending = new Map<string, Pending>();
  /** Writes of a stream follow each other. */
  readonly #writing = new Map<string, Promise<void>>();
  /** Made or read by this replica, and not seen by the reflector yet. */
  readonly #recent = new Map<string, AuditStream>();
  readonly #budget: Budget;
  readonly #timer: NodeJS.Timeout;
  readonly #unsubscribe: () => void;

  constructor(private readonly options: ClusterWitnessOptions) {
    const { perSecond, burst } = options.writes ?? { perSecond: CHECKPOINT_WRITES_PER_SECOND, burst: CHECKPOINT_WRITES_BURST };
    this.#budget = new Budget(perSecond, burst, options.clock);
    this.#timer = setInterval(() => this.#flush(), CHECKPOINT_FLUSH_MS);
    const seen = (object: AuditStream): void => this.#seen(object);
    this.#unsubscribe = options.streams.subscribe({ added: seen, updated: seen, deleted: seen });
  }

  async keys(stream: string, namespace: string): Promise<readonly RegisteredKey[]> {
    const [known] = this.options.streams.store.by('name', stream);
    const object = known ?? (await this.#stream({ namespace, name: stream }));
    return object ? registered(object) : [];
  }

  async register(key: RegisteredKey): Promise<void> {
    const { client } = this.options;
    const at = { namespace: key.pod.namespace, name: key.stream };
    if (!(await this.#stream(at)) && (await this.#created(key))) return;
    const decide = ({ spec }: AuditStream): object | undefined => {
      if (spec.pod.uid !== key.pod.uid) throw new Problem(403, 'other-pod', 'the stream belongs to another pod');
      if (spec.keys.some(({ publicKey }) => publicKey === key.publicKey)) return undefined;
      if (spec.keys.length >= MAX_STREAM_KEYS) throw new Problem(429, 'too-many-keys', `a stream may have ${MAX_STREAM_KEYS} keys`);
      return { spec: { keys: [...spec.keys, keyOfStream(key)] } };
    };
    this.#remember(await changed(client, AUDIT_STREAMS, at, { decide }));
  }

  async advance({ stream, size, root, time }: WitnessedCheckpoint, namespace: string): Promise<void> {
    const key = { namespace, name: stream };
    const head = { size, root, time };
    const acknowledged = this.#pending.get(stream)?.head ?? (await this.#stream(key))?.status?.lastCheckpoint;
    if (acknowledged && !follows(acknowledged, head)) return;
    if (!this.#writing.has(stream) && this.#budget.take()) return this.#write(key, head);
    this.#wait({ key, head });
  }

  async finish(stream: string, namespace: string, time: string): Promise<void> {
    const key = { namespace, name: stream };
    const waiting = this.#pending.get(stream);
    this.#pending.delete(stream);
    if (waiting) await this.#write(key, waiting.head);
    const decide = ({ spec }: AuditStream): object | undefined => (spec.closed ? undefined : { spec: { closed: time } });
    this.#remember(await changed(this.options.client, AUDIT_STREAMS, key, { decide }));
  }

  /** Writes what waits, for a bounded time. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#unsubscribe();
    const until = performance.now() + CHECKPOINT_CLOSE_MS;
    const worker = async (): Promise<void> => {
      while (this.#pending.size > 0 && performance.now() < until) await this.#writeOldest();
    };
    await Promise.all(Array.from({ length: CHECKPOINT_CLOSE_WRITES }, worker));
    await Promise.all(this.#writing.values());
    if (this.#pending.size > 0) this.options.log(`${this.#pending.size} checkpoints were not written before the end`);
  }

  /** Streams whose newest checkpoint is not written yet. */
  get waiting(): number {
    return this.#pending.size;
  }

  #flush(): void {
    while (this.#pending.size > 0 && this.#budget.take()) void this.#writeOldest();
  }

  async #writeOldest(): Promise<void> {
    const [first] = this.#pending;
    if (!first) return;
    const [stream, waiting] = first;
    this.#pending.delete(stream);
    try {
      await this.#write(waiting.key, waiting.head);
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 409) this.#again(waiting, error as Error);
      // Of a stream that is longer by now the sidecar told another replica, which is as it should be.
      else if (error.code === 'fork') await this.#contradicted(waiting, error);
    }
  }

  /** A newer one may have come meanwhile; it says all that this one does. */
  #again(waiting: Pending, error: Error): void {
    this.options.log(`checkpoint of ${waiting.key.name} not written: ${error.message}`);
    if (!this.#pending.has(waiting.key.name)) this.#wait(waiting);
  }

  async #contradicted({ key, head }: Pending, problem: Problem): Promise<void> {
    const object = await this.options.client.get(AUDIT_STREAMS, key).catch(() => undefined);
    if (object) this.options.contradicted(object, head, problem);
  }

  #wait(pending: Pending): void {
    const { name } = pending.key;
    if (!this.#pending.has(name) && this.#pending.size >= (this.options.pendingCount ?? CHECKPOINTS_PENDING_COUNT)) {
      throw new Problem(503, 'busy', 'too many checkpoints wait to be written; try again shortly');
    }
    this.#pending.set(name, pending);
  }

  /** Throws Problem 409 where the object says otherwise. */
  async #write(key: ObjectKey, head: WitnessedHead): Promise<void> {
    const before = this.#writing.get(key.name) ?? Promise.resolve();
    const written = before.then(() => this.#patch(key, head));
    const settled = written.catch(() => undefined);
    this.#writing.set(key.name, settled);
    try {
      await written;
    } finally {
      if (this.#writing.get(key.name) === settled) this.#writing.delete(key.name);
    }
  }

  async #patch(key: ObjectKey, head: WitnessedHead): Promise<void> {
    const decide = ({ status }: AuditStream): object | undefined => {
      const { lastCheckpoint } = status ?? {};
      return lastCheckpoint && !follows(lastCheckpoint, head) ? undefined : { status: { lastCheckpoint: head } };
    };
    const known = await this.#stream(key);
    try {
      const object = await changed(this.options.client, AUDIT_STREAMS, key, { known, decide, subresource: 'status' });
      if (!object) throw new Problem(404, 'unknown-stream', 'the stream is not registered; POST /v1/streams first');
      this.#remember(object);
    } catch (error) {
      throw error instanceof ApiError
        ? new Problem(503, 'unavailable', 'the witness cannot write; try again shortly', { cause: error })
        : error;
    }
  }

  async #created(key: RegisteredKey): Promise<boolean> {
    try {
      this.#remember(await this.options.client.create(AUDIT_STREAMS, streamObject(key)));
      return true;
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
      return false;
    }
  }

  async #stream(key: ObjectKey): Promise<AuditStream | undefined> {
    const known = this.#recent.get(key.name) ?? this.options.streams.store.get(key);
    if (known && known.metadata.namespace === key.namespace) return known;
    return this.options.client.get(AUDIT_STREAMS, key);
  }

  /** Until the reflector tells of it, or of something newer. */
  #remember(object: AuditStream | undefined): void {
    if (!object) return;
    const { namespace, name } = object.metadata;
    const seen = this.options.streams.store.get({ namespace, name });
    if (!seen || revisionOf(seen) < revisionOf(object)) this.#recent.set(name, object);
  }

  #seen(object: AuditStream): void {
    const recent = this.#recent.get(object.metadata.name);
    if (recent && revisionOf(recent) <= revisionOf(object)) this.#recent.delete(object.metadata.name);
  }
}
