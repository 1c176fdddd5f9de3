"""The cluster file that ``kprov init`` writes: commented for a first reader, and always valid by the own loader."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import groupby
from typing import TYPE_CHECKING, Literal, TypeAlias

from kprov.errors import InputError, SpecError
from kprov.spec.dump import flow
from kprov.spec.load import loads
from kprov.spec.rules.members import even_members

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kprov.spec.model import NetworkPlugin

Provider: TypeAlias = Literal["podman", "docker", "vagrant", "none"]

_CONTAINERS = frozenset({"podman", "docker"})
_SUBNETS: dict[Provider, str] = {
    "podman": "10.98.0.0/24",
    "docker": "10.98.0.0/24",
    # Of the only range that VirtualBox allows for host-only networks without a setting, 192.168.56.0/21.
    "vagrant": "192.168.56.0/24",
    "none": "10.0.0.0/24",
}
_FIRST_CONTROL_PLANE, _FIRST_WORKER = 11, 101


@dataclass(frozen=True, slots=True)
class Wish:
    """What ``kprov init`` was asked for; ``hosts`` are the addresses of existing machines, control planes first."""

    name: str
    control_planes: int
    workers: int
    provider: Provider
    subnet: IPv4Network | None = None
    plugin: NetworkPlugin | None = None
    hosts: tuple[IPv4Address, ...] = ()


def template(wish: Wish) -> str:
    """The text of the cluster file.

    >>> wish = Wish("lab", control_planes=3, workers=1, provider="podman")
    >>> loads(template(wish), "cluster.yaml").spec.workers
    ('w1',)

    Raises:
        InputError: no valid cluster can be made of the wish.
    """
    if wish.control_planes % 2 == 0:
        wrong, right = even_members(wish.control_planes)
        raise InputError("--control-planes cannot be even", why=wrong, remedy=right)
    if wish.hosts and wish.provider != "none":
        remedy = "Use --provider none with --hosts."
        raise InputError(
            f"--hosts names machines that exist, but --provider {wish.provider} makes new ones", remedy=remedy
        )
    nodes = wish.control_planes + wish.workers
    if wish.hosts and len(wish.hosts) != nodes:
        wrong = f"--hosts names {len(wish.hosts)} machines, but {nodes} are asked for"
        raise InputError(wrong, remedy="Name one address for each control plane and worker, control planes first.")
    text = "\n".join(_sections(wish))
    try:
        loads(text, "cluster.yaml")
    except SpecError as error:
        first = error.problems[0]
        # The lines of a file that is not written help nobody.
        why = "; ".join(
            f"{problem.key}: {re.sub(', see line [0-9]+$', '', problem.wrong)}" for problem in error.problems
        )
        raise InputError("no valid cluster file can be made of these options", why=why, remedy=first.right) from None
    return text


def _sections(wish: Wish) -> Iterator[str]:
    yield _HEAD.format(name=flow(wish.name))
    yield from _nodes(wish)
    yield _LAB.format(provider=wish.provider, subnet=_subnet(wish)) if wish.provider != "none" else _NO_LAB
    yield _SSH[wish.provider]
    yield _NETWORK.format(plugin=wish.plugin or "bridge")
    yield _ADDONS
    yield _PACKAGES


def _subnet(wish: Wish) -> IPv4Network:
    return wish.subnet or IPv4Network(_SUBNETS[wish.provider])


def _nodes(wish: Wish) -> Iterator[str]:
    yield _NODES if wish.hosts or wish.provider != "none" else _NODES + _EXAMPLES
    masters, workers = _addresses(wish)
    yield from _entries("m", masters, "control-plane, etcd" if workers else "control-plane, etcd, worker")
    yield from _entries("w", workers, "worker")
    yield ""


def _addresses(wish: Wish) -> tuple[Sequence[IPv4Address], Sequence[IPv4Address]]:
    """The addresses of control planes and of workers: from .11 and from .101, or close together in a small subnet."""
    if wish.hosts:
        return wish.hosts[: wish.control_planes], wish.hosts[wish.control_planes :]
    subnet = _subnet(wish)
    room, nodes = subnet.num_addresses - 3, wish.control_planes + wish.workers
    if nodes > room:
        wrong = f"{subnet} has room for {max(room, 0)} machines, but {nodes} are asked for"
        raise InputError(wrong, remedy="Choose a larger --subnet.")
    spread = wish.control_planes <= _FIRST_WORKER - _FIRST_CONTROL_PLANE and _FIRST_WORKER + wish.workers < room
    first, second = (_FIRST_CONTROL_PLANE, _FIRST_WORKER) if spread else (2, 2 + wish.control_planes)
    return (
        [subnet[first + n] for n in range(wish.control_planes)],
        [subnet[second + n] for n in range(wish.workers)],
    )


def _entries(letter: str, addresses: Sequence[IPv4Address], roles: str) -> Iterator[str]:
    """One entry for each run of addresses that differ in their last number only, and by one."""
    numbered = list(enumerate(addresses, start=1))
    for _, group in groupby(numbered, key=lambda pair: (int(pair[1]) - pair[0], int(pair[1]) >> 8)):
        run = list(group)
        (first, begin), (last, end) = run[0], run[-1]
        head, _, low = str(begin).rpartition(".")
        name = f"{letter}{first}" if first == last else f"{letter}[{first}:{last}]"
        address = str(begin) if first == last else f"{head}.[{low}:{str(end).rpartition('.')[2]}]"
        yield f"  {name}:\n    address: {address}\n    roles: [{roles}]"


_HEAD = """\
# A cluster file of kprov: all that a person writes.
#
#   kprov spec validate    check it
#   kprov spec show        print it with every default filled in
#   kprov up               make the cluster and prove it
#
# kprov spec schema prints a JSON Schema, so that an editor can check and complete this file.

cluster: {name}

kubernetes:
  version: newest # today's, where the release servers are reached; else 1.20.2, from Debian's packages
"""
_NODES = """\
# The machines. A range names several at once: m[1:3] is m1, m2 and m3, and their addresses count along. Control planes
# are an odd number, so that a majority is left when one fails. Nodes may also have labels, taints and an ssh_address.
nodes:"""
_EXAMPLES = """
  # The addresses are examples: write those of your machines."""
_LAB = """\
# kprov makes the machines; without this section they exist already.
lab:
  provider: {provider}
  subnet: {subnet}
"""
_NO_LAB = """\
# The machines exist already. For machines that kprov makes itself add: lab: {provider: podman}
"""
_SSH_CONTAINERS = """\
# How the machines are reached: with a key of the cluster's own, made at the first run.
ssh:
  user: root
"""
_SSH_VAGRANT = """\
# How the machines are reached: with a key of the cluster's own; the user may use sudo without a password.
ssh:
  user: vagrant
"""
_SSH_EXISTING = """\
# How the machines are reached. Another user than root needs sudo. Without key: kprov makes one of the cluster's own.
ssh:
  user: root
  # port: 22
  # key: ~/.ssh/id_ed25519
  # bastion: user@jump.example.com
"""
_SSH: dict[Provider, str] = {
    "podman": _SSH_CONTAINERS,
    "docker": _SSH_CONTAINERS,
    "vagrant": _SSH_VAGRANT,
    "none": _SSH_EXISTING,
}
_NETWORK = """\
# What connects the pods. Neither network may hold the address of a machine.
network:
  plugin: {plugin}
  # pods: 10.244.0.0/16
  # services: 10.96.0.0/16
"""
_ADDONS = """\
# What runs in the cluster beside Kubernetes; docs/cluster-file.md has all of it.
addons:
  # metrics-server: {}
  # local-path-provisioner: {}
  # dashboard: {kind: headlamp}
"""
_PACKAGES = """\
# Where the parts come from, tried in order: upstream is what is published, packages takes everything from package
# mirrors. Images that are not made of packages, as those of calico and weave, are then brought as archives:
# kprov bundle import ARCHIVE.
bundle:
  source: [upstream, packages]
"""
