"""What stands against a lab on this host, found before anything is made: facts in, objections out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.lab.limits import INOTIFY, INOTIFY_WANTED
from kprov.lab.needs import Objection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from ipaddress import IPv4Network

    from kprov.lab.engine import Survey
    from kprov.lab.host import Taken
    from kprov.lab.provider import LabRequest

_INOTIFY_PER_NODE = 32
_REMAKE = "Run `kprov lab down` and then this command again; what is on the nodes is lost."


@dataclass(frozen=True, slots=True)
class Seen:
    """What the host and its engine say, and what the lab's containers are called and made of."""

    containers_by_node: Mapping[str, str]
    images_by_node: Mapping[str, str]
    taken: tuple[Taken, ...]
    engine: Survey
    inotify: int
    inotify_can_be_set: bool


def objections(lab: LabRequest, seen: Seen) -> tuple[Objection, ...]:
    """Everything that stands against the lab, in the order in which a person would look at it."""
    return (*_addresses(lab), *_subnets(lab, seen), *_clashes(lab, seen), *_differences(lab, seen), *_limits(lab, seen))


def _addresses(lab: LabRequest) -> Iterator[Objection]:
    remedy = f"Give every node an address inside {lab.subnet}, from {lab.subnet[2]} on."
    for machine in lab.machines:
        where = f"{machine.name} has the address {machine.address}"
        if machine.address not in lab.subnet:
            yield Objection(f"{where}, which is outside the lab's subnet {lab.subnet}", remedy)
        elif machine.address in (lab.subnet.network_address, lab.subnet.broadcast_address):
            yield Objection(f"{where}, which is the subnet's own", remedy)
        elif machine.address == lab.subnet[1]:
            yield Objection(f"{where}, which is the one of this host on the lab's bridge", remedy)


def _subnets(lab: LabRequest, seen: Seen) -> Iterator[Objection]:
    own = {network.interface for network in seen.engine.networks if network.cluster == lab.name}
    used: dict[IPv4Network, str] = {}
    for network in seen.engine.networks:
        if network.cluster != lab.name:
            used |= dict.fromkeys(network.subnets, f"the network {network.name} of the container engine")
    for taken in seen.taken:
        if taken.interface not in own:
            used.setdefault(taken.network, taken.by)
    wanted = {lab.subnet: "the lab's subnet"} | dict.fromkeys(lab.unreachable, "a network of pods or services")
    for net, what in wanted.items():
        for other, by in used.items():
            if net.overlaps(other):
                yield Objection(
                    f"{what}, {net}, is in use on this host: {other} by {by}",
                    "Choose another network in the cluster file, or remove what uses this one.",
                )
    for network in seen.engine.networks:
        inside = [net for net in network.unreachable if network.cluster != lab.name and net.overlaps(lab.subnet)]
        for net in inside:
            yield Objection(
                f"the lab's subnet, {lab.subnet}, lies in {net}, which the lab {network.cluster} uses inside",
                "Choose another subnet for the nodes.",
            )


def _clashes(lab: LabRequest, seen: Seen) -> Iterator[Objection]:
    ours = {container.name for container in seen.engine.containers if container.cluster == lab.name}
    for name in seen.containers_by_node.values():
        if name in seen.engine.names and name not in ours:
            yield Objection(
                f"there is a container {name} that is not of this lab", "Rename the cluster, or remove that container."
            )


def _differences(lab: LabRequest, seen: Seen) -> Iterator[Objection]:
    for network in seen.engine.networks:
        if network.cluster != lab.name:
            continue
        if network.subnets != (lab.subnet,):
            yield Objection(f"the lab exists with the subnet {_list(network.subnets)}, not {lab.subnet}", _REMAKE)
        if set(network.unreachable) != set(lab.unreachable):
            has, wants = _list(network.unreachable), _list(lab.unreachable)
            yield Objection(f"the lab exists with the pod and service networks {has}, not {wants}", _REMAKE)
    wanted = {seen.containers_by_node[machine.name]: machine for machine in lab.machines}
    for container in seen.engine.containers:
        if container.cluster != lab.name or container.name not in wanted:
            continue
        address = wanted[container.name].address
        if container.address != address:
            yield Objection(f"{container.node} exists with the address {container.address}, not {address}", _REMAKE)
        image = seen.images_by_node[container.node]
        if container.image != image:
            yield Objection(f"{container.node} was made of another node image, {container.image}, not {image}", _REMAKE)


def _limits(lab: LabRequest, seen: Seen) -> Iterator[Objection]:
    needed = _INOTIFY_PER_NODE * len(lab.machines)
    if seen.inotify < needed and not seen.inotify_can_be_set:
        yield Objection(
            f"{INOTIFY} is {seen.inotify}, {len(lab.machines)} nodes need {needed}, and it cannot be raised from here",
            f"Run `sysctl -w {INOTIFY}={INOTIFY_WANTED}` on the machine whose kernel this is.",
        )


def _list(networks: tuple[IPv4Network, ...]) -> str:
    """The networks as words.

    >>> _list(())
    'none'
    """
    return ", ".join(str(network) for network in networks) or "none"
