"""What is known about a machine before anything is done to it, as data; ``parse`` makes it from answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from kprov.preflight.questions import INSTALLERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Interface, IPv6Interface

    from kprov.spec.addresses import IpNetwork

ARCHITECTURES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""What a bundle calls the machine that the kernel calls so."""
UnreachableKind: TypeAlias = Literal["network", "login", "host-key", "no-answer"]


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A machine that gave no facts: the network, the login, its host key, or no answer in time; and why."""

    host: str
    kind: UnreachableKind
    why: str


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system under one of the folders that a cluster fills; what is free for root, in MiB and in inodes.

    ``free_inodes`` is None on file systems that have no fixed number of them.
    """

    mount: str
    free_mib: int
    free_inodes: int | None


@dataclass(frozen=True, slots=True)
class Listener:
    """A port on which something listens, on which address, and the name of the process where root could see it.

    Where the kernel itself listens, as for VXLAN, there is no process.
    """

    address: str
    port: int
    process: str
    protocol: Literal["tcp", "udp"] = "tcp"


@dataclass(frozen=True, slots=True)
class Clock:
    """A machine's clock minus the controller's, known up to ``error_s`` either way."""

    offset_s: float
    error_s: float


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface; ``mac`` is empty where it has none, ``mtu`` 0 where it is unknown."""

    name: str
    mac: str = ""
    mtu: int = 0
    addresses: tuple[IPv4Interface | IPv6Interface, ...] = ()


@dataclass(frozen=True, slots=True)
class Route:
    """A network that a machine knows the way to: through which device, or how else (``unreachable``)."""

    network: IpNetwork
    device: str


@dataclass(frozen=True, slots=True)
class Names:
    """How a machine turns names into addresses.

    ``own`` are the addresses of its own hostname; ``servers`` those in ``/etc/resolv.conf``, ``upstream`` those that
    systemd-resolved asks, where it runs.
    """

    own: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()
    resolved: bool = False
    upstream: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies that programs on a machine are told of, by the variables' names alone, and what goes past them."""

    variables: tuple[str, ...] = ()
    past: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Time:
    """Whether the kernel's clock is kept by somebody, None where nobody knows; the services that do, and that could."""

    synchronised: bool | None = None
    running: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Firewall:
    """Services that filter packets, and chains that drop what no rule lets through: ``INPUT``, ``inet f in``."""

    services: tuple[str, ...] = ()
    drops: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Earlier:
    """What may be left of an earlier cluster: processes that run, network configurations, links of pod networks."""

    processes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """What a machine found of the others.

    ``ports`` by ``tcp/6443`` are ``bound`` by us meanwhile, ``held`` by somebody, the cluster's ``own``, or ``failed``.
    ``reached`` has, by peer and port, ``open``, ``refused``, ``silent`` or ``unreachable``; ``mtu`` the largest packet
    that came back from each peer, ``own_mtu`` the largest that was tried; ``fsync_ms`` what a small
    write takes to be safe.
    """

    ports: Mapping[str, str] = field(default_factory=dict)
    reached: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    mtu: Mapping[str, int] = field(default_factory=dict)
    own_mtu: int = 0
    fsync_ms: float | None = None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One machine as it is.

    ``arch`` is ``amd64`` or ``arm64``, else what the kernel says. ``python`` is None where there is none.
    ``features`` are what the kernel has, or can load, of what network plugins need: ``vxlan``.
    ``sudo`` is whether there is one; ``swap_at_boot`` what would swap again; ``settings`` are lines of sysctl
    configuration that contradict what nodes need, with their files; ``drivers`` are the cgroup drivers of ``kubelet``
    and ``containerd``, as far as they are set. ``probe`` is None where none was made.
    ``owner`` is the kprov cluster that the machine belongs to, ``kubeadm_state`` how far kubeadm got there; both are
    empty where kprov never was.
    """

    host: str
    clock: Clock
    root: bool
    python: tuple[int, int, int] | None
    init: str
    os_id: str
    os_version: str
    kernel: str
    arch: str
    memory_mib: int
    cores: int
    swaps: tuple[str, ...]
    disks: tuple[Disk, ...]
    listeners: tuple[Listener, ...]
    hostname: str
    machine_id: str
    product_uuid: str
    addresses: tuple[str, ...]
    commands: frozenset[str]
    leftovers: tuple[str, ...]
    owner: str
    kubeadm_state: str
    bridge_filter: bool
    overlay: bool
    features: frozenset[str]
    cgroup: Literal[1, 2]
    selinux_enforcing: bool
    os_family: str = "debian"
    sudo: bool = True
    swap_at_boot: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    forwards: bool = True
    interfaces: tuple[Interface, ...] = ()
    routes: tuple[Route, ...] = ()
    names: Names = Names()
    proxies: Proxies = Proxies()
    time: Time = Time()
    firewall: Firewall = Firewall()
    apparmor: bool = False
    earlier: Earlier = Earlier()
    drivers: Mapping[str, str] = field(default_factory=dict)
    probe: Probe | None = None

    @property
    def installer(self) -> str:
        """The package manager found there, or nothing."""
        return next((name for name in INSTALLERS if name in self.commands), "")

    def holding(self, address: str) -> Interface | None:
        """The interface that has this address."""
        found = (each for each in self.interfaces for own in each.addresses if str(own.ip) == address)
        return next(found, None)
