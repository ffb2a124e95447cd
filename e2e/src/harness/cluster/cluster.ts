/** A cluster that is up: its addresses, and what tests ask of it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Clients, type Authority } from '../kubernetes/index.js';
import { takeDown } from './down.js';
import { dropsSince, type Drop } from './cilium/index.js';
import { importArchive } from './images.js';
import type { Layout } from './layout.js';
import type { NodeNamespaces } from './node-namespaces.js';
import type { ClusterPlan } from './plan.js';

export class Cluster extends Clients {
  /** @internal made by attachCluster */
  constructor(
    private readonly plan: ClusterPlan,
    private readonly layout: Layout,
    private readonly node: NodeNamespaces,
    authority: Authority,
  ) {
    super(join(layout.node, 'clients'), plan.url, layout.kubeconfig, authority);
  }

  get name(): string {
    return this.plan.name;
  }

  /** The IPv4 address by which pods reach processes of the machine. */
  get hostAddress(): string {
    return this.plan.hostAddress;
  }

  get hostAddress6(): string {
    return this.plan.hostAddress6;
  }

  get nodeName(): string {
    return this.plan.nodeName;
  }

  get nodeAddress(): string {
    return this.plan.nodeAddress;
  }

  get nodeAddress6(): string {
    return this.plan.nodeAddress6;
  }

  /** The cluster's DNS, by the Service's addresses. */
  get dnsAddresses(): { v4: string; v6: string } {
    return this.plan.dnsService;
  }

  /** A file in the form of /etc/hosts for names that pods resolve besides the cluster's. Write it in place; the DNS reads it each second. */
  get hostsFile(): string {
    return this.layout.hosts;
  }

  /** The API server's audit log (audit.k8s.io/v1, JSON lines): pods and Jobs with bodies, everything else as metadata. */
  get auditLog(): string {
    return this.layout.auditLog;
  }

  /** The folder with the log of every program of the cluster. */
  get logs(): string {
    return this.layout.logs;
  }

  /** Makes the images of a docker-archive known to the node. Pods name them with imagePullPolicy Never or IfNotPresent. */
  async importImage(archivePath: string): Promise<void> {
    await importArchive(this.node, archivePath, this.layout.images);
  }

  /** The packets that a network policy dropped since then. A packet's line comes some milliseconds after it: poll. */
  async drops(since: Date): Promise<Drop[]> {
    return dropsSince(await readFile(this.layout.dropLog, 'utf8').catch(() => ''), since);
  }

  /** Runs a command in the node's namespaces, as root; resolves to its stdout. */
  async nodeExec(argv: readonly string[], input?: string): Promise<string> {
    return this.node.exec(argv, input);
  }

  async down(): Promise<void> {
    await takeDown(this.name);
  }
}
