/** What a pod's processes run in: a network namespace of their own, or the machine's loopback. */
import type { Launch } from './process.js';

export interface SandboxUser {
  uid: number;
  gid: number;
  /** Kubernetes' names without CAP_: NET_ADMIN. */
  capabilities: readonly string[];
}

export interface Sandbox {
  /** Folder of the pod as its processes see it: volumes, mounts, and what the demo itself gives them. */
  readonly folder: string;
  /** Makes a command of an image run inside. `image` is the folder on this machine. */
  enter(command: string[], env: Record<string, string>, image: string, user: SandboxUser): Launch;
  /** After its processes have ended. */
  close(): Promise<void>;
}

/** Where commands are found; containers inherit nothing else of this machine's environment. */
export const CONTAINER_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
