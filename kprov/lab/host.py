"""What a lab needs of the host that it runs on: routes, limits, kernel parameters, and whether a port answers."""

from __future__ import annotations

import json
import os
import resource
import shutil
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from kprov.lab.process import Run, must
from kprov.lab.process import run as run_command

if TYPE_CHECKING:
    from collections.abc import Sequence

REMEMBERED = Path("/run/kprov")
"""What the host's kernel parameters were before the first lab; gone after the last one, and after a reboot."""

ROUTE_PROTOCOL = "107"
"""Marks kprov's routes in the host's table; a number that rt_protos (iproute2) gives to nobody."""

_LAST_METRIC = "4294967295"
"""While the lab's bridge is up, its own route to the lab's subnet comes first."""

_NOFILE_MAX = 1_048_576
"""More open files than this slows programs that close every possible one (fs.nr_open, Linux's default)."""
_NPROC_MAX = 32_768
"""podman's own helpers lower their limit to this, and a container cannot have more than they have."""


SSH_PORT = 22
_GREETING_MAX = 255
"""RFC 4253, 4.2."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A network that the host uses already, and by what: ``route via eth0``, ``address of docker0``."""

    network: IPv4Network
    by: str
    interface: str


class Host(Protocol):
    """The host. Its stand-in for tests is ``kprov.lab.fakes.FakeHost``."""

    def is_root(self) -> bool:
        """Whether kprov runs as root."""

    def has(self, command: str) -> bool:
        """Whether a command is installed, also in the folders of ``sbin`` that a PATH may lack."""

    def ulimits(self) -> tuple[str, ...]:
        """The ulimits for a container, no higher than this host allows: ``nofile=20000:20000``."""

    def existing(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of the paths that exist here."""

    def taken(self) -> tuple[Taken, ...]:
        """The networks of the host's addresses and routes, without default routes and those that lead nowhere."""

    def unreachable(self) -> frozenset[IPv4Network]:
        """The networks that kprov has made unreachable from here."""

    def refuse(self, network: IPv4Network) -> None:
        """Make a network unreachable from here, save through an interface that lies in it."""

    def unrefuse(self, network: IPv4Network) -> None:
        """Undo ``refuse``."""

    def remove_bridge(self, interface: str) -> None:
        """Remove a bridge with what hangs on it, where it is still there."""

    def parameter(self, name: str) -> int | None:
        """The value of a kernel parameter (``fs.inotify.max_user_instances``); None where there is none."""

    def can_set(self, name: str) -> bool:
        """Whether this kernel parameter may be changed from here."""

    def set_parameter(self, name: str, value: int) -> None:
        """Change a kernel parameter."""

    def remember(self, names: Sequence[str]) -> None:
        """Note the values of these kernel parameters, unless they are noted already."""

    def recall(self) -> dict[str, int]:
        """What was noted, by name."""

    def forget(self) -> None:
        """Note nothing any longer."""

    def ssh_answers(self, address: IPv4Address, timeout_s: float) -> bool:
        """Whether an SSH server greets at this address."""


class LinuxHost:
    """This host, through iproute2 and /proc."""

    def __init__(self, run: Run = run_command, remembered: Path = REMEMBERED) -> None:
        self._run = run
        self._remembered = remembered

    def is_root(self) -> bool:
        """Whether kprov runs as root."""
        return os.geteuid() == 0

    def has(self, command: str) -> bool:
        """Whether a command is installed, also in the folders of ``sbin`` that a PATH may lack."""
        return shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin") is not None

    def ulimits(self) -> tuple[str, ...]:
        """The ulimits for a container, no higher than this host allows."""
        nofile = _capped(resource.getrlimit(resource.RLIMIT_NOFILE)[1], _NOFILE_MAX)
        nproc = _capped(resource.getrlimit(resource.RLIMIT_NPROC)[1], _NPROC_MAX)
        return (f"nofile={nofile}:{nofile}", f"nproc={nproc}:{nproc}")

    def existing(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of the paths that exist here."""
        return tuple(path for path in paths if Path(path).exists())

    def taken(self) -> tuple[Taken, ...]:
        """The networks of the host's addresses and routes."""
        return parse_taken(self._ip("addr", "show"), self._ip("route", "show"))

    def unreachable(self) -> frozenset[IPv4Network]:
        """The networks that kprov has made unreachable from here."""
        routes = json.loads(self._ip("route", "show", "type", "unreachable", "proto", ROUTE_PROTOCOL))
        return frozenset(IPv4Network(route["dst"]) for route in routes)

    def refuse(self, network: IPv4Network) -> None:
        """Make a network unreachable from here, save through an interface that lies in it."""
        self._ip("route", "replace", *_route(network))

    def unrefuse(self, network: IPv4Network) -> None:
        """Undo ``refuse``."""
        self._ip("route", "del", *_route(network))

    def remove_bridge(self, interface: str) -> None:
        """Remove a bridge with what hangs on it, where it is still there."""
        if Path("/sys/class/net", interface).exists():
            for port in json.loads(self._ip("link", "show", "master", interface)):
                self._ip("link", "del", port["ifname"])
            self._ip("link", "del", interface)

    def parameter(self, name: str) -> int | None:
        """The value of a kernel parameter; None where there is none."""
        path = _sysctl(name)
        return int(path.read_text()) if path.exists() else None

    def can_set(self, name: str) -> bool:
        """Whether this kernel parameter may be changed from here."""
        return os.access(_sysctl(name), os.W_OK)

    def set_parameter(self, name: str, value: int) -> None:
        """Change a kernel parameter."""
        _sysctl(name).write_text(f"{value}\n")

    def remember(self, names: Sequence[str]) -> None:
        """Note the values of these kernel parameters, unless they are noted already."""
        self._remembered.mkdir(parents=True, exist_ok=True)
        for name in names:
            value, note = self.parameter(name), self._remembered / name
            if value is not None and not note.exists():
                part = self._remembered / f"{name}.part"
                part.write_text(f"{value}\n")
                part.rename(note)

    def recall(self) -> dict[str, int]:
        """What was noted, by name."""
        notes = self._remembered.iterdir() if self._remembered.is_dir() else ()
        return {note.name: int(note.read_text()) for note in notes if note.suffix != ".part"}

    def forget(self) -> None:
        """Note nothing any longer."""
        shutil.rmtree(self._remembered, ignore_errors=True)

    def ssh_answers(self, address: IPv4Address, timeout_s: float) -> bool:
        """Whether an SSH server greets at this address."""
        try:
            with socket.create_connection((str(address), SSH_PORT), timeout=timeout_s) as connection:
                return connection.recv(_GREETING_MAX).startswith(b"SSH-")
        except OSError:
            return False

    def _ip(self, *arguments: str) -> str:
        return must(self._run, ["ip", "-4", "-json", *arguments], what=f"ip {' '.join(arguments[:2])} failed") or "[]"


def _route(network: IPv4Network) -> tuple[str, ...]:
    return ("unreachable", str(network), "proto", ROUTE_PROTOCOL, "metric", _LAST_METRIC)


def _sysctl(name: str) -> Path:
    return Path("/proc/sys", *name.split("."))


def _capped(limit: int, most: int) -> int:
    """The limit, where it is lower than ``most``; the kernel's word for "no limit" is -1.

    >>> _capped(resource.RLIM_INFINITY, 100), _capped(50, 100)
    (100, 50)
    """
    return most if limit == resource.RLIM_INFINITY else min(limit, most)


def parse_taken(addresses: str, routes: str) -> tuple[Taken, ...]:
    """The networks in use, out of the JSON of ``ip addr`` and ``ip route``.

    >>> parse_taken('[{"ifname": "eth0", "addr_info": [{"local": "10.1.0.5", "prefixlen": 16}]}]',
    ...             '[{"dst": "default", "dev": "eth0"}, {"dst": "10.9.0.0/24", "dev": "eth0"}]')[1]
    Taken(network=IPv4Network('10.9.0.0/24'), by='a route through eth0', interface='eth0')
    """
    found = [
        Taken(
            IPv4Network(f"{info['local']}/{info['prefixlen']}", strict=False),
            f"the address {info['local']}",
            link["ifname"],
        )
        for link in json.loads(addresses)
        for info in link.get("addr_info", ())
        if "local" in info
    ]
    for route in json.loads(routes):
        if route["dst"] != "default" and route.get("type", "unicast") == "unicast":
            interface = route.get("dev", "")
            found.append(Taken(IPv4Network(route["dst"]), f"a route through {interface}", interface))
    return tuple(found)
