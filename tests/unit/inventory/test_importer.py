from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from kprov.errors import SpecError
from kprov.inventory.importer import Imported, from_listing
from kprov.inventory.listing import Listing

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.inventory.model import JSON

Groups = dict[str, tuple[str, ...]]
HostVars = dict[str, dict[str, "JSON"]]

TWO: Groups = {"kube_control_plane": ("m1",), "etcd": ("m1",), "kube_node": ("w1",)}
ADDRESSES: HostVars = {"m1": {"ip": "10.0.0.1"}, "w1": {"ip": "10.0.0.2"}}


@pytest.fixture
def inventory_file(tmp_path: Path) -> Path:
    file = tmp_path / "lab" / "hosts.ini"
    file.parent.mkdir()
    file.write_text("[all]\nm1 ip=10.0.0.1\nw1 ip=10.0.0.2\n\n[etcd]\nm1\n")
    return file


def take(file: Path, groups: Groups = TWO, variables: HostVars = ADDRESSES, **everywhere: JSON) -> Imported:
    hosts = dict.fromkeys(host for members in groups.values() for host in members)
    return from_listing(Listing(file, groups, {host: {**everywhere, **variables.get(host, {})} for host in hosts}))


def document(imported: Imported) -> dict[str, dict[str, JSON]]:
    parsed: dict[str, dict[str, JSON]] = yaml.safe_load(imported.text)
    return parsed


def texts(imported: Imported) -> list[str]:
    return [notice.text for notice in imported.notices]


def refusal(file: Path, groups: Groups = TWO, variables: HostVars = ADDRESSES, **everywhere: JSON) -> tuple[str, ...]:
    """Every problem as ``line key wrong``."""
    with pytest.raises(SpecError) as caught:
        take(file, groups, variables, **everywhere)
    assert all(problem.file == str(file) and problem.right for problem in caught.value.problems)
    return tuple(f"{problem.line} {problem.key} {problem.wrong}" for problem in caught.value.problems)


def test_a_plain_inventory_gives_only_nodes_and_a_name_and_nothing_to_tell(inventory_file: Path) -> None:
    imported = take(inventory_file)
    assert document(imported) == {
        "cluster": "lab",
        "nodes": {
            "m1": {"address": "10.0.0.1", "roles": ["control-plane", "etcd"]},
            "w1": {"address": "10.0.0.2", "roles": ["worker"]},
        },
    }
    assert imported.notices == ()


@pytest.mark.parametrize(
    ("name", "cluster"),
    [("hosts.yaml", "lab"), ("Book_2.ini", "book-2"), ("inventory", "lab"), ("___.ini", "imported")],
)
def test_the_cluster_is_named_after_the_file_or_its_folder(inventory_file: Path, name: str, cluster: str) -> None:
    file = inventory_file.rename(inventory_file.with_name(name))
    assert document(take(file))["cluster"] == cluster


def test_the_variables_of_kubespray_become_settings(inventory_file: Path) -> None:
    imported = take(
        inventory_file,
        kube_version="v1.33.5",
        kube_network_plugin="cni",
        kube_pods_subnet="10.233.64.0/18",
        kube_service_addresses="10.233.0.0/18",
        kube_network_node_prefix="25",
        cluster_name="cluster.test",
        loadbalancer_apiserver={"address": "10.0.0.100", "port": "8383"},
        ansible_user="ubuntu",
        ansible_port=2222,
        ansible_ssh_private_key_file="~/.ssh/lab",
        container_manager="containerd",
    )
    sections = document(imported)
    assert sections["kubernetes"] == {"version": "1.33.5"}
    assert sections["network"] == {
        "plugin": "none",
        "pods": "10.233.64.0/18",
        "services": "10.233.0.0/18",
        "node_prefix": 25,
        "dns_domain": "cluster.test",
    }
    assert sections["endpoint"] == {"mode": "external", "address": "10.0.0.100", "port": 8383}
    assert sections["ssh"] == {"user": "ubuntu", "port": 2222, "key": "~/.ssh/lab"}
    assert sections["runtime"] == {"name": "containerd"}
    assert imported.notices == ()


@pytest.mark.parametrize(
    ("variable", "value", "why"),
    [
        ("kube_version", "v1.33", "1.33 is not a whole version"),
        ("kube_version", "{{ version_of.kube }}", "it is a template"),
        ("kube_network_plugin", "canal", "canal is none of bridge"),
        ("kube_network_node_prefix", 29, "29 is too large"),
        ("kube_pods_subnet", "10.233.64.1/18", "is an address inside of 10.233.64.0/18"),
        ("container_manager", "docker", "docker is not containerd"),
        ("loadbalancer_apiserver", "lb.test", "it has no address"),
        ("ansible_user", "-oProxyCommand=x", "is no login name"),
    ],
)
def test_a_value_that_kprov_cannot_take_is_left_out_and_told(
    inventory_file: Path, variable: str, value: JSON, why: str
) -> None:
    imported = take(inventory_file, **{variable: value})
    assert set(document(imported)) == {"cluster", "nodes"}
    [notice] = imported.notices
    assert notice.text.startswith(f"{variable} is not taken over: ")
    assert why in notice.text
    assert notice.level == "warning"
    assert notice.remedy


def test_the_value_of_most_nodes_is_taken_and_the_others_are_named(inventory_file: Path) -> None:
    groups: Groups = {"kube_control_plane": ("m1",), "kube_node": ("w1", "w2")}
    variables: HostVars = {
        "m1": {"ip": "10.0.0.1", "ansible_port": 2222},
        "w1": {"ip": "10.0.0.2", "ansible_port": 2222},
        "w2": {"ip": "10.0.0.3"},
    }
    imported = take(inventory_file, groups, variables)
    assert document(imported)["ssh"] == {"port": 2222}
    assert texts(imported) == ["ansible_port is not the same on all nodes: not taken over from w2"]


def test_labels_and_taints_belong_to_their_node(inventory_file: Path) -> None:
    marks: dict[str, JSON] = {"node_labels": "{'disk': 'ssd', 'fast': true}", "node_taints": ["gpu:NoSchedule"]}
    nodes = document(take(inventory_file, variables={**ADDRESSES, "w1": {"ip": "10.0.0.2", **marks}}))["nodes"]
    assert nodes["w1"] == {
        "address": "10.0.0.2",
        "roles": ["worker"],
        "labels": {"disk": "ssd", "fast": "true"},
        "taints": [{"key": "gpu", "value": "", "effect": "NoSchedule"}],
    }
    assert set(nodes["m1"]) == {"address", "roles"}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variables", "entry"),
    [
        ({"ansible_host": "203.0.113.1", "ip": "10.0.0.1"}, {"address": "10.0.0.1", "ssh_address": "203.0.113.1"}),
        ({"ansible_host": "m1.test", "ip": "10.0.0.1"}, {"address": "10.0.0.1", "ssh_address": "m1.test"}),
        ({"ansible_host": "10.0.0.1"}, {"address": "10.0.0.1"}),
        ({"ansible_ssh_host": "10.0.0.1"}, {"address": "10.0.0.1"}),
        ({"access_ip": "10.0.0.1"}, {"address": "10.0.0.1"}),
    ],
)
def test_addresses_are_found_where_kubespray_users_write_them(
    inventory_file: Path, variables: dict[str, JSON], entry: dict[str, JSON]
) -> None:
    imported = take(inventory_file, variables={**ADDRESSES, "m1": variables})
    assert document(imported)["nodes"]["m1"] == {**entry, "roles": ["control-plane", "etcd"]}
    assert imported.notices == ()


def test_hosts_named_by_their_address_get_a_name(inventory_file: Path) -> None:
    imported = take(inventory_file, {"kube-master": ("10.0.0.1",)}, {})
    assert document(imported)["nodes"] == {
        "node-10-0-0-1": {"address": "10.0.0.1", "roles": ["control-plane", "etcd"]},
    }
    assert texts(imported) == ["the host 10.0.0.1 is the node node-10-0-0-1: an address is no name"]


def test_whatever_is_lost_is_told_without_its_value(inventory_file: Path) -> None:
    groups: Groups = {**TWO, "bastion": ("jump",), "calico_rr": ("rr1",), "gpu": ("w1",), "ungrouped": ("web",)}
    variables: HostVars = {
        "m1": {"ip": "10.0.0.1", "access_ip": "203.0.113.1", "etcd_member_name": "etcd1"},
        "w1": {"ip": "10.0.0.2", "ansible_become_password": "geheim"},
        "jump": {"ansible_host": "203.0.113.7", "ansible_user": "jump"},
    }
    imported = take(inventory_file, groups, variables, helm_enabled=True, ansible_become=True)
    assert document(imported)["ssh"] == {"bastion": "jump@203.0.113.7"}
    assert texts(imported) == [
        "rr1 is left out: it is in none of the groups that make a host a node",
        "web is left out: it is in none of the groups that make a host a node",
        "no route reflectors are set up, calico_rr holds rr1",
        "access_ip of m1 is not taken over: nodes reach it at 10.0.0.1",
        "passwords are not taken over: ansible_become_password",
        "groups that mean nothing to kprov are not kept: gpu",
        "not taken over, all hosts: helm_enabled",
        "not taken over, m1: etcd_member_name",
    ]
    assert "geheim" not in repr(imported)


@pytest.mark.parametrize(("mode", "encapsulation"), [("Always", "ipip"), ("Never", "bgp"), (None, "bgp")])
def test_route_reflectors_are_taken_over_with_the_network_that_they_serve(
    inventory_file: Path, mode: str | None, encapsulation: str
) -> None:
    groups: Groups = {**TWO, "calico-rr": ("w1", "rr1")}
    variables: HostVars = {**ADDRESSES, "rr1": {"ip": "10.0.0.9"}}
    shared = {"calico_ipip_mode": mode} if mode else {}
    imported = take(inventory_file, groups, variables, kube_network_plugin="calico", **shared)
    found = document(imported)
    assert found["network"] == {"plugin": "calico", "encapsulation": encapsulation}
    assert {name: node["roles"] for name, node in found["nodes"].items() if "route-reflector" in node["roles"]} == {
        "w1": ["worker", "route-reflector"],
        "rr1": ["worker", "route-reflector"],
    }
    assert not [text for text in texts(imported) if "reflector" in text]


def test_without_a_control_plane_there_is_no_cluster(inventory_file: Path) -> None:
    assert refusal(inventory_file, {"kube_node": ("w1",), "etcd": ("w1",)}) == (
        "0  no host is in the group kube_control_plane, nor in the older kube-master",
    )


def test_every_host_that_cannot_be_a_node_is_named_with_its_line(inventory_file: Path) -> None:
    assert refusal(inventory_file, variables={"w1": {"ip": "10.0.0.2", "node_taints": ["gpu"]}}) == (
        "2 m1 has no IPv4 address",
        "3 w1 has a taint that cannot be read: 'gpu'",
    )


def test_etcd_on_some_control_planes_and_others_is_refused(inventory_file: Path) -> None:
    groups: Groups = {"kube_control_plane": ("m1",), "etcd": ("m1", "w1", "w2"), "kube_node": ("w1",)}
    [problem] = refusal(inventory_file, groups)
    assert problem == ("5 etcd its members are not the hosts of kube_control_plane, yet other groups hold m1, w1")


def test_the_rules_of_the_cluster_file_are_told_of_the_hosts_of_the_inventory(inventory_file: Path) -> None:
    twice: HostVars = {"m1": {"ip": "10.0.0.1"}, "w1": {"ip": "10.0.0.1"}}
    assert refusal(inventory_file, variables=twice) == ("3 nodes.w1.address 10.0.0.1 is the address of w1 and of m1",)
