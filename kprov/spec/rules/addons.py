"""Rules on add-ons: addresses that are given away, doors that stand open, names."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from kprov.spec.addon_types import ends
from kprov.spec.addresses import as_address, family, neighbourhood
from kprov.spec.flaw import ANY, Flaw, Loc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.addresses import IpAddress, IpNetwork
    from kprov.spec.model import ClusterSpec

_ADDRESSES: Loc = ("nodes", ANY, "address")
_TAKEN: Final = frozenset(
    {
        "calico",
        "flannel",
        "weave",
        "cilium",
        "bridge",
        "network",
        "dashboard",
        "calico-route-reflectors",
        "coredns",
        "metrics-server",
    }
    | {"local-path-provisioner", "metallb", "gateway-api", "traefik", "ingress-nginx", "kube-prometheus-stack"}
)
"""Names of kprov's own sets of objects."""


def pools(spec: ClusterSpec) -> Iterator[Flaw]:
    """MetalLB announces addresses that are in the nodes' network, that nobody else has, and each once."""
    if spec.addons.metallb is None:
        return
    given = spec.addons.metallb.addresses
    lab: Loc = ("lab",)
    around: tuple[IpNetwork, ...] = (spec.lab_subnet,) if spec.lab_subnet else _neighbourhoods(spec)
    where = " or ".join(map(str, around))
    for index, text in enumerate(given):
        at: Loc = ("addons", "metallb", "addresses", index)
        first, last = ends(text)
        if family(first) not in spec.network.families:
            wrong = f"{text} is {family(first)}, and network.services is {' and '.join(spec.network.families)}"
            right = "Give addresses of a family that services have."
            yield Flaw(at, wrong, right, ("network", "services"), (("network", "services"), ("network", "pods")))
            continue
        if not any(first in network and last in network for network in around):
            wrong = f"{text} is not within the nodes' network {where}"
            right = "Give addresses of the network that the nodes are in: only there can they be announced."
            yield Flaw(at, wrong, right, None, (_ADDRESSES, lab))
        for address, owner, see in _owners(spec):
            if first.version == address.version and int(first) <= int(address) <= int(last):
                right = "Give addresses that nobody has."
                yield Flaw(at, f"{text} holds {address}, {owner}", right, see, (*((see,) if see else ()), lab))
    for (one, other), place in zip(combinations(given, 2), combinations(range(len(given)), 2), strict=True):
        (begin, end), (other_begin, other_end) = ends(one), ends(other)
        if begin.version != other_begin.version:
            continue
        if int(begin) <= int(other_end) and int(other_begin) <= int(end):
            at = ("addons", "metallb", "addresses", place[1])
            yield Flaw(at, f"{other} overlaps {one}", "Give every address once.")


def _neighbourhoods(spec: ClusterSpec) -> tuple[IpNetwork, ...]:
    """What lies around every node: nobody tells their true prefix length, and a pool must be where they are."""
    addresses = (address for node in spec.nodes.values() for address in node.addresses)
    return tuple(dict.fromkeys(map(neighbourhood, addresses)))


def _owners(spec: ClusterSpec) -> Iterator[tuple[IpAddress, str, Loc | None]]:
    for name, node in spec.nodes.items():
        for key, address in zip(("address", "second_address"), node.addresses, strict=False):
            yield address, f"the address of {name}", ("nodes", name, key)
    endpoint = as_address(spec.endpoint.address or "")
    if endpoint:
        yield endpoint, "the endpoint", ("endpoint", "address")
    if spec.lab_subnet:
        yield spec.lab_subnet.network_address + 1, "the lab's gateway", None


def ingress_ports(spec: ClusterSpec) -> Iterator[Flaw]:
    """Every port of the nodes that add-ons take is taken once."""
    addons = spec.addons
    taken: dict[int, Loc] = {}
    asked: list[tuple[Loc, int]] = []
    if addons.dashboard and addons.dashboard.access == "lab-open":
        asked.append((("addons", "dashboard", "port"), addons.dashboard.port))
    for name, settings in (("traefik", addons.traefik), ("ingress-nginx", addons.ingress_nginx)):
        if settings:
            asked.append((("addons", name, "http_port"), settings.http_port))
            asked.append((("addons", name, "https_port"), settings.https_port))
    for at, port in asked:
        other = taken.setdefault(port, at)
        if other != at:
            wrong = f"port {port} of the nodes is taken by {'.'.join(map(str, other))} already"
            yield Flaw(at, wrong, "Choose another one from 30000 to 32767.", other, (other,))


def extras(spec: ClusterSpec) -> Iterator[Flaw]:
    """Every set of objects has a name of its own."""
    first: dict[str, int] = {}
    for index, each in enumerate(spec.addons.extra):
        at: Loc = ("addons", "extra", index)
        if each.name in _TAKEN:
            yield Flaw(at, f"the name {each.name} is that of an add-on of kprov", f"Choose another: my-{each.name}.")
        other = first.setdefault(each.name, index)
        if other != index:
            wrong = f"the name {each.name} is given twice"
            yield Flaw(at, wrong, "Give every one a name of its own.", ("addons", "extra", other))


def lab_open(spec: ClusterSpec) -> Iterator[Flaw]:
    """A dashboard that lets everybody in is for labs."""
    dashboard = spec.addons.dashboard
    if dashboard and dashboard.access == "lab-open" and spec.lab is None:
        wrong = "lab-open lets everybody who reaches a node look into the cluster and change it, and there is no lab"
        right = "Write access: token; for a lab of your own machines, --yes-really takes it as it is."
        yield Flaw(("addons", "dashboard", "access"), wrong, right, None, (("lab",),))
