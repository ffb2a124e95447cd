"""Runs attempts inside a container: a JSON list of probes on stdin, a JSON list of what came of them on stdout.

Argument: seconds that an attempt waits for what does not come; one that comes through ends at once. Each result is
{"id", "said", "errno", "timedOut", "code"}: what was read or printed, the kernel's name of the error, whether nothing came in
time, and the exit code of a command. An attempt that fails for want of a program says so in "broken".
"""
import errno, json, os, socket, struct, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor

SECONDS = 0.0
"""Datagrams get lost, also where nobody drops them: they are sent again and again."""
RESEND_SECONDS = 0.5
"""Commands bring their own ends; this is for one that hangs."""
COMMAND_SECONDS = 120
"""Most attempts only wait. Commands want a processor, of which there may be few."""
AT_ONCE, COMMANDS_AT_ONCE = 32, threading.Semaphore(6)


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
uid, host, port, payload, seconds = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4], float(sys.argv[5])
try:
    os.setgroups([])
    os.setuid(uid)
    with socket.create_connection((host, port), seconds) as sock:
        sock.sendall(payload.encode())
        print(sock.recv(4096).decode("latin1"))
except OSError as error:
    import errno
    print("errno", errno.errorcode.get(error.errno, "ETIMEDOUT" if isinstance(error, socket.timeout) else str(error)))
    sys.exit(1)
"""


def as_user(probe):
    argv = [sys.executable, "-c", AS_USER, str(probe["uid"]), probe["host"], str(probe["port"]), probe["payload"], str(SECONDS)]
    return command({"argv": argv})


def answered(sock, send, is_answer=lambda data: True):
    """What comes back of something that is sent until something does."""
    end = time.monotonic() + SECONDS
    while True:
        send()
        again = min(end, time.monotonic() + RESEND_SECONDS)
        while time.monotonic() < again:
            sock.settimeout(max(0.01, again - time.monotonic()))
            try:
                data = sock.recv(4096)
            except socket.timeout:
                continue
            if is_answer(data):
                return data
        if time.monotonic() >= end:
            raise socket.timeout()


def udp(probe):
    with bound(socket.socket(family(probe["host"]), socket.SOCK_DGRAM), probe) as sock:
        sock.connect((probe["host"], probe["port"]))
        return answered(sock, lambda: sock.send(probe["payload"].encode())).decode("latin1")


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
    head = 20 if probe["raw"] and not v6 else 0
    with bound(socket.socket(family(probe["host"]), kind, protocol), probe) as sock:
        answered(sock, lambda: sock.sendto(packet, (probe["host"], 0)), lambda data: data[head] == answer)
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
        if probe["tcp"]:
            sock.sendall(struct.pack("!H", len(query)) + query)
            said = sock.recv(4096)[2:]
        else:
            said = answered(sock, lambda: sock.send(query))
        if len(said) < 12:
            return "closed"
        flags, _, answers = struct.unpack("!HHH", said[2:8])
        address = ".".join(str(each) for each in said[-4:]) if answers else "none"
        return "rcode %d answers %d address %s" % (flags & 15, answers, address)


def command(probe):
    with COMMANDS_AT_ONCE:
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


def run_all(probes, seconds):
    global SECONDS
    SECONDS = float(seconds)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, probes))


if __name__ == "__main__":
    print(json.dumps(run_all(json.load(sys.stdin), sys.argv[1])))
