"""What is known about a machine before anything is done to it: typed facts, made from its answers by pure functions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, TypeAlias

from kprov.preflight.questions import FEATURE, INSTALLERS
from kprov.ssh.batch import NOT_ASKED, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

UnreachableKind: TypeAlias = Literal["network", "login", "host-key", "no-answer"]

_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


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
class HostFacts:
    """One machine as it is.

    ``arch`` is ``amd64`` or ``arm64``, else what the kernel says. ``python`` is None where there is none.
    ``features`` are what the kernel has, or can load, of what network plugins need: ``vxlan``.
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

    @property
    def installer(self) -> str:
        """The package manager found there, or nothing."""
        return next((name for name in INSTALLERS if name in self.commands), "")


def host_facts(host: str, answers: Mapping[str, Answer], clock: Clock) -> HostFacts:
    """The facts of one machine, out of its answers to ``QUESTIONS``."""

    def text(name: str) -> str:
        answer = answers.get(name, NOT_ASKED)
        return answer.text.strip() if answer.ok else ""

    def holds(name: str) -> bool:
        return answers.get(name, NOT_ASKED).ok

    release = _os_release(text("os"))
    kubeadm = _marker(text("kubeadm-marker"))
    return HostFacts(
        host=host,
        clock=clock,
        root=text("uid") == "0",
        python=_python(text("python")),
        init=text("init"),
        os_id=release.get("ID", ""),
        os_version=release.get("VERSION_ID", ""),
        kernel=text("kernel"),
        arch=_ARCHITECTURES.get(text("arch"), text("arch")),
        memory_mib=_memory_mib(text("memory")),
        cores=_number(text("cores")),
        swaps=_swaps(text("swap")),
        disks=disks(text("space"), answers.get("inodes", NOT_ASKED).text),
        listeners=listeners(text("listeners")),
        hostname=text("hostname"),
        machine_id=text("machine-id"),
        product_uuid=text("product-uuid").lower(),
        addresses=tuple(re.findall(r"\binet (\d+\.\d+\.\d+\.\d+)", text("addresses"))),
        commands=frozenset(text("commands").split()),
        leftovers=_leftovers(answers.get("leftovers", NOT_ASKED).text),
        owner=_marker(text("node-marker")).get("cluster") or kubeadm.get("cluster", ""),
        kubeadm_state=kubeadm.get("state", ""),
        bridge_filter=holds("bridge-filter"),
        overlay=holds("overlay"),
        features=frozenset(
            name.removeprefix(FEATURE) for name, answer in answers.items() if name.startswith(FEATURE) and answer.ok
        ),
        cgroup=2 if text("cgroup") == "cgroup2fs" else 1,
        selinux_enforcing=text("selinux") == "1",
    )


def _python(text: str) -> tuple[int, int, int] | None:
    found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _os_release(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {key: value.strip("\"'") for key, equals, value in pairs if equals}


def _memory_mib(text: str) -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def _swaps(text: str) -> tuple[str, ...]:
    """What is swapped to; the kernel writes a space in a name as ``\\040``."""
    return tuple(line.split()[0].replace("\\040", " ") for line in text.splitlines()[1:] if line.strip())


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def disks(space: str, inodes: str) -> tuple[Disk, ...]:
    """The file systems in the output of ``df -Pk`` and ``df -Pi`` over the same folders, each mount point once.

    >>> disks("Filesystem 1024-blocks Used Available Capacity Mounted on\\n/dev/vda 100 1 3072 4% /",
    ...       "Filesystem Inodes IUsed IFree IUse% Mounted on\\n/dev/vda 9 2 7 22% /")
    (Disk(mount='/', free_mib=3, free_inodes=7),)
    """
    free_inodes = {mount: ifree if total else None for mount, total, ifree in _df(inodes)}
    return tuple(
        {mount: Disk(mount, free_kib // 1024, free_inodes.get(mount)) for mount, _, free_kib in _df(space)}.values()
    )


def _df(text: str) -> list[tuple[str, int, int]]:
    """Mount point, total and free, of each line of ``df -P``; a total or free of ``-`` counts as 0."""
    rows = (line.split(None, 5) for line in text.splitlines()[1:])
    return [(row[5], _number(row[1]), _number(row[3])) for row in rows if len(row) == 6]


def listeners(text: str) -> tuple[Listener, ...]:
    """What listens, out of ``ss -H -ltunp``.

    >>> listeners('tcp LISTEN 0 4096 *:6443 *:* users:(("kube-apiserver",pid=9,fd=7))')
    (Listener(address='*', port=6443, process='kube-apiserver', protocol='tcp'),)
    """
    found = []
    for line in text.splitlines():
        columns = line.split(None, 6)
        if len(columns) < 5:
            continue
        address, _, port = columns[4].rpartition(":")
        process = re.search(r'\(\("([^"]+)"', columns[6] if len(columns) > 6 else "")
        protocol: Literal["tcp", "udp"] = "udp" if columns[0] == "udp" else "tcp"
        found.append(Listener(address.strip("[]"), _number(port), process[1] if process else "", protocol))
    return tuple(found)


def _leftovers(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if PurePosixPath(line).is_absolute())


def _marker(text: str) -> dict[str, str]:
    """A marker file of kprov; one that is damaged says nothing."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}
