/** Explicit capture: every pod is a set of processes on this machine's loopback, and agents are pointed at their sidecar. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { DEFAULT_PORTS } from '@cairn/operator';
import { CONTAINER_PATH, type Sandbox } from '../kubelet/sandbox.js';
import type { Capture, PodPlace } from './capture.js';
import { freePort } from './free-port.js';

const LOOPBACK = '127.0.0.1';
const SETPRIV = '/usr/bin/setpriv';

/** Where the kernel can do it, processes die with the demo, however that ends. */
const leash = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL', '--'] : [];

function sandbox(folder: string): Sandbox {
  return {
    folder,
    enter: (command, env, image) => ({
      argv: [...leash, ...command],
      env: { PATH: `${dirname(process.execPath)}:${CONTAINER_PATH}`, ...env },
      cwd: image,
    }),
    close: async () => {},
  };
}

async function place(): Promise<PodPlace> {
  const [appPort, proxy, inbound, admin, targets] = await Promise.all([freePort(), freePort(), freePort(), freePort(), freePort()]);
  return {
    service: { address: LOOPBACK, port: inbound },
    appPort,
    ports: { ...DEFAULT_PORTS, proxy, inbound, admin, targets },
    // One loopback for all: an agent listens there alone, and on a port of its own.
    agentEnv: { PORT: String(appPort), HOST: LOOPBACK },
    open: async (folder) => sandbox(folder),
  };
}

export function explicitCapture(reason: string): Capture {
  return { kind: 'explicit', reason, host: LOOPBACK, users: false, place, close: async () => {} };
}
