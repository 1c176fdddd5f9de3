"""Rules on the networks of pods, services and nodes."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from kprov.spec.addresses import as_address, family
from kprov.spec.flaw import ANY, Flaw, Loc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kprov.spec.addresses import Family, IpNetwork
    from kprov.spec.model import ClusterSpec

_ROLES: Loc = ("nodes", ANY, "roles")
_ADDRESSES: Loc = ("nodes", ANY, "address")
_PODS: Loc = ("network", "pods")
_SERVICES: Loc = ("network", "services")

_SERVICE_PREFIXES: Final[Mapping[Family, tuple[int, int, str]]] = {
    "IPv4": (12, 28, "10.96.0.0/16"),
    "IPv6": (108, 124, "fd00:10:96::/112"),
}
"""The bounds of kube-apiserver, 20 bits, and of kubeadm, which needs ten addresses (both of 1.20 and of 1.36)."""


def overlaps(spec: ClusterSpec) -> Iterator[Flaw]:
    """The networks of pods, services, nodes and the lab have no address in common."""
    stated: list[tuple[Loc, IpNetwork]] = [
        *((_at(_PODS, index), each) for index, each in enumerate(spec.network.pods)),
        *((_at(_SERVICES, index), each) for index, each in enumerate(spec.network.services)),
    ]
    ours = list(stated)
    if spec.lab_subnet:
        stated.append((("lab", "subnet"), spec.lab_subnet))
    for (loc, one), (other_loc, other) in combinations(stated, 2):
        if one.version == other.version and one.overlaps(other):
            wrong = f"{other} overlaps {'.'.join(map(str, loc[:2]))}, {one}"
            lab: tuple[Loc, ...] = (("lab",), _ADDRESSES) if other_loc[0] == "lab" else ()
            yield Flaw(other_loc, wrong, "Choose networks without common addresses.", loc, (loc[:2], *lab))
    for loc, network in ours:
        yield from _without_machines(spec, loc, network)


def _at(loc: Loc, index: int) -> Loc:
    return (*loc, index)


def _without_machines(spec: ClusterSpec, loc: Loc, network: IpNetwork) -> Iterator[Flaw]:
    """No machine has an address in a network that exists inside of the cluster only."""
    right = "Choose a network in which no machine is."
    for name, node in spec.nodes.items():
        for key, address in zip(("address", "second_address"), node.addresses, strict=False):
            if address in network:
                at: Loc = ("nodes", name, key)
                yield Flaw(loc, f"{network} holds {address}, the address of {name}", right, at, (at,))
    endpoint = as_address(spec.endpoint.address or "")
    if endpoint and endpoint in network:
        at = ("endpoint", "address")
        yield Flaw(loc, f"{network} holds {spec.endpoint.address}, the endpoint", right, at, (at,))


def pod_subnets(spec: ClusterSpec) -> Iterator[Flaw]:
    """Each of the pods' networks has a subnet for every node that runs pods."""
    nodes = len(set(spec.control_planes) | set(spec.workers))
    for index, pods in enumerate(spec.network.pods):
        prefix = spec.network.prefix_of(pods)
        key = "node_prefix" if family(pods) == "IPv4" else "node_prefix_v6"
        at: Loc = ("network", key)
        if prefix <= pods.prefixlen:
            wrong = f"a node's share /{prefix} is no smaller than the whole pods' network {pods}"
            yield Flaw(at, wrong, f"Use more than {pods.prefixlen}, or a larger network.pods.", None, (_PODS,))
        elif prefix - pods.prefixlen > 16:
            # kube-controller-manager: "CIDR mask size difference must be at most 16" (nodeipam, v1.36).
            wrong = f"/{prefix} shares of {pods} are more than 65536"
            yield Flaw(at, wrong, f"Use {pods.prefixlen + 16} or less.", None, (_PODS,))
        elif nodes > 2 ** (prefix - pods.prefixlen):
            wrong = f"{pods} has {2 ** (prefix - pods.prefixlen)} shares of /{prefix}, but there are {nodes} nodes"
            right = f"Use a larger network.pods or a larger {key}."
            yield Flaw(_at(_PODS, index), wrong, right, None, (at, _ROLES))


def services(spec: ClusterSpec) -> Iterator[Flaw]:
    """The networks of services are neither too large to be kept count of, nor too small."""
    for index, each in enumerate(spec.network.services):
        shortest, longest, example = _SERVICE_PREFIXES[family(each)]
        if not shortest <= each.prefixlen <= longest:
            wrong = f"{each} is too {'large' if each.prefixlen < shortest else 'small'} for services"
            right = f"Use a prefix length from {shortest} to {longest}: {example}."
            yield Flaw(_at(_SERVICES, index), wrong, right)
