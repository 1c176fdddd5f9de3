"""Rendered inventories: their bytes, and what the real ansible-inventory makes of them."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kprov.inventory.groups import inventory
from kprov.inventory.model import Variables
from kprov.inventory.write import files, write
from kprov.spec.load import load

if TYPE_CHECKING:
    from collections.abc import Callable

BOOK = load(Path(__file__).parents[2] / "inventory" / "book" / "cluster.yaml").spec
VALUES = Variables(
    group={"ansible_user": "vagrant", "network_nodes": [{"name": "m11-k8s", "control_plane": True}], "text": "a: #b"},
    hosts={"m11-k8s": {"documents": [{"kind": "InitConfiguration", "nodes": 9}]}, "w106-k8s": {"labels": {"a": "on"}}},
)
Listings = dict[tuple[str, str], dict[str, Any]]
STYLES = ("modern", "legacy")
FORMATS = ("ini", "yaml", "json")
CASES = list(product(STYLES, FORMATS))
MASTERS = ["m11-k8s", "m12-k8s", "m13-k8s"]
WORKERS = [f"w{number}-k8s" for number in range(101, 107)]


def render(folder: Path, style: Any, form: Any) -> Path:
    """Write the book's inventory; JSON comes with the script that makes it a dynamic inventory."""
    source, *_ = write(folder, inventory(BOOK, style), VALUES, form)
    if form != "json":
        return source
    script = folder / "dynamic"
    script.write_text(f"#!/bin/sh\nexec cat {source}\n")
    script.chmod(0o755)
    return script


@pytest.fixture(scope="module")
def listings(tmp_path_factory: pytest.TempPathFactory, ansible_lists: Callable[..., list[str]]) -> Listings:
    """Every style in every format as Ansible sees it, by its own defaults."""
    sources = [render(tmp_path_factory.mktemp("book"), *case) for case in CASES]
    return dict(zip(CASES, map(json.loads, ansible_lists(sources)), strict=True))


@pytest.mark.parametrize(("style", "form"), CASES)
def test_the_same_spec_gives_the_same_bytes(golden: Callable[[str, str], None], style: Any, form: Any) -> None:
    for name, text in files(inventory(BOOK, style), VALUES, form).items():
        path = Path("inventory") / "book" / style / name if name.startswith("hosts.") else Path("inventory/book") / name
        golden(str(path), text)


def test_legacy_is_the_inventory_that_kubespray_users_know(listings: Listings) -> None:
    listing = listings["legacy", "ini"]
    hostvars = listing["_meta"]["hostvars"]
    addresses = {name: f"192.168.1.{number}" for name, number in zip(MASTERS, range(11, 14), strict=True)}
    addresses |= {name: f"192.168.1.{number}" for name, number in zip(WORKERS, range(101, 107), strict=True)}
    assert {name: (values["ansible_host"], values["ip"]) for name, values in hostvars.items()} == {
        name: (address, address) for name, address in addresses.items()
    }
    assert listing["etcd"] == {"hosts": MASTERS}
    assert listing["kube-master"] == {"hosts": MASTERS}
    assert listing["kube-node"] == {"hosts": WORKERS}
    assert listing["k8s-cluster"] == {"children": ["kube-master", "kube-node", "calico-rr"]}
    assert "calico-rr" not in listing  # ansible-inventory leaves empty groups out
    assert set(listing) == {"_meta", "all", "etcd", "kube-master", "kube-node", "k8s-cluster"}


@pytest.mark.parametrize("style", STYLES)
def test_route_reflectors_have_a_group(golden: Callable[[str, str], None], style: Any) -> None:
    network = BOOK.network.model_copy(update={"plugin": "calico", "encapsulation": "bgp"})
    roles = dict.fromkeys(WORKERS[:2], ("worker", "route-reflector"))
    nodes = {name: node.model_copy(update={"roles": roles.get(name, node.roles)}) for name, node in BOOK.nodes.items()}
    spec = BOOK.model_copy(update={"network": network, "nodes": nodes})
    golden(f"inventory/reflectors/{style}.ini", files(inventory(spec, style), VALUES, "ini")["hosts.ini"])


def test_modern_has_the_names_of_today(listings: Listings) -> None:
    listing = listings["modern", "ini"]
    assert listing["etcd"] == listing["kube_control_plane"] == {"hosts": MASTERS}
    assert listing["kube_node"] == {"hosts": WORKERS}
    assert listing["k8s_cluster"] == {"children": ["kube_control_plane", "kube_node", "calico_rr"]}


@pytest.mark.parametrize(("style", "form"), [case for case in CASES if case[1] != "ini"])
def test_all_formats_say_the_same(listings: Listings, style: str, form: str) -> None:
    assert listings[style, form]["_meta"]["hostvars"] == listings[style, "ini"]["_meta"]["hostvars"]
    assert membership(listings[style, form]) == membership(listings[style, "ini"])


@pytest.mark.parametrize("case", CASES)
def test_variables_arrive_as_they_were(listings: Listings, case: tuple[str, str]) -> None:
    hostvars = listings[case]["_meta"]["hostvars"]
    assert {name: hostvars["w106-k8s"][name] for name in VALUES.group} == VALUES.group
    assert hostvars["m11-k8s"]["documents"] == VALUES.hosts["m11-k8s"]["documents"]
    assert hostvars["w106-k8s"]["labels"] == {"a": "on"}


def membership(listing: dict[str, Any]) -> dict[str, Any]:
    """The groups without ``all``: whether a group of k8s_cluster is also a direct child of it differs by format."""
    return {name: group for name, group in listing.items() if name not in {"_meta", "all"}}
