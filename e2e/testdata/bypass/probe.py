"""Runs attempts inside a container: a JSON list of probes on stdin, a JSON list of what came of them on stdout.

Each result is {"id", "said", "errno", "timedOut", "code"}: what was read or printed, the kernel's name of the error, whether
nothing came in time, and the exit code of a command. An attempt that fails for want of a program says so in "broken".
"""
import errno, json, os, socket, struct, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

SECONDS = 4
COMMAND_SECONDS = 15


def family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def bound(sock, probe):
    sock.settimeout(SECONDS)
    if probe.get("device"):
        sock.setsockopt(socket.SOL_SOCKET, 25, probe["device"].encode() + b"\0")
    return sock


def read(sock):
    said = b""
    try:
        while len(said) < 4096:
            part = sock.recv(4096)
            if not part:
                break
            said += part
    except socket.timeout:
        if not said:
            raise
    return said.decode("latin1")


def tcp(probe):
    if "uid" in probe:
        return as_user(probe)
    with bound(socket.socket(family(probe["host"]), socket.SOCK_STREAM), probe) as sock:
        sock.connect((probe["host"], probe["port"]))
        sock.sendall(probe["payload"].encode())
        return read(sock)


AS_USER = """
import os, socket, sys
uid, host, port, payload = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
try:
    os.setgroups([])
    os.setuid(uid)
    with socket.create_connection((host, port), 4) as sock:
        sock.sendall(payload.encode())
        print(sock.recv(4096).decode("latin1"))
except OSError as error:
    import errno
    print("errno", errno.errorcode.get(error.errno, "ETIMEDOUT" if isinstance(error, socket.timeout) else str(error)))
    sys.exit(1)
"""


def as_user(probe):
    argv = [sys.executable, "-c", AS_USER, str(probe["uid"]), probe["host"], str(probe["port"]), probe["payload"]]
    return command({"argv": argv})


def udp(probe):
    with bound(socket.socket(family(probe["host"]), socket.SOCK_DGRAM), probe) as sock:
        sock.connect((probe["host"], probe["port"]))
        sock.send(probe["payload"].encode())
        return sock.recv(4096).decode("latin1")


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def icmp(probe):
    v6 = ":" in probe["host"]
    kind = socket.SOCK_RAW if probe["raw"] else socket.SOCK_DGRAM
    protocol = socket.IPPROTO_ICMPV6 if v6 else socket.IPPROTO_ICMP
    request, answer = (128, 129) if v6 else (8, 0)
    packet = struct.pack("!BBHHH", request, 0, 0, 7, 1) + b"bypass"
    packet = packet[:2] + struct.pack("!H", checksum(packet)) + packet[4:]
    with bound(socket.socket(family(probe["host"]), kind, protocol), probe) as sock:
        sock.sendto(packet, (probe["host"], 0))
        while True:
            data = sock.recv(2048)
            data = data[20:] if probe["raw"] and not v6 else data
            if data[0] == answer:
                return "ICMP-ANSWERED"


def packet(_):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
        sock.bind(("eth0", 0))
        sock.send(b"\xff" * 6 + b"\x02\0\0\0\0\x01" + b"\x88\xb5" + b"bypass" * 8)
        return "PACKET-SENT"


def dns(probe):
    name = b"".join(bytes([len(part)]) + part.encode() for part in probe["name"].rstrip(".").split(".")) + b"\0"
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
    kind = socket.SOCK_STREAM if probe["tcp"] else socket.SOCK_DGRAM
    with bound(socket.socket(family(probe["server"]), kind), probe) as sock:
        sock.connect((probe["server"], probe["port"]))
        sock.send(struct.pack("!H", len(query)) + query if probe["tcp"] else query)
        said = sock.recv(4096)
        said = said[2:] if probe["tcp"] else said
        if len(said) < 12:
            return "closed"
        flags, _, answers = struct.unpack("!HHH", said[2:8])
        address = ".".join(str(each) for each in said[-4:]) if answers else "none"
        return "rcode %d answers %d address %s" % (flags & 15, answers, address)


def command(probe):
    done = subprocess.run(
        probe["argv"], input=probe.get("input", ""), capture_output=True, timeout=COMMAND_SECONDS, encoding="utf8", errors="replace"
    )
    return {"said": (done.stdout + done.stderr)[-4000:], "code": done.returncode}


KINDS = {"tcp": tcp, "udp": udp, "icmp": icmp, "packet": packet, "dns": dns, "command": command}


def run(probe):
    result = {"id": probe["id"], "said": "", "timedOut": False, "code": 0}
    try:
        said = KINDS[probe["kind"]](probe)
        result.update(said if isinstance(said, dict) else {"said": said})
    except (socket.timeout, subprocess.TimeoutExpired):
        result["timedOut"] = True
    except FileNotFoundError as error:
        result["broken"] = str(error)
    except OSError as error:
        result["errno"] = errno.errorcode.get(error.errno, str(error))
        result["timedOut"] = result["errno"] == "ETIMEDOUT"
    except Exception as error:
        result["broken"] = repr(error)
    return result


with ThreadPoolExecutor(8) as pool:
    print(json.dumps(list(pool.map(run, json.load(sys.stdin)))))
