/** Images for the harness alone: one static program, and Node without anything to run. */
import { basename } from 'node:path';
import { imageOf, type Image } from './archive.js';
import { baseLayer } from './base.js';
import { file } from './entry.js';
import { layerOf } from './layer.js';

/** `program`: a statically linked one on this machine; the image has it at its root and nothing else. `user`: UID and GID. */
export async function programImage(reference: string, program: string, user: number): Promise<Image> {
  const name = basename(program);
  const layer = await layerOf(name, [file(name, program, 0o755)]);
  return imageOf(reference, [layer], { User: `${user}:${user}`, Env: [], WorkingDir: '/', Cmd: [`/${name}`] });
}

/** `cairn-test/node`: what Cairn's images are based on, at /nodejs/bin/node. */
export async function buildNodeImage(): Promise<Image> {
  const start = { User: '65532:65532', Env: ['PATH=/nodejs/bin'], WorkingDir: '/', Cmd: ['node'] };
  return imageOf('cairn-test/node:latest', [await baseLayer()], start);
}
