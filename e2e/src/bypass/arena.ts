/** The suite's namespaces in a cluster: brings them up, tries everything in each of them, takes them down. */
import { readFileSync, writeFileSync } from 'node:fs';
import { until } from '../harness/until.js';
import { ATTEMPTS, MOMENTS, PROBES, starvation } from './attempts/index.js';
import { FAMILIES, isTried, markerOf, VARIANTS, type Attempt, type Places, type Variant } from './attempt.js';
import * as ground from './cluster.js';
import { evidenceOf, type Records } from './evidence.js';
import { outcomeOf, type Hit, type ProbeResult } from './outcome.js';
import type { Row } from './table.js';
import {
  AGENT,
  agentPod,
  isInjected,
  namespaceObjects,
  namespaceOf,
  STAND_IN_UID,
  targetObjects,
  TARGETS,
  USER,
  type Ingredients,
} from './variants.js';

const SERVER_SIDE = { serverSide: true } as const;
/** Longer than the sidecar is down. */
const CRASH_SECONDS = 120;
const TRYING = '/tmp/trying';

/** Declared by its name, which comes to lead elsewhere. */
const REBOUND = 'rebind.test';

interface Tried {
  places: Places;
  results: Map<string, ProbeResult>;
  since: Date;
}

/**
 * A server that may not be reached, asked over and over while the sidecar is killed: `seconds host port payload`. Ends where it is reached,
 * where the sidecar answers again after nobody did, or out of time. The file tells that it has begun.
 */
const KEEP_TRYING = `
import socket, sys, time
end, host, port, payload = time.time() + float(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4].encode()
down = 0
said = b""
while time.time() < end:
    try:
        with socket.create_connection((host, port), 2) as s:
            s.sendall(payload); s.settimeout(2); said = s.recv(4096)
            if said.startswith(b"HTTP/1.1 200 ") or (down and said): break
    except ConnectionRefusedError: down += 1
    except OSError: pass
    open("${TRYING}", "w").close()
    time.sleep(0.02)
print("Connection refused while nobody listened" if down else "nobody was ever down" if said else "timed out")
print(said.decode("latin1"))
`;

export class Arena {
  readonly #ingredients: Ingredients;

  constructor(
    private readonly cluster: ground.Ground,
    credential: string,
    private readonly certificate: { ca: string; cert: string; key: string },
  ) {
    this.#ingredients = { programs: ground.readPrograms(), ca: certificate.ca, credential };
  }

  /** Brings up the servers, then every variant; resolves when all pods are ready. */
  async open(): Promise<void> {
    const { cluster } = this;
    await cluster.nodeExec(['ip', 'address', 'replace', `${ground.METADATA.v4}/32`, 'dev', 'lo']);
    await cluster.nodeExec(['ip', 'address', 'replace', `${ground.METADATA.v6}/128`, 'dev', 'lo']);
    await cluster.apply(targetObjects(this.#ingredients, this.certificate), SERVER_SIDE);
    await this.#ready([TARGETS]);
    this.#host('203.0.113.9');
    await this.#openVariants();
    await this.#rebind();
  }

  async #openVariants(): Promise<void> {
    const { cluster } = this;
    const ca = await ground.operatorCa(cluster);
    const all: object[][] = [];
    for (const variant of VARIANTS) {
      const places = await ground.placesOf(cluster, variant, this.#ingredients.credential);
      all.push(namespaceObjects(variant, places, { ...this.#ingredients, operatorCa: ca }));
    }
    await cluster.apply(
      all.map(([namespace]) => namespace!),
      SERVER_SIDE,
    );
    for (const [, ...objects] of all) await cluster.apply(objects, SERVER_SIDE);
    await cluster.apply(VARIANTS.map(agentPod), SERVER_SIDE);
    await this.#ready(VARIANTS.map(namespaceOf));
  }

  async #ready(namespaces: readonly string[]): Promise<void> {
    const areReady = async (): Promise<boolean> =>
      (await Promise.all(namespaces.map((namespace) => ground.areReady(this.cluster, namespace)))).every(Boolean);
    await until(`the pods of ${namespaces.join(', ')} are ready`, areReady, ground.WAIT_MS, ground.POLL_MS);
  }

  /** What the cluster's DNS says of the host that is rebound; the file has others' names too. */
  #host(address: string): void {
    const { hostsFile } = this.cluster;
    const others = readFileSync(hostsFile, 'utf8')
      .split('\n')
      .filter((line) => !line.endsWith(` ${REBOUND}`));
    writeFileSync(hostsFile, [...others.filter((line) => line !== ''), `${address} ${REBOUND}`, ''].join('\n'));
  }

  /** The name changes its mind after policies were made of it; resolves when the cluster's DNS has heard. */
  async #rebind(): Promise<void> {
    const { v4 } = await ground.podAddress(this.cluster, TARGETS, 'upstream');
    this.#host(v4);
    const ask = `import socket; print(socket.getaddrinfo('${REBOUND}', 80)[0][4][0])`;
    const isRebound = async (): Promise<boolean> => {
      const { stdout } = await this.cluster.tryKubectl(['exec', '-n', TARGETS, 'declared', '--', 'python3', '-c', ask]);
      return stdout.trim() === v4;
    };
    await until(`${REBOUND} is ${v4}`, isRebound, ground.WAIT_MS, ground.POLL_MS);
  }

  /** All attempts in all variants, one row an attempt; and what of the declared work failed after it, with every layer on. */
  async tryEverything(): Promise<{ rows: Row[]; failures: readonly string[] }> {
    const tried = new Map<Variant, Tried>();
    // Not all at once: what is slow for want of a processor would look like a layer that holds.
    for (const variant of VARIANTS) tried.set(variant, await this.#tryIn(variant));
    // Here all wait for kubelets to start sidecars again, and it is seen by itself whether one was gone.
    await Promise.all([...tried].map(([variant, { places, results }]) => this.#crash(variant, places, results)));
    const full = tried.get('full')!;
    const failures = await this.#declaredWork('full', full.places);
    const records = await ground.recordsOf(this.cluster, 'full', full.since);
    await Promise.all([...tried].map(([variant, { results }]) => this.#outlive(variant, results)));
    const hits = await ground.hits(this.cluster);
    return { rows: ATTEMPTS.map((attempt) => rowOf(attempt, tried, hits, records)), failures };
  }

  async #tryIn(variant: Variant): Promise<Tried> {
    const { cluster } = this;
    const since = new Date();
    const places = {
      ...(await ground.placesOf(cluster, variant, this.#ingredients.credential)),
      sidecarUid: (await ground.sidecarUidOf(cluster, variant)) ?? STAND_IN_UID,
      otherToken: await cluster.serviceAccountToken(namespaceOf(variant), 'other'),
    };
    const results = new Map<string, ProbeResult>();
    const keep = (all: readonly ProbeResult[]): void => all.forEach((each) => results.set(each.id, each));
    const ofUser = PROBES.filter(({ container }) => container === USER);
    for (const family of FAMILIES) {
      const ofRoot = PROBES.filter((each) => each.family === family && each.container === undefined);
      if (ofRoot.length > 0) keep(await ground.probe(cluster, variant, ground.probesOf(ofRoot, places)));
    }
    keep(await ground.probe(cluster, variant, ground.probesOf(ofUser, places), USER));
    keep(ground.jsonLists<ProbeResult>(await cluster.kubectl(['logs', '-n', namespaceOf(variant), AGENT, '-c', 'early'])));
    keep(await this.#elsewhere(variant, places));
    for (const each of starvation.filter((attempt) => isTried(attempt, variant))) {
      keep(await ground.probe(cluster, variant, ground.probesOf([each], places)));
    }
    await this.#sidecarIsReady(variant);
    return { places, results, since };
  }

  /** Presents what stands in the agent's container for the API server's credential, from another pod, to the API server itself. */
  async #elsewhere(variant: Variant, places: Places): Promise<ProbeResult[]> {
    const { stdout } = await ground.exec(this.cluster, variant, ['cat', '/var/run/secrets/kubernetes.io/serviceaccount/token']);
    const { id } = MOMENTS.tokenElsewhere;
    const argv = ['curl', '-sS', '-k', '--max-time', `${places.seconds}`, '-H', `Authorization: Bearer ${stdout.trim()}`];
    const url = `https://${places.apiService.v4}/api/v1/namespaces/${places.namespace}/serviceaccounts/agents`;
    return ground.probeElsewhere(this.cluster, places.seconds, [{ id, kind: 'command', argv: [...argv, url] }]);
  }

  /** Some of what starves it ends it. */
  async #sidecarIsReady(variant: Variant): Promise<void> {
    if (!isInjected(variant)) return;
    const isReady = async (): Promise<boolean> => (await ground.sidecarOf(this.cluster, variant))?.ready ?? false;
    await until(`the sidecar of ${variant} is ready`, isReady, ground.WAIT_MS, ground.POLL_MS);
  }

  /** What of the declared work fails; nothing where all of it is done. */
  async #declaredWork(variant: Variant, { declaredHost }: Places): Promise<string[]> {
    const argv = ['curl', '-sS', '--max-time', '60', `http://${declaredHost}/bypass-${variant}-declared-work`];
    const results = await ground.probe(this.cluster, variant, [{ id: 'a declared host', kind: 'command', argv }]);
    return results.flatMap(({ id, said }) => (said.startsWith('reached declared') ? [] : [`${id}: ${said}`]));
  }

  /** Kills the sidecar where there is one, while an attempt goes on and on; resolves when it is back. */
  async #crash(variant: Variant, places: Places, results: Map<string, ProbeResult>): Promise<void> {
    const { id } = MOMENTS.crashed;
    // Where no rules lead to the sidecar, nothing is seen of its end.
    const seconds = variant === 'no-l1' ? places.seconds : CRASH_SECONDS;
    const payload = `GET /${markerOf(places, id)} HTTP/1.1\r\n\r\n`;
    const argv = ['python3', '-c', KEEP_TRYING, `${seconds}`, places.upstream.v4, '8080', payload];
    const going = ground.probe(this.cluster, variant, [{ id, kind: 'command', argv }]);
    const [result] = await Promise.all([going, isInjected(variant) && this.#kill(variant)]);
    for (const each of result) results.set(each.id, each);
  }

  /** Kills the sidecar once the attempt goes on. */
  async #kill(variant: Variant): Promise<void> {
    const isGoing = async (): Promise<boolean> => (await ground.exec(this.cluster, variant, ['test', '-e', TRYING])).code === 0;
    await until('the attempt goes on', isGoing, ground.WAIT_MS, ground.POLL_MS);
    // One that ended by itself a moment ago is not there to be killed; the next one is.
    const end = async (): Promise<number | false> => {
      const { container, restarts, ready } = (await ground.sidecarOf(this.cluster, variant))!;
      if (ready) await this.cluster.nodeExec(['ctr', '--namespace', 'k8s.io', 'task', 'kill', '--signal', 'SIGKILL', container]);
      return ready && restarts + 1;
    };
    const killed = await until(`the sidecar of ${variant} is killed`, end, ground.WAIT_MS, ground.POLL_MS);
    const isBack = async (): Promise<boolean> => {
      const now = await ground.sidecarOf(this.cluster, variant);
      return now !== undefined && now.ready && now.restarts >= killed;
    };
    await until(`the sidecar of ${variant} is back`, isBack, ground.WAIT_MS, ground.POLL_MS);
  }

  /** Ends the pod, whose agent then tries until it is killed. */
  async #outlive(variant: Variant, results: Map<string, ProbeResult>): Promise<void> {
    const pod = ['-n', namespaceOf(variant), AGENT];
    const log = this.cluster.tryKubectl(['logs', '-f', ...pod, '-c', AGENT], { timeoutMs: ground.WAIT_MS });
    await this.cluster.kubectl(['delete', 'pod', ...pod, '--wait=false']);
    const { id } = MOMENTS.outlived;
    const nothing = { id, said: '', timedOut: false, code: 0, broken: 'the agent tried nothing before its end' };
    results.set(id, ground.jsonLines<ProbeResult>((await log).stdout).at(-1) ?? nothing);
  }

  async close(): Promise<void> {
    const namespaces = [TARGETS, ...VARIANTS.map(namespaceOf)];
    await this.cluster.tryKubectl(['delete', 'namespace', ...namespaces, '--ignore-not-found', '--wait=false']);
    for (const address of Object.values(ground.METADATA)) {
      await this.cluster.nodeExec(['ip', 'address', 'delete', address, 'dev', 'lo']).catch(() => undefined);
    }
  }
}

function rowOf(attempt: Attempt, tried: ReadonlyMap<Variant, Tried>, hits: readonly Hit[], records: Records): Row {
  const outcomes: Row['outcomes'] = {};
  const said: Row['said'] = {};
  for (const [variant, { places, results }] of tried) {
    if (!isTried(attempt, variant)) continue;
    const marker = markerOf(places, attempt.id);
    const heard = hits.filter((hit) => hit.marker === marker);
    const result = resultOf(attempt, results);
    outcomes[variant] = outcomeOf(attempt, result, heard);
    said[variant] = result.broken ?? result.errno ?? result.said;
  }
  const { places, results } = tried.get('full')!;
  const probe = attempt.probe(places, markerOf(places, attempt.id));
  return { attempt, outcomes, said, evidence: evidenceOf(attempt, probe, outcomes.full!, resultOf(attempt, results), records) };
}

function resultOf({ id }: Attempt, results: ReadonlyMap<string, ProbeResult>): ProbeResult {
  return results.get(id) ?? { id, said: '', timedOut: false, code: 0, broken: 'it was not tried' };
}
