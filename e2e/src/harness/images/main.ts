/** `make images`: builds Cairn's images and says where they are. */
import { buildImages } from './index.js';

const started = Date.now();
for (const { reference, archive, bytes, digest } of await buildImages()) {
  process.stdout.write(`${reference}  ${(bytes / 1e6).toFixed(1)} MB  ${digest}\n  ${archive}\n`);
}
process.stderr.write(`built in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
