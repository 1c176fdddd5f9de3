"""What a cluster file asks of its machines, ports and kernels of add-ons among it."""

from __future__ import annotations

import platform
from functools import partial
from typing import TYPE_CHECKING, get_args

import pytest

from kprov.addons.catalog import catalog
from kprov.addons.chosen import chosen
from kprov.preflight.expectations import expect
from kprov.preflight.facts import ARCHITECTURES
from kprov.preflight.questions import FEATURE, QUESTIONS
from kprov.release.catalog import resolve
from kprov.spec.load import loads
from kprov.spec.model import NetworkPlugin

if TYPE_CHECKING:
    from kprov.preflight.expectations import ExpectedHost

NODES = """\
cluster: book
kubernetes: {version: 1.34.9}
etcd: {topology: external}
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane]}
  e1: {address: 10.0.0.31, roles: [etcd]}
  w1: {address: 10.0.0.101, roles: [worker]}
"""


def hosts(more: str) -> dict[str, ExpectedHost]:
    spec = loads(NODES + more, "cluster.yaml").spec
    release = partial(resolve, file="cluster.yaml")(spec)
    return dict(expect(spec, chosen(spec, release, file="cluster.yaml")).hosts)


def ports(host: ExpectedHost, needed_by: str) -> set[tuple[str, int]]:
    return {(port.protocol, port.port) for port, name in host.ports.items() if name == needed_by}


@pytest.mark.parametrize(
    ("network", "open_ports", "kernel"),
    [
        ("calico", {("udp", 4789)}, {"ip_set", "vxlan"}),
        ("calico, encapsulation: ipip", {("tcp", 179)}, {"ip_set", "ipip"}),
        ("calico, encapsulation: bgp", {("tcp", 179)}, {"ip_set"}),
        ("flannel", {("udp", 8472)}, {"vxlan"}),
        ("weave", {("tcp", 6783), ("udp", 6783), ("udp", 6784)}, {"ip_set"}),
    ],
)
def test_a_network_asks_for_its_ports_and_features_where_pods_run(
    network: str, open_ports: set[tuple[str, int]], kernel: set[str]
) -> None:
    found = hosts(f"network: {{plugin: {network}}}\n")
    name = network.split(",", maxsplit=1)[0]
    for node in ("m1", "w1"):
        assert ports(found[node], name) == open_ports
        assert {feature for need in found[node].needs for feature in need.kernel} == kernel
    assert (ports(found["e1"], name), found["e1"].needs) == (set(), ())


def test_other_add_ons_ask_too_and_kubernetes_own_ports_stay() -> None:
    found = hosts("network: {plugin: flannel}\naddons: {metallb: {addresses: [10.0.0.200-10.0.0.210]}}\n")
    assert ports(found["w1"], "metallb") == {("tcp", 7946), ("udp", 7946)}
    assert ports(found["w1"], "kubelet") == {("tcp", 10250)}
    assert ports(found["e1"], "etcd") == {("tcp", 2379), ("tcp", 2380)}


def test_weave_would_like_more() -> None:
    (need,) = hosts("network: {plugin: weave}\n")["w1"].needs
    assert need.optional == ("openvswitch", "dummy")


@pytest.mark.parametrize("plugin", [name for name in get_args(NetworkPlugin) if name in catalog()])
def test_every_feature_that_the_catalog_names_is_asked_for(plugin: str) -> None:
    entry = catalog()[plugin]
    named = {*entry.kernel, *entry.kernel_optional, *(name for mode in entry.modes.values() for name in mode.kernel)}
    assert {f"{FEATURE}{name}" for name in named} <= set(QUESTIONS)


@pytest.mark.parametrize(
    ("source", "own_runtime", "several"),
    [("packages", True, False), ("upstream", False, True), ("[packages, upstream]", False, True)],
)
def test_the_source_tells_whose_containerd_and_how_many_architectures(
    source: str, own_runtime: bool, several: bool
) -> None:
    text = f"{NODES}bundle: {{source: {source}}}\n".replace("  e1: {", "  e1: {architecture: arm64, ")
    spec = loads(text, "cluster.yaml").spec
    expected = expect(spec)
    assert (expected.system_runtime, expected.any_architecture) == (own_runtime, several)
    here = ARCHITECTURES[platform.machine()]
    assert {name: host.architecture for name, host in expected.hosts.items()} == {"m1": here, "e1": "arm64", "w1": here}
    assert not expect(spec, system_runtime=False).system_runtime, "what the bundle has goes before what its source says"
