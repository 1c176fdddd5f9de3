"""What runs on a machine while the others try to reach it: sent there as text, run by its own Python (3.8 on).

A conversation in lines of JSON. A plan comes in; the ports are held, and that is told. What is to be reached comes in,
and what was reached is told; then it ends with its standard input, or by an alarm if nobody ends it. Nothing is left
behind: sockets end with the process, and the file that is written to measure the disk has no name.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # the module of this name is not worth its import on every machine
    from typing import TypeAlias

    Wanted: TypeAlias = tuple[str, str, str, int]  # a peer's name, its address, the protocol and the port

LIFETIME_S = 900  # longer than a slow machine may take for all that is asked of it
CONNECT_S = 2.5
AGAIN_S = 0.5
PING_S = 1.5
AT_ONCE = 400  # select(2) takes no more than 1024 files
SIZES = (8900, 4000, 1500, 1492, 1480, 1460, 1450, 1440, 1420, 1400, 1350, 1300, 1280)
SMALL, LARGEST = 64, 65535
HEADERS = 28  # of IP and ICMP
ECHO = b"kprov preflight"
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3  # linux/in.h
SIOCGIFADDR, SIOCGIFMTU = 0x8915, 0x8921  # linux/sockios.h
WRITES, WRITE_BYTES, WRITES_S = 300, 2300, 2.0  # the write that etcd's documentation measures disks with
MARKER = "/var/lib/kprov/kubeadm.json"


def belongs(cluster: str, marker: str = MARKER) -> bool:
    """Whether kubeadm was on the machine for this cluster: then its ports are its own, and none is held."""
    try:
        with open(marker, encoding="utf-8") as handle:  # noqa: PTH123 - every import is paid for on every machine
            return bool(json.load(handle).get("cluster") == cluster)
    except (OSError, ValueError, AttributeError):
        return False


def label(protocol: str, port: int) -> str:
    """How a port is called: ``tcp/6443``."""
    return f"{protocol}/{port}"


def opened(protocol: str, address: str = "") -> socket.socket:
    """A socket for a protocol, of the family of the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.socket(family, socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM)


def hold(address: str, ports: list[tuple[str, int]]) -> tuple[list[socket.socket], dict[str, str]]:
    """Listen on ports; the sockets, and for each port whether it is ``bound``, ``held`` by somebody or ``failed``."""
    sockets, states = [], {}
    for protocol, port in ports:
        listener = opened(protocol, address)
        try:
            if protocol == "tcp":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            if protocol == "tcp":
                listener.listen(128)
        except OSError as error:
            listener.close()
            states[label(protocol, port)] = "held" if error.errno == errno.EADDRINUSE else "failed"
        else:
            sockets.append(listener)
            states[label(protocol, port)] = "bound"
    return sockets, states


def serve(sockets: list[socket.socket]) -> None:
    """Answer whoever comes, until the process ends: a connection is closed at once, a datagram sent back."""
    while sockets:
        for ready in select.select(sockets, [], [])[0]:
            with contextlib.suppress(OSError):
                if ready.type & socket.SOCK_DGRAM:
                    data, sender = ready.recvfrom(SMALL)
                    if data == ECHO:
                        ready.sendto(data, sender)
                else:
                    ready.accept()[0].close()


def word(code: int | None) -> str:
    """What the error number of a connection means."""
    return {0: "open", errno.ECONNREFUSED: "refused"}.get(code or 0, "unreachable")


class Attempts:
    """Connections that are tried all at once; ``found`` has how each ended, by peer and port."""

    def __init__(self, address: str, wanted: list[Wanted]) -> None:
        self.found: dict[str, dict[str, str]] = {}
        self._pending: dict[socket.socket, Wanted] = {}
        for each in wanted:
            self._begin(address, each)

    def run(self, limit_s: float) -> None:
        """Wait for all of them, so long at most; what has no answer then is ``silent``."""
        deadline, again = time.monotonic() + limit_s, 0.0
        while self._pending and time.monotonic() < deadline:
            if time.monotonic() > again:
                self._send_again()
                again = time.monotonic() + AGAIN_S
            udp = [probe for probe, each in self._pending.items() if each[2] == "udp"]
            tcp = [probe for probe, each in self._pending.items() if each[2] == "tcp"]
            readable, writable, _ = select.select(udp, tcp, [], 0.1)
            for probe in readable + writable:
                self._end(probe, self._outcome(probe, udp=probe in readable))
        for probe in list(self._pending):
            self._end(probe, "silent")

    def _begin(self, address: str, each: Wanted) -> None:
        _, to, protocol, port = each
        probe = opened(protocol, to)
        probe.setblocking(False)
        with contextlib.suppress(OSError):  # a machine that lacks its address is told elsewhere
            probe.bind((address, 0))
        code = probe.connect_ex((to, port))
        self._pending[probe] = each
        if code not in (0, errno.EINPROGRESS):
            self._end(probe, word(code))

    def _send_again(self) -> None:
        """Datagrams get lost."""
        for probe, each in list(self._pending.items()):
            if each[2] == "udp":
                try:
                    probe.send(ECHO)
                except OSError as error:
                    self._end(probe, word(error.errno))

    def _outcome(self, probe: socket.socket, *, udp: bool) -> str:
        code: int | None = probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if udp and not code:
            try:
                probe.recv(SMALL)
            except OSError as error:
                code = error.errno
        return word(code)

    def _end(self, probe: socket.socket, outcome: str) -> None:
        name, _, protocol, port = self._pending.pop(probe)
        self.found.setdefault(name, {})[label(protocol, port)] = outcome
        probe.close()


def reach(address: str, wanted: list[Wanted]) -> dict[str, dict[str, str]]:
    """Try everything; how each ended, by peer and port."""
    found: dict[str, dict[str, str]] = {}
    for start in range(0, len(wanted), AT_ONCE):
        attempts = Attempts(address, wanted[start : start + AT_ONCE])
        attempts.run(CONNECT_S)
        for name, ports in attempts.found.items():
            found.setdefault(name, {}).update(ports)
    return found


def own_mtu(address: str) -> int:
    """The MTU of the interface that has the address; Ethernet's where none says so."""
    with opened("udp") as asking:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):
                if socket.inet_ntoa(fcntl.ioctl(asking, SIOCGIFADDR, request)[20:24]) == address:
                    mtu = struct.unpack("i", fcntl.ioctl(asking, SIOCGIFMTU, request)[16:20])[0]
                    return min(int(mtu), LARGEST)
    return 1500


def echo_request(number: int, size: int) -> bytes:
    """An ICMP echo request that makes an IP packet of this size (RFC 792; the checksum is RFC 1071's)."""
    body = bytes(size - HEADERS)
    head = struct.pack("!BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, number)  # the body is zeros, and adds nothing
    total = sum(struct.unpack("!4H", head))
    total = (total >> 16) + (total & 0xFFFF)
    return head[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[4:] + body


class Pings:
    """Packets of several sizes to every peer; ``best`` is the largest that came back whole, by name."""

    def __init__(self, address: str, peers: dict[str, str]) -> None:
        self.best: dict[str, int] = {}
        self._names = {to: name for name, to in peers.items()}
        mtu = own_mtu(address)
        self._sizes = sorted({SMALL, mtu, *(size for size in SIZES if size < mtu)})
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
        self._socket.setblocking(False)

    def run(self, limit_s: float) -> None:
        """Send the largest and the smallest at first; all sizes to those of which the largest does not come back."""
        last = len(self._sizes) - 1
        turns = [(0.0, [last, 0]), (0.3, list(range(last + 1))), (0.8, list(range(last + 1)))]
        began = time.monotonic()
        while time.monotonic() - began < limit_s and self._missing():
            while turns and time.monotonic() - began >= turns[0][0]:
                self._send(turns.pop(0)[1])
            if select.select([self._socket], [], [], 0.05)[0]:
                self._receive()
        self._socket.close()

    def _missing(self) -> list[str]:
        return [to for to, name in self._names.items() if self.best.get(name, 0) < self._sizes[-1]]

    def _send(self, numbers: list[int]) -> None:
        for to in self._missing():
            for number in numbers:
                with contextlib.suppress(OSError):  # larger than what the system knows of the path
                    self._socket.sendto(echo_request(number, self._sizes[number]), (to, 0))

    def _receive(self) -> None:
        with contextlib.suppress(OSError):
            packet, (sender, _) = self._socket.recvfrom(65535)
            start = (packet[0] & 15) * 4
            kind, _, _, owner, number = struct.unpack("!BBHHH", packet[start : start + 8])
            name = self._names.get(sender)
            if name and kind == 0 and owner == os.getpid() & 0xFFFF and number < len(self._sizes):
                self.best[name] = max(self.best.get(name, 0), self._sizes[number])


def path_mtus(address: str, peers: dict[str, str]) -> dict[str, int]:
    """The largest packet that comes back from each peer, by name; nothing of those that answer only small ones.

    Some firewalls let no larger echoes through than those of people's ping. Over IPv6 nothing is measured.
    """
    if ":" in address:
        return {}
    try:
        pings = Pings(address, peers)
    except PermissionError:  # only root may
        return {}
    pings.run(PING_S)
    return {name: size for name, size in pings.best.items() if size > SMALL}


def fsync_ms(folder: str) -> float:
    """What a small write takes to be safe on the disk, in milliseconds: of a hundred, the second slowest."""
    import tempfile  # noqa: PLC0415 - seldom asked for

    while not os.path.isdir(folder):  # noqa: PTH112
        folder = os.path.dirname(folder)  # noqa: PTH120
    took: list[float] = []
    deadline = time.monotonic() + WRITES_S
    with tempfile.TemporaryFile(dir=folder) as file:
        while len(took) < WRITES and time.monotonic() < deadline:
            os.write(file.fileno(), bytes(WRITE_BYTES))
            began = time.monotonic()
            os.fdatasync(file.fileno())
            took.append((time.monotonic() - began) * 1000)
    return round(sorted(took)[int(len(took) * 0.99) - 1], 2)


def say(words: dict[str, object]) -> None:
    """Tell the other side."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Hold the conversation."""
    signal.alarm(LIFETIME_S)
    plan = json.loads(sys.stdin.readline())
    address = plan["address"]
    if belongs(plan["cluster"]):
        listen: list[socket.socket] = []
        states = {label(*port): "own" for port in plan["listen"]}
    else:
        listen, states = hold(address, plan["listen"])
    threading.Thread(target=serve, args=(listen,), daemon=True).start()
    say({"ports": states})
    go = json.loads(sys.stdin.readline() or "{}")
    if go:
        peers = go["reach"]
        slowest = fsync_ms(plan["fsync"]) if plan["fsync"] else None
        reached = reach(address, [(name, to, *port) for name, (to, ports) in peers.items() for port in ports])
        mtus = path_mtus(address, {name: to for name, (to, _) in peers.items()})
        say({"reached": reached, "mtu": mtus, "own_mtu": own_mtu(address), "fsync_ms": slowest})
        sys.stdin.readline()


if __name__ == "__main__":
    main()
