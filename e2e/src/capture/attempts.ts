/** What an agent may try: programs that every system has, run as its user inside the namespace. */
import type { Finished, Network } from './network.js';

const CURL = ['curl', '--silent', '--show-error', '--max-time', '10', '--noproxy', '*', '--write-out', '\n%{http_code} %{content_type}'];

export const http = (network: Network, url: string): Promise<Finished> => network.asAgent(...CURL, url);

/** Sends SSLRequest as libpq does and prints the first byte and the text of the answer. */
const SSL_REQUEST = `
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as s:
    s.sendall(bytes([0, 0, 0, 8, 4, 210, 22, 47]))
    answer = b""
    while True:
        part = s.recv(4096)
        if not part: break
        answer += part
print(answer)
`;

const UDP = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(sys.argv[3].encode())
print(s.recv(100))
`;

/** Asks a resolver from a port of its choice: `host port question`. */
const ASK = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.bind(("", int(sys.argv[2])))
s.connect((sys.argv[1], 53))
s.send(sys.argv[3].encode("latin1").decode("unicode_escape").encode("latin1"))
print(s.recv(100))
`;

/** SO_BINDTODEVICE (25): routing then looks no further than that device, for addresses of loopback too. */
const BOUND_UDP = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 25, b"eth0\\0")
s.sendto(sys.argv[2].encode(), ("127.0.0.1", int(sys.argv[1])))
print("sent")
`;

const CONNECT = `
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as s:
    print("connected")
`;

/** Says nothing until the other side hangs up. */
const HOLD = `
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 30) as s:
    print(s.recv(1))
`;

/** Serves one caller what an agent would like to tell it. */
const SERVE = `
import socket, sys
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", int(sys.argv[1])))
s.listen()
s.settimeout(float(sys.argv[2]))
c, _ = s.accept()
c.sendall(b"answer")
c.close()
`;

/** An echo request, built by hand: a raw socket, as the capability NET_RAW allows it. */
const ICMP = `
import socket, struct, sys
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(10)
packet = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + b"data"
packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
s.sendto(packet, (sys.argv[1], 0))
while True:
    answer = s.recv(200)[20:]
    if answer[0] == 0 and answer[4:6] == packet[4:6]: break
print("answered")
`;

const LOOKUP = `
import socket, sys
try:
    print(socket.getaddrinfo(sys.argv[1], 80, socket.AF_UNSPEC, socket.SOCK_STREAM)[0][4][0])
except socket.gaierror as error:
    print("gaierror", error.errno == socket.EAI_NONAME, error.strerror)
`;

export interface Attempts {
  postgres(host: string, port: number): Promise<Finished>;
  udp(host: string, port: number, text: string): Promise<Finished>;
  icmp(host: string): Promise<Finished>;
  boundUdp(port: number, text: string): Promise<Finished>;
  connect(host: string, port: number): Promise<Finished>;
  /** Connects, and ends when the other side does. */
  hold(host: string, port: number): Promise<Finished>;
  /** Ends with code 0 once somebody was served. */
  serve(port: number, seconds: number): Promise<Finished>;
  /** As the sidecar's user. */
  connectExempt(host: string, port: number): Promise<Finished>;
  lookup(name: string): Promise<Finished>;
  /** Bytes to port 53 of a host from a port; prints what comes back. */
  ask(host: string, port: number, question: string): Promise<Finished>;
  askExempt(host: string, port: number, question: string): Promise<Finished>;
}

/** `python`: path of an interpreter. */
export function attempts(network: Network, python: string): Attempts {
  const script = (text: string, ...args: (string | number)[]): Promise<Finished> =>
    network.asAgent(python, '-c', text, ...args.map(String));
  return {
    postgres: (host, port) => script(SSL_REQUEST, host, port),
    udp: (host, port, text) => script(UDP, host, port, text),
    icmp: (host) => script(ICMP, host),
    boundUdp: (port, text) => script(BOUND_UDP, port, text),
    connect: (host, port) => script(CONNECT, host, port),
    hold: (host, port) => script(HOLD, host, port),
    serve: (port, seconds) => script(SERVE, port, seconds),
    connectExempt: (host, port) => network.asExempt(python, '-c', CONNECT, host, String(port)),
    lookup: (name) => script(LOOKUP, name),
    ask: (host, port, question) => script(ASK, host, port, question),
    askExempt: (host, port, question) => network.asExempt(python, '-c', ASK, host, String(port), question),
  };
}
