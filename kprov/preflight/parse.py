"""Facts made from what a machine answers: pure functions over the text of its answers to ``QUESTIONS``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

from kprov.preflight.facts import (
    ARCHITECTURES,
    Clock,
    Disk,
    Earlier,
    Firewall,
    HostFacts,
    Names,
    Probe,
    Time,
)
from kprov.preflight.parse_network import drops, interfaces, listeners, proxies, routes, servers
from kprov.preflight.questions import FAMILIES, FEATURE, FIREWALLS, RESOLVED, TIME_SERVICES, ZRAM_SERVICES
from kprov.ssh.batch import NOT_ASKED, Answer

if TYPE_CHECKING:
    from collections.abc import Mapping


def host_facts(host: str, answers: Mapping[str, Answer], clock: Clock) -> HostFacts:
    """The facts of one machine, out of its answers to ``QUESTIONS``."""

    def text(name: str) -> str:
        answer = answers.get(name, NOT_ASKED)
        return answer.text.strip() if answer.ok else ""

    def holds(name: str) -> bool:
        return answers.get(name, NOT_ASKED).ok

    def said(name: str) -> str:
        return answers.get(name, NOT_ASKED).text

    running = _units(said("units"))
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
        arch=ARCHITECTURES.get(text("arch"), text("arch")),
        memory_mib=_memory_mib(text("memory")),
        cores=_number(text("cores")),
        swaps=_swaps(text("swap")),
        disks=disks(text("space"), answers.get("inodes", NOT_ASKED).text),
        listeners=listeners(text("listeners")),
        hostname=text("hostname"),
        machine_id=text("machine-id"),
        product_uuid=text("product-uuid").lower(),
        addresses=tuple(re.findall(r"\binet6? ([0-9a-f.:]+)", text("addresses"))),
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
        os_family=_family(release),
        sudo=holds("sudo"),
        swap_at_boot=tuple(dict.fromkeys((*_leftovers(said("swap-at-boot")), *running.zram))),
        settings=tuple(line.strip() for line in said("settings").splitlines() if ":" in line),
        forwards=text("forwards") != "0",
        interfaces=interfaces(text("links"), text("addresses")),
        routes=routes(text("routes")),
        names=Names(
            own=tuple(dict.fromkeys(line.split()[0] for line in said("own-name").splitlines() if line.strip())),
            servers=servers(text("resolv")),
            resolved=RESOLVED in running.active,
            upstream=servers(text("resolved-upstream")),
        ),
        proxies=proxies(said("proxies")),
        time=Time(
            synchronised=_synchronised(said("time")),
            running=tuple(name for name in TIME_SERVICES if name in running.active),
            installed=tuple(name for name in TIME_SERVICES if name in running.known),
        ),
        firewall=Firewall(tuple(name for name in FIREWALLS if name in running.active), drops(said("filters"))),
        apparmor=text("apparmor") == "Y",
        earlier=Earlier(
            processes=tuple(sorted(set(said("processes").split()))),
            networks=_leftovers(said("cni")),
            links=tuple(sorted(set(said("pod-links").split()))),
        ),
        drivers=_drivers(said("drivers")),
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


def _leftovers(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.splitlines() if PurePosixPath(line).is_absolute())


def _marker(text: str) -> dict[str, str]:
    """A marker file of kprov; one that is damaged says nothing."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _family(release: Mapping[str, str]) -> str:
    words = (release.get("ID", ""), *release.get("ID_LIKE", "").split())
    return next((word for word in words if word in FAMILIES), "")


def _synchronised(text: str) -> bool | None:
    known = re.search(r"^NTPSynchronized=(yes|no)", text, re.MULTILINE)
    return known[1] == "yes" if known else None


@dataclass(frozen=True, slots=True)
class _Units:
    """The services that systemd knows, those of them that run, and those that swap to zram at boot."""

    known: frozenset[str]
    active: frozenset[str]
    zram: tuple[str, ...]


def _units(text: str) -> _Units:
    """The services out of ``systemctl show``; a service under another name, as an alias, is known by its own.

    >>> _units("Id=ufw.service\\nLoadState=loaded\\nActiveState=active\\n\\nId=ntpd.service\\n").active
    frozenset({'ufw'})
    """
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    units = {block["Id"].removesuffix(".service"): block for block in blocks if "Id" in block}
    known = {name: block for name, block in units.items() if block.get("LoadState") == "loaded"}
    active = frozenset(name for name, block in known.items() if block.get("ActiveState") == "active")
    zram = tuple(f"{name}.service" for name in ZRAM_SERVICES if known.get(name, {}).get("UnitFileState") == "enabled")
    return _Units(frozenset(known), active, zram)


def _drivers(text: str) -> dict[str, str]:
    """The cgroup drivers, out of the lines of kubelet's and containerd's configuration that set them."""
    found: dict[str, str] = {}
    if kubelet := re.search(r"^\s*cgroupDriver:\s*[\"']?(\w+)", text, re.MULTILINE):
        found["kubelet"] = kubelet[1]
    if runtime := re.search(r"^\s*SystemdCgroup\s*=\s*(\w+)", text, re.MULTILINE):
        found["containerd"] = "systemd" if runtime[1] == "true" else "cgroupfs"
    return found


def probe_facts(found: Mapping[str, object] | None) -> Probe | None:
    """What a machine found of the others, out of what ``agent.py`` told."""
    if found is None:
        return None
    return Probe(
        ports=cast("Mapping[str, str]", found["ports"]),
        reached=cast("Mapping[str, Mapping[str, str]]", found["reached"]),
        mtu=cast("Mapping[str, int]", found["mtu"]),
        own_mtu=cast("int", found["own_mtu"]),
        fsync_ms=cast("float | None", found["fsync_ms"]),
    )
