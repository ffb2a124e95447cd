/** Other processes and the kernel: the sidecar's, its rules, and users that capture does not know. */
import type { Attempt, Layer, Places, Probe } from '../attempt.js';

const get = (marker: string): string => `GET /${marker} HTTP/1.1\r\nHost: outside\r\nConnection: close\r\n\r\n`;
const shell = (script: string, ...args: string[]): Probe => ({ kind: 'command', argv: ['sh', '-c', script, 'sh', ...args] });
const python = (script: string, ...args: string[]): Probe => ({ kind: 'command', argv: ['python3', '-c', script, ...args] });

function printed(id: string, title: string, layer: Layer, probe: (places: Places, marker: string) => Probe): Attempt {
  return { id, title, family: 'process', layer, probe, reached: { kind: 'output', pattern: /^REACHED/m } };
}

/** Processes whose command line is a sidecar's. */
const SIDECARS = `
import os
def sidecars():
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = open("/proc/%s/cmdline" % pid, "rb").read()
        except OSError:
            continue
        if b"sidecar/dist/main.js" in line.split(b"\\0"): yield int(pid)
found = list(sidecars())
if not found: raise SystemExit("no process of the sidecar is seen")
`;

const PTRACE = `${SIDECARS}
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
for pid in found:
    # PTRACE_SEIZE: who is attached to stops, and stays stopped where the tracer ends too soon.
    if libc.ptrace(0x4206, pid, 0, 0) == 0: print("REACHED")
    else: print(os.strerror(ctypes.get_errno()))
`;

const ENVIRON = `${SIDECARS}
for pid in found:
    if b"CAIRN_" in open("/proc/%d/environ" % pid, "rb").read(): print("REACHED")
`;

const KILL = `${SIDECARS}
import signal
for pid in found:
    os.kill(pid, 0)
    print("REACHED")
`;

/** TOCTOU-free: the namespace is made by the child itself, whose rights in it are those of its own map. */
const USERNS = `
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000) != 0: raise SystemExit("unshare: " + os.strerror(ctypes.get_errno()))
print("REACHED")
`;

/** What is seen of the sidecar's folders from here. */
const FOLDERS = `
for folder in /var/spool/cairn /var/run/secrets/cairn.dev/workload /var/run/secrets/cairn.dev/credentials /var/run/secrets/cairn.dev/service-account; do
  if ls "$folder"/* >/dev/null 2>&1; then echo "REACHED $folder"; fi
done`;

export const processes: readonly Attempt[] = [
  {
    id: 'sidecar-user',
    title: "a child that becomes the sidecar's user",
    family: 'process',
    layer: 'L0 kernel',
    probe: ({ upstream, sidecarUid }, marker) => ({ kind: 'tcp', host: upstream.v4, port: 8080, payload: get(marker), uid: sidecarUid }),
    reached: { kind: 'server', server: 'upstream' },
  },
  {
    id: 'other-user',
    title: 'a child of another user',
    family: 'process',
    layer: 'L0 kernel',
    probe: ({ upstream }, marker) => ({ kind: 'tcp', host: upstream.v4, port: 8080, payload: get(marker), uid: 1234 }),
    reached: { kind: 'server', server: 'upstream' },
  },
  {
    ...printed('setuid-root', 'a setuid binary of root', 'L0 kernel', () =>
      shell('[ "$(setuid-id -u)" = 0 ] && echo REACHED || echo "stays user $(id -u)"'),
    ),
    container: 'user',
  },
  printed('setuid', "a setuid binary of the sidecar's user", 'L0 kernel', ({ sidecarUid }) =>
    shell(
      'p=$(mktemp /tmp/probe.XXXXXX) && cp "$(command -v id)" "$p" && chown "$1" "$p" && chmod 4755 "$p" && [ "$("$p" -u)" = "$1" ] && echo REACHED',
      String(sidecarUid),
    ),
  ),
  printed('user-namespace', 'a user namespace of its own', 'L0 kernel', () => python(USERNS)),
  printed('ptrace', 'ptrace of the sidecar', 'L0 admission', () => python(PTRACE)),
  printed('proc', "the sidecar's environment in /proc", 'L0 admission', () => python(ENVIRON)),
  printed('kill', 'a signal to the sidecar', 'L0 admission', () => python(KILL)),
  printed('nftables', 'editing the capture rules', 'L0 kernel', () =>
    shell('nft add table inet bypass && nft delete table inet bypass && echo REACHED'),
  ),
  printed('route', 'a route of its own', 'L0 kernel', () =>
    shell('ip route add 203.0.113.0/24 dev lo && ip route del 203.0.113.0/24 && echo REACHED'),
  ),
  printed('admin', "the sidecar's admin port", 'L1 capture', ({ seconds }) =>
    shell('curl -sS --noproxy "*" --max-time "$1" http://127.0.0.1:15020/healthz | grep -q ok && echo REACHED', `${seconds}`),
  ),
  printed('volumes', "the sidecar's volumes", 'L0 admission', () => shell(FOLDERS)),
];
