"""Which host is in which group: kubespray's names, the current ones and those before its version 2.16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.inventory.model import Group, Host, Inventory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.inventory.model import GroupStyle
    from kprov.spec.model import ClusterSpec, Node

LEGACY: Final[Mapping[str, str]] = {
    "kube_control_plane": "kube-master",
    "kube_node": "kube-node",
    "calico_rr": "calico-rr",
    "k8s_cluster": "k8s-cluster",
}
"""Group names of kubespray by the older ones that stood for the same."""


def inventory(spec: ClusterSpec, style: GroupStyle = "modern") -> Inventory:
    """The inventory of a cluster; hosts in the order of its file.

    >>> from kprov.spec.model import ClusterSpec
    >>> nodes = {"m1": {"address": "10.0.0.1", "roles": ["control-plane"]}}
    >>> book = inventory(ClusterSpec.model_validate({"cluster": "one", "nodes": nodes}), "legacy")
    >>> book.hosts
    (Host(name='m1', ansible_host='10.0.0.1', ip='10.0.0.1'),)
    >>> [group.name for group in book.groups if group.hosts]
    ['etcd', 'kube-master']
    """
    members = (
        ("kube_control_plane", spec.control_planes),
        ("kube_node", spec.workers),
        ("calico_rr", spec.route_reflectors),
    )
    groups = (
        Group("etcd", hosts=spec.etcd_members),
        *(Group(_styled(name, style), hosts=hosts) for name, hosts in members),
        Group(_styled("k8s_cluster", style), children=tuple(_styled(name, style) for name, _ in members)),
    )
    return Inventory(tuple(_host(name, node) for name, node in spec.nodes.items()), groups)


def _styled(name: str, style: GroupStyle) -> str:
    return LEGACY[name] if style == "legacy" else name


def _host(name: str, node: Node) -> Host:
    return Host(name, ansible_host=node.ssh_address or str(node.address), ip=str(node.address))
