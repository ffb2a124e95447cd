/** How the demo's pods get their traffic into their sidecars: two ways behind one interface. */
import type { SidecarPorts } from '@cairn/operator';
import type { Sandbox } from '../kubelet/sandbox.js';

export interface PodPlace {
  /** Where others reach the pod's Service: the pod's own address and port, or its inbound listener on loopback. */
  service: { address: string; port: number };
  /** The port that the agent itself listens on. */
  appPort: number;
  ports: SidecarPorts;
  /** Further environment of the agents' containers. */
  agentEnv: Record<string, string>;
  /** Makes the place; `folder` is the pod's own on this machine. */
  open(folder: string): Promise<Sandbox>;
}

export interface Capture {
  kind: 'transparent' | 'explicit';
  /** Why this one, for people. */
  reason: string;
  /** Address at which pods reach what runs on this machine. */
  host: string;
  /** Whether processes run under the users that the manifests name. */
  users: boolean;
  place(agentPort: number): Promise<PodPlace>;
  close(): Promise<void>;
}
