/** mitmproxy, where somebody installed it: on PATH, or in the cache by `pip install`. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cacheFolder } from '@cairn/e2e';

/** Path of mitmdump, or undefined. */
export function findMitmproxy(): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), join(cacheFolder('mitmproxy', 'any'), 'bin')];
  return folders.map((folder) => join(folder, 'mitmdump')).find((path) => existsSync(path));
}
