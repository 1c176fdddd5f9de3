"""Of a foreign inventory: which hosts are nodes, with which roles; old and new names of kubespray's groups count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from kprov.errors import Problem
from kprov.events import Notice

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from kprov.inventory.listing import Listing

CONTROL_PLANE: Final = ("kube_control_plane", "kube-control-plane", "kube-master", "kube_master")
WORKER: Final = ("kube_node", "kube-node")
ETCD: Final = ("etcd",)
BASTION: Final = ("bastion",)
_REFLECTOR: Final = ("calico_rr", "calico-rr")
_CLUSTER: Final = ("k8s_cluster", "k8s-cluster")
_KNOWN: Final = frozenset({*CONTROL_PLANE, *WORKER, *ETCD, *BASTION, *_REFLECTOR, *_CLUSTER, "ungrouped"})


def hosts_of(listing: Listing, groups: Sequence[str]) -> tuple[str, ...]:
    """All hosts of the groups, each once: inventories in the middle of a renaming have old and new names at once."""
    return tuple(dict.fromkeys(host for group in groups for host in listing.groups.get(group, ())))


def roles(listing: Listing) -> dict[str, tuple[str, ...]]:
    """The roles of every node: control planes first, in the order of their group, then etcd members, then workers.

    Without a group etcd, as in inventories where kubeadm runs it, the control planes are its members.
    """
    control_planes = hosts_of(listing, CONTROL_PLANE)
    members = {
        "control-plane": control_planes,
        "etcd": hosts_of(listing, ETCD) or control_planes,
        "worker": hosts_of(listing, WORKER),
    }
    found: dict[str, tuple[str, ...]] = {}
    for role, hosts in members.items():
        for host in hosts:
            found[host] = (*found.get(host, ()), role)
    return found


def with_reflectors(listing: Listing, found: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The roles with that of Calico's route reflectors; one that is nothing else runs Calico as a worker does."""
    both = {host: tuple(having) for host, having in found.items()}
    for host in hosts_of(listing, _REFLECTOR):
        having = both.get(host, ())
        pods = () if {"control-plane", "worker"} & set(having) else ("worker",)
        both[host] = (*having, *pods, "route-reflector")
    return both


def reflectors(listing: Listing) -> tuple[str, ...]:
    """The hosts that are to pass on Calico's routes."""
    return hosts_of(listing, _REFLECTOR)


def problems(listing: Listing, found: Mapping[str, Sequence[str]]) -> list[Problem]:
    """Why these groups make no cluster: no control plane, or etcd members that are some control planes and others."""
    file = str(listing.file)
    control_planes = hosts_of(listing, CONTROL_PLANE)
    if not control_planes:
        wrong = f"no host is in the group {CONTROL_PLANE[0]}, nor in the older {CONTROL_PLANE[2]}"
        return [Problem(file, 0, "", wrong, f"Put the control planes into the group {CONTROL_PLANE[0]}.")]
    shared = [host for host, having in found.items() if "etcd" in having and len(having) > 1]
    if topology(found) == "external" and shared:
        wrong = f"its members are not the hosts of {CONTROL_PLANE[0]}, yet other groups hold {', '.join(shared)}"
        right = "Let both groups hold the same hosts, an odd number, or give etcd machines of its own."
        return [Problem(file, listing.line_of("[etcd]"), "etcd", wrong, right)]
    return []


def topology(found: Mapping[str, Sequence[str]]) -> Literal["stacked", "external"]:
    """Stacked where the etcd members are exactly the control planes.

    >>> topology({"m1": ["control-plane", "etcd"], "w1": ["worker"]})
    'stacked'
    """
    stacked = all(("etcd" in having) == ("control-plane" in having) for having in found.values())
    return "stacked" if stacked else "external"


def notices(listing: Listing, nodes: Collection[str], *, reflect: bool) -> list[Notice]:
    """What of the hosts and groups is not taken over; ``reflect``: route reflectors are."""
    jump, reflecting = hosts_of(listing, BASTION), reflectors(listing)
    told = [
        Notice(
            "warning",
            f"{host} is left out: it is in none of the groups that make a host a node",
            f"Put it into {CONTROL_PLANE[0]}, {WORKER[0]} or {ETCD[0]} if it is one.",
        )
        for host in listing.variables
        if host not in nodes and host not in jump
    ]
    if reflecting and not reflect:
        wrong = f"no route reflectors are set up, calico_rr holds {', '.join(reflecting)}"
        told.append(Notice("warning", wrong, "Set kube_network_plugin to calico, or empty the group."))
    if len(jump) > 1:
        told.append(Notice("warning", f"of the jump hosts only {jump[0]} is taken, not {', '.join(jump[1:])}"))
    if others := sorted(listing.groups.keys() - _KNOWN):
        told.append(Notice("info", f"groups that mean nothing to kprov are not kept: {', '.join(others)}"))
    return told
