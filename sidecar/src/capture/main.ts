/** The capture init container: programs the pod's nftables rules, then ends. Runs as root with NET_ADMIN. */
import { spawnSync } from 'node:child_process';
import { captureConfig } from '../config/capture.js';
import { nftablesScript } from './nftables.js';

const script = nftablesScript(captureConfig(process.env));
const done = spawnSync('nft', ['-f', '-'], { input: script, encoding: 'utf8' });
if (done.status !== 0) {
  const reason = done.error?.message ?? done.stderr.trim();
  process.stderr.write(`cairn capture: nft refused the rules: ${reason}. The init container needs nftables, root and NET_ADMIN.\n`);
  process.exitCode = 1;
}
