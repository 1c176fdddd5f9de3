from __future__ import annotations

import pytest

from kprov.inventory.groups import inventory
from kprov.inventory.model import Group, Host
from kprov.spec.model import ClusterSpec


def build(nodes: dict[str, dict[str, object]], topology: str = "stacked") -> ClusterSpec:
    return ClusterSpec.model_validate({"cluster": "lab", "nodes": nodes, "etcd": {"topology": topology}})


def test_ssh_goes_to_its_own_address_and_ip_is_the_one_between_nodes(spec: ClusterSpec) -> None:
    first, second, _ = inventory(spec).hosts
    assert first == Host("m1", ansible_host="203.0.113.11", ip="10.0.0.11")
    assert second == Host("w1", ansible_host="10.0.0.21", ip="10.0.0.21")


@pytest.mark.parametrize(
    ("style", "names"),
    [
        ("modern", ["etcd", "kube_control_plane", "kube_node", "calico_rr", "k8s_cluster"]),
        ("legacy", ["etcd", "kube-master", "kube-node", "calico-rr", "k8s-cluster"]),
    ],
)
def test_both_styles_have_the_same_members(spec: ClusterSpec, style: str, names: list[str]) -> None:
    groups = inventory(spec, style).groups  # type: ignore[arg-type]
    assert [group.name for group in groups] == names
    assert [group.hosts for group in groups] == [("m1",), ("m1",), ("w1", "w2"), (), ()]
    assert groups[-1] == Group(names[-1], children=tuple(names[1:4]))


def test_external_etcd_members_are_no_control_planes() -> None:
    spec = build(
        {
            "e1": {"address": "10.0.0.1", "roles": ["etcd"]},
            "m1": {"address": "10.0.0.2", "roles": ["control-plane"]},
        },
        "external",
    )
    members = {group.name: group.hosts for group in inventory(spec).groups}
    assert (members["etcd"], members["kube_control_plane"]) == (("e1",), ("m1",))


def test_a_single_node_is_in_every_group_of_its_roles() -> None:
    spec = build({"one": {"address": "10.0.0.1", "roles": ["control-plane", "worker"]}})
    members = {group.name: group.hosts for group in inventory(spec).groups}
    assert members["etcd"] == members["kube_control_plane"] == members["kube_node"] == ("one",)
