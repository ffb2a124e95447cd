/** What every image stands on: Node with its libraries, public root certificates, and who may run. Stands where distroless has it. */
import { posix } from 'node:path';
import { file, fingerprint, folder, link, text, type Entry } from './entry.js';
import { layerFrom, type Layer } from './layer.js';
import { librariesNamed, librariesOf } from './libraries.js';
import { NODE_VERSION, nodeProgram } from './node.js';
import { step } from './step.js';

export const NOT_ROOT = 65532;

const PASSWD = `root:x:0:0:root:/root:/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin
nonroot:x:${NOT_ROOT}:${NOT_ROOT}:nonroot:/home/nonroot:/sbin/nologin
`;
const GROUP = `root:x:0:\nnobody:x:65534:\nnonroot:x:${NOT_ROOT}:\n`;
// Without it the C library asks DNS before /etc/hosts.
const NSSWITCH = 'passwd: files\ngroup: files\nhosts: files dns\n';

/** Folders, links and files that programs expect and that hold no program. */
export function skeleton(roots: string): Entry[] {
  return [
    ...['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => [folder(`usr/${name}`), link(name, `usr/${name}`)]),
    folder('tmp', 0o1777),
    folder('root', 0o700),
    folder('home/nonroot', 0o700, NOT_ROOT),
    ...['proc', 'sys', 'dev', 'run', 'var/tmp'].map((path) => folder(path)),
    text('etc/passwd', PASSWD),
    text('etc/group', GROUP),
    text('etc/nsswitch.conf', NSSWITCH),
    text('etc/ssl/certs/ca-certificates.crt', roots),
  ];
}

/** The rest of the C library, which addons are linked to that Node itself is not: it stands beside libc.so. */
const BESIDE_LIBC = ['librt.so.1', 'libresolv.so.2', 'libutil.so.1', 'libanl.so.1'];

/** The libraries of this machine in the lowest layer. */
export async function baseLibraries(node: string): Promise<Entry[]> {
  const linked = await librariesOf([node]);
  const libc = linked.find(({ path }) => path.includes('/libc.so.'));
  if (!libc) throw new Error('images hold GNU libc, and the Node that was fetched is not linked to one');
  const beside = await librariesNamed(BESIDE_LIBC.map((name) => `/${posix.dirname(libc.path)}/${name}`));
  return [...linked, ...beside];
}

/** The lowest layer, from the cache by Node's version and the libraries of this machine. */
export async function baseLayer(): Promise<Layer> {
  const node = await nodeProgram();
  const entries = await baseLibraries(node);
  const version = `${NODE_VERSION}-${(await fingerprint([...entries, ...skeleton('')])).slice(0, 32)}`;
  return layerFrom('base', version, async () => {
    // Those that come with this Node: the machine may trust certificate authorities of its owner's, which are nobody else's business.
    const roots = await step(node, ['-p', 'tls.rootCertificates.join("\\n")']);
    return [...skeleton(roots), file('nodejs/bin/node', node, 0o755), ...entries];
  });
}
