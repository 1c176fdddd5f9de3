"""Rules on the networks of pods, services and nodes."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from kprov.spec.flaw import ANY, Flaw, Loc
from kprov.spec.types import as_address

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network

    from kprov.spec.model import ClusterSpec

_ROLES: Loc = ("nodes", ANY, "roles")
_ADDRESSES: Loc = ("nodes", ANY, "address")


def overlaps(spec: ClusterSpec) -> Iterator[Flaw]:
    """The networks of pods, services, nodes and the lab have no address in common."""
    stated: list[tuple[Loc, IPv4Network]] = [
        (("network", "pods"), spec.network.pods),
        (("network", "services"), spec.network.services),
    ]
    if spec.lab_subnet:
        stated.append((("lab", "subnet"), spec.lab_subnet))
    for (loc, one), (other_loc, other) in combinations(stated, 2):
        if one.overlaps(other):
            wrong = f"{other} overlaps {'.'.join(map(str, loc))}, {one}"
            lab: tuple[Loc, ...] = (("lab",), _ADDRESSES) if other_loc[0] == "lab" else ()
            yield Flaw(other_loc, wrong, "Choose networks without common addresses.", loc, (loc, *lab))
    for loc, network in stated[:2]:
        right = "Choose a network in which no machine is."
        for name, node in spec.nodes.items():
            if node.address in network:
                at: Loc = ("nodes", name, "address")
                wrong = f"{network} holds {node.address}, the address of {name}"
                yield Flaw(loc, wrong, right, at, (at,))
        endpoint = as_address(spec.endpoint.address or "")
        if endpoint and endpoint in network:
            at = ("endpoint", "address")
            yield Flaw(loc, f"{network} holds {spec.endpoint.address}, the endpoint", right, at, (at,))


def pod_subnets(spec: ClusterSpec) -> Iterator[Flaw]:
    """The pods' network has a subnet for every node that runs pods."""
    pods, prefix = spec.network.pods, spec.network.node_prefix
    at: Loc = ("network", "node_prefix")
    needs: tuple[Loc, ...] = (("network", "pods"),)
    nodes = len(set(spec.control_planes) | set(spec.workers))
    if prefix <= pods.prefixlen:
        wrong = f"a node's share /{prefix} is no smaller than the whole pods' network {pods}"
        yield Flaw(at, wrong, f"Use more than {pods.prefixlen}, or a larger network.pods.", None, needs)
    elif prefix - pods.prefixlen > 16:
        # kube-controller-manager: "CIDR mask size difference must be at most 16" (nodeipam, v1.36).
        wrong = f"/{prefix} shares of {pods} are more than 65536"
        yield Flaw(at, wrong, f"Use {pods.prefixlen + 16} or less.", None, needs)
    elif nodes > 2 ** (prefix - pods.prefixlen):
        wrong = f"{pods} has {2 ** (prefix - pods.prefixlen)} shares of /{prefix}, but there are {nodes} nodes"
        yield Flaw(("network", "pods"), wrong, "Use a larger network.pods or a larger node_prefix.", None, (at, _ROLES))


def services(spec: ClusterSpec) -> Iterator[Flaw]:
    """The bounds of kube-apiserver (/12) and of kubeadm, which needs ten addresses (/28)."""
    prefix = spec.network.services.prefixlen
    if not 12 <= prefix <= 28:
        wrong = f"{spec.network.services} is too {'large' if prefix < 12 else 'small'} for services"
        yield Flaw(("network", "services"), wrong, "Use a prefix length from 12 to 28: 10.96.0.0/16.")
