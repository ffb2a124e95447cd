/** Credentials that are not the agent's: anywhere in its files, its environment, its processes. */
import type { Attempt, Places, Probe } from '../attempt.js';

const python = (script: string, ...args: string[]): Probe => ({ kind: 'command', argv: ['python3', '-c', script, ...args] });

/** Every file that can be read outside of the kernel's own, and every environment; ends at the first that holds what is sought. */
const SEARCH = `
import os, re, sys
sought = re.compile(sys.argv[1].encode())
def files():
    for top in ("/var/run", "/run", "/var/spool", "/tmp", "/root", "/home", "/etc", "/mnt"):
        for folder, _, names in os.walk(top):
            for name in names: yield os.path.join(folder, name)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        yield "/proc/%s/environ" % pid
for path in files():
    try:
        if os.path.isfile(path) and os.path.getsize(path) < 1 << 22 and sought.search(open(path, "rb").read()):
            print("REACHED", path); break
    except OSError:
        continue
else: print("nothing found")
`;

/** A JWT whose payload bears an audience: {"aud" comes first in a projected token. */
const JWT = '(?:^|[^A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,}\\.eyJ[A-Za-z0-9_-]{40,}\\.[A-Za-z0-9_-]{40,}';

function searched(id: string, title: string, what: (places: Places) => string): Attempt {
  return {
    id,
    title,
    family: 'credentials',
    layer: 'L0 admission',
    probe: (places) => python(SEARCH, what(places)),
    reached: { kind: 'output', pattern: /^REACHED/m },
  };
}

export const credentials: readonly Attempt[] = [
  searched('target-credential', "the target's credential, anywhere", ({ credential }) => credential),
  searched('launch-token', 'a launch token or a token of the service account, anywhere', () => JWT),
  {
    id: 'other-account',
    title: "another account's token, presented through the sidecar",
    family: 'credentials',
    layer: 'L1 sidecar',
    probe: ({ otherToken }) => ({
      kind: 'command',
      argv: ['kubectl', `--token=${otherToken}`, 'auth', 'whoami', '-o', 'jsonpath=acts as {.status.userInfo.username}'],
    }),
    reached: { kind: 'output', pattern: /acts as system:serviceaccount:[^:]+:other/ },
  },
];
