/** How every benchmark starts its sidecars. */
import { PROXY_CORE } from './process.js';

/** On the proxies' core, with a spool that takes everything a run writes. PROFILE=folder: leaves a CPU profile there when it ends (and is slower by it). */
export function sidecarSettings(): { prefix: string[]; flags: string[]; env: Record<string, string> } {
  const folder = process.env['PROFILE'];
  return {
    prefix: ['taskset', '-c', String(PROXY_CORE)],
    flags: folder ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [],
    env: { CAIRN_SPOOL_QUOTA_MIB: '16384', CAIRN_SPOOL_HIGH_WATER_MIB: '12288' },
  };
}
