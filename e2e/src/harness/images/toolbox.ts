/** An image for tests alone: what somebody would bring along who wants out of an agent's container. */
import { lstat, realpath } from 'node:fs/promises';
import { kubectlProgram } from '../kubernetes/index.js';
import { imageOf, type Image } from './archive.js';
import { baseLayer } from './base.js';
import { entriesBelow, file, type Entry } from './entry.js';
import { layerFrom, layerOf, type Layer } from './layer.js';
import { librariesOf } from './libraries.js';
import { findProgram, findPsql, programEntries, shellEntries } from './programs.js';
import { step } from './step.js';

const TOOLS = ['curl', 'ip', 'ss', 'ping', 'nft', 'strace', 'unshare', 'nsenter', 'setpriv', 'mount', 'umount', 'openssl', 'ps', 'script'];
/** What Python has beyond running programs: its tests, its editor, what it was compiled with. */
const PYTHON_LEFT_OUT =
  /\/(__pycache__|test|tests|idlelib|ensurepip|lib2to3|pydoc_data|turtledemo|distutils|tkinter|venv|config-[^/]*|sitecustomize\.py)(\/|$)/;

/**
 * Builds `cairn-test/toolbox`: sh, bash and the usual commands, node, python3 (as python3, with its library), curl, psql, kubectl, ip, ss,
 * ping, nft, strace, openssl, unshare, nsenter, setpriv, mount, and `setuid-id`, an id(1) that runs as root whoever starts it.
 * Its containers start as root unless a pod says otherwise. Rejects with the name of a program that this machine lacks.
 */
export async function buildToolbox(): Promise<Image> {
  const tools: Record<string, string> = { psql: await findPsql(), kubectl: await kubectlProgram() };
  for (const name of TOOLS) tools[name] = await findProgram(name);
  const probe = file('usr/local/bin/setuid-id', await realpath(await findProgram('id')), 0o4755);
  const layers = [
    await baseLayer(),
    await layerOf('shell', await shellEntries()),
    await pythonLayer(),
    await layerOf('toolbox', [...(await programEntries(tools)), probe]),
  ];
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/nodejs/bin';
  return imageOf('cairn-test/toolbox:latest', layers, { User: '0:0', Env: [`PATH=${path}`], WorkingDir: '/', Cmd: ['sleep', 'infinity'] });
}

async function pythonLayer(): Promise<Layer> {
  const python = await realpath(await findProgram('python3'));
  const script = 'import sysconfig, platform; print(sysconfig.get_path("stdlib")); print(platform.python_version())';
  const [library = '', version = ''] = (await step(python, ['-I', '-c', script])).trim().split('\n');
  const { mtimeMs } = await lstat(python);
  return layerFrom('python', `${version}-${Math.round(mtimeMs)}`, async () => {
    const all = await entriesBelow(library, library.slice(1));
    const entries = all.filter(({ path }) => !PYTHON_LEFT_OUT.test(`/${path}`));
    const modules = entries.flatMap(({ content }) => (content.kind === 'file' && content.from.endsWith('.so') ? [content.from] : []));
    const program: Entry = file('usr/bin/python3', python, 0o755);
    return [program, ...entries, ...(await librariesOf([python, ...modules]))];
  });
}
