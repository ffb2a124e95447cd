/** Stands in for a target where the policy lets undeclared traffic pass and records it. */
import type { Target } from '@cairn/crds';

/** Bytes kept of each direction of an undeclared connection. */
const UNDECLARED_CAPTURE_BYTES = 64 * 1024;

export function undeclaredTarget(host: string, port: number): Target {
  return {
    name: 'undeclared',
    protocol: 'http',
    hosts: [host],
    port,
    tls: { mode: 'Disable' },
    forward: [],
    capture: { maxRows: 0, maxBytes: UNDECLARED_CAPTURE_BYTES },
    functions: { read: [] },
  };
}
