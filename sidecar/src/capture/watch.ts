/** Looks whether connections go past the sidecar, which its own rules rule out: then the rules are gone, or never were. */
import { readFile } from 'node:fs/promises';
import { MAX_UNCAPTURED_TOLD, WATCH_LOOK_MS } from './limits.js';
import { keyOf, parseSockets, uncaptured, type PodSocket } from './sockets.js';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;

/** A kernel without IPv6 has no second table. */
async function podSockets(): Promise<PodSocket[]> {
  const texts = await Promise.all(TABLES.map((file) => readFile(file, 'utf8').catch(() => '')));
  return texts.flatMap(parseSockets);
}

export class CaptureWatch {
  #suspects: ReadonlySet<string> = new Set();
  readonly #told = new Set<string>();

  constructor(
    private readonly sidecarUid: number,
    private readonly tell: (found: PodSocket) => void,
  ) {}

  /** Told is what stands in two looks: the tables are not read at one moment, and a connection may close between them. */
  look(sockets: readonly PodSocket[]): void {
    const found = new Map(uncaptured(sockets, this.sidecarUid).map((each) => [`${keyOf(each.local)} ${keyOf(each.remote)}`, each]));
    for (const [key, socket] of found) {
      if (!this.#suspects.has(key) || this.#told.has(key) || this.#told.size >= MAX_UNCAPTURED_TOLD) continue;
      this.#told.add(key);
      this.tell(socket);
    }
    this.#suspects = new Set(found.keys());
  }
}

/** Looks until the signal aborts. */
export function watchCapture(sidecarUid: number, tell: (found: PodSocket) => void, signal: AbortSignal): void {
  const watch = new CaptureWatch(sidecarUid, tell);
  const timer = setInterval(() => void podSockets().then((sockets) => watch.look(sockets)), WATCH_LOOK_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}
