"""Rules on IPv4, IPv6 and dual stack: pods, services, nodes and the plugin have the same families."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.spec.addresses import family
from kprov.spec.flaw import Flaw, Loc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.model import ClusterSpec, Node

_PODS: Loc = ("network", "pods")
_SERVICES: Loc = ("network", "services")
_PLUGIN: Loc = ("network", "plugin")
_EXAMPLE: Final = {"IPv4": "10.0.0.11", "IPv6": "fd00::11"}


def same_families(spec: ClusterSpec) -> Iterator[Flaw]:
    """Services have the families of the pods, in the same order: a service has an address where its pods have one."""
    pods, services = spec.network.families, tuple(map(family, spec.network.services))
    if pods == services:
        return
    if set(pods) == set(services):
        wrong = f"begins with {services[0]}, and network.pods with {pods[0]}: the first is the primary family"
        right = "Write both in the same order."
    else:
        wrong = f"is {' and '.join(services)}, and network.pods is {' and '.join(pods)}"
        right = f"Give services {' and '.join(f'one network of {each}' for each in pods)}, as the pods have."
    yield Flaw(_SERVICES, wrong, right, _PODS, (_PODS,))


def node_addresses(spec: ClusterSpec) -> Iterator[Flaw]:
    """Every node has an address of the primary family, and in dual stack one of the other family too."""
    for name, node in spec.nodes.items():
        yield from _of_node(spec, name, node)


def _of_node(spec: ClusterSpec, name: str, node: Node) -> Iterator[Flaw]:
    primary, *others = spec.network.families
    first: Loc = ("nodes", name, "address")
    second: Loc = ("nodes", name, "second_address")
    needs = (_PODS, first)
    if family(node.address) != primary:
        wrong = (
            f"{node.address} of {name} is {family(node.address)}, and network.pods {'begins with' if others else 'is'}"
        )
        right = f"Write the node's {primary} address here: {_EXAMPLE[primary]}."
        yield Flaw(first, f"{wrong} {primary}, the primary family", right, _PODS, (_PODS,))
    elif node.second_address is None and others:
        wrong = f"{name} has no {others[0]} address, and network.pods has {primary} and {others[0]}"
        right = f"Add the node's {others[0]} address: second_address: {_EXAMPLE[others[0]]}."
        yield Flaw(second, wrong, right, _PODS, needs)
    elif node.second_address is not None and not others:
        wrong = f"{node.second_address} of {name} is not used: network.pods is {primary} alone"
        right = "Remove it, or give pods and services a network of each family."
        yield Flaw(second, wrong, right, _PODS, needs)
    elif node.second_address is not None and family(node.second_address) == primary:
        wrong = f"{node.second_address} of {name} is {primary}, as its address is"
        yield Flaw(second, wrong, f"Write its {others[0]} address: {_EXAMPLE[others[0]]}.", _PODS, needs)


def plugin_family(spec: ClusterSpec) -> Iterator[Flaw]:
    """The plugin, by its encapsulation, carries IPv6 where it is used."""
    network = spec.network
    if "IPv6" not in network.families:
        return
    needs: tuple[Loc, ...] = (_PODS,)
    if network.plugin == "weave":
        wrong = "weave carries IPv4 alone, and network.pods has IPv6"
        right = "Set it to calico, cilium, flannel or bridge, or write an IPv4 network alone."
        yield Flaw(_PLUGIN, wrong, right, _PODS, needs)
    if network.plugin == "calico" and network.encapsulation == "ipip":
        wrong = "ipip carries IPv4 alone, and network.pods has IPv6"
        right = "Set it to vxlan or bgp, or write an IPv4 network alone."
        yield Flaw(("network", "encapsulation"), wrong, right, _PODS, (_PODS, _PLUGIN))


def lab_family(spec: ClusterSpec) -> Iterator[Flaw]:
    """Machines that kprov makes have IPv4 alone."""
    if spec.lab is not None and "IPv6" in spec.network.families:
        wrong = "has IPv6, and the machines that kprov makes have IPv4 alone"
        yield Flaw(_PODS, wrong, "Write an IPv4 network alone, or use machines of your own, without lab.", ("lab",))
