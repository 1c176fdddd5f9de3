"""Rules on the control planes and on the members of etcd."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.spec.flaw import ANY, Flaw, Loc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.model import ClusterSpec

_ROLES: Loc = ("nodes", ANY, "roles")
_TOPOLOGY: Loc = ("etcd", "topology")


def control_planes(spec: ClusterSpec) -> Iterator[Flaw]:
    """A cluster has a control plane."""
    if not spec.control_planes:
        right = "Give one node, or three, the role: roles: [control-plane]."
        yield Flaw(("nodes",), "no node has the role control-plane", right, None, (_ROLES,))


def even_members(count: int) -> tuple[str, str]:
    """Why an even number of etcd members is refused, and what to do.

    >>> even_members(2)[1]
    'Use an odd number: 1 or 3.'
    """
    survives = count // 2 - 1
    wrong = (
        f"{count} etcd members agree by a majority of {count // 2 + 1}: they survive the loss of {survives or 'none'}, "
        f"no more than {count - 1} would, and have one more that can fail"
    )
    return wrong, f"Use an odd number: {count - 1} or {count + 1}."


def etcd(spec: ClusterSpec) -> Iterator[Flaw]:
    """Etcd runs on an odd number of members: the control planes, or nodes that are nothing else."""
    yield from _stacked(spec) if spec.etcd.topology == "stacked" else _external(spec)
    count = len(spec.etcd_members)
    if count and count % 2 == 0:
        wrong, right = even_members(count)
        members = "the control planes" if spec.etcd.topology == "stacked" else "the nodes with the role etcd"
        yield Flaw(("nodes",), f"{wrong} (members are {members})", right, None, (_ROLES, _TOPOLOGY))


def _stacked(spec: ClusterSpec) -> Iterator[Flaw]:
    named, masters = set(spec.named("etcd")), set(spec.control_planes)
    for name in spec.nodes:
        at: Loc = ("nodes", name, "roles")
        if name in named - masters:
            wrong = f"{name} has the role etcd but is no control plane, and etcd.topology is stacked"
            right = "Add control-plane, or remove etcd, or set etcd.topology: external."
            yield Flaw(at, wrong, right, None, (_TOPOLOGY,))
        elif name in masters - named and masters & named:
            wrong = f"{name} lacks the role etcd that other control planes have, and etcd.topology is stacked"
            right = "Give etcd to every control plane or to none: stacked, each runs a member."
            yield Flaw(at, wrong, right, None, (_ROLES, _TOPOLOGY))


def _external(spec: ClusterSpec) -> Iterator[Flaw]:
    members = spec.named("etcd")
    if not members:
        right = "Give the role to nodes of their own, roles: [etcd], or set etcd.topology: stacked."
        yield Flaw(_TOPOLOGY, "external needs nodes with the role etcd; there is none", right, None, (_ROLES,))
    for name in members:
        others = [role for role in spec.nodes[name].roles if role != "etcd"]
        if others:
            wrong = f"{name} has the role etcd and also {' and '.join(others)}, but etcd.topology is external"
            right = "Leave the node etcd alone, or set etcd.topology: stacked."
            yield Flaw(("nodes", name, "roles"), wrong, right, None, (_TOPOLOGY,))
