/** How every benchmark starts its sidecars. */
import { startSidecar, type Sidecar } from '@cairn/e2e';
import { PROXY_CORE } from './process.js';

/** A spool that takes everything a run writes. */
export const SPOOL_ENV = { CAIRN_SPOOL_QUOTA_MIB: '16384', CAIRN_SPOOL_HIGH_WATER_MIB: '12288' };

/** On the proxies' core, with a spool that takes everything a run writes. PROFILE=folder: leaves a CPU profile there when it ends (and is slower by it). */
export async function startPinnedSidecar(options: Parameters<typeof startSidecar>[0]): Promise<Sidecar> {
  const folder = process.env['PROFILE'];
  const sidecar = await startSidecar({
    ...options,
    prefix: ['taskset', '-c', String(PROXY_CORE)],
    flags: folder ? ['--cpu-prof', `--cpu-prof-dir=${folder}`] : [],
    env: SPOOL_ENV,
  });
  const reap = () => sidecar.process.kill('SIGKILL');
  process.once('exit', reap);
  sidecar.process.once('exit', () => process.removeListener('exit', reap));
  return sidecar;
}
