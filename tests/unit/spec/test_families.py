"""IPv4, IPv6 and both: what a cluster file may say of them, and what is refused with which words."""

from __future__ import annotations

import pytest
import yaml

from kprov.spec.dump import dump
from kprov.spec.load import loads
from kprov.spec.rules import check
from kprov.spec.show import show_json

DUAL = "pods: [10.244.0.0/16, fd00:10:244::/56], services: [10.96.0.0/16, fd00:10:96::/112]"
SIX = "pods: fd00:10:244::/56, services: fd00:10:96::/112"
M1 = "m[1:3]: {address: '10.98.0.[11:13]', second_address: 'fd00:98::[11:13]', roles: [control-plane]}"
W1 = "w1: {address: 10.98.0.21, second_address: 'fd00:98::21', roles: [worker]}"
SIX_M1 = "m1: {address: 'fd00:98::11', roles: [control-plane, worker]}"


def text(network: str = DUAL, nodes: tuple[str, ...] = (M1, W1), rest: str = "") -> str:
    lines = "".join(f"  {node}\n" for node in nodes)
    return f"cluster: lab\nnodes:\n{lines}network: {{{network}}}\n{rest}"


def spec(network: str = DUAL, nodes: tuple[str, ...] = (M1, W1), rest: str = ""):
    return loads(text(network, nodes, rest), "cluster.yaml").spec


def test_dual_stack_has_two_networks_of_which_the_first_is_primary():
    found = spec()
    assert found.network.families == ("IPv4", "IPv6")
    assert [str(each) for each in found.network.pods] == ["10.244.0.0/16", "fd00:10:244::/56"]
    assert [str(each) for each in found.nodes["m2"].addresses] == ["10.98.0.12", "fd00:98::12"]
    assert check(found) == ()


def test_ipv6_alone_needs_no_second_address():
    found = spec(SIX, (SIX_M1,))
    assert found.network.families == ("IPv6",)
    assert [str(each) for each in found.nodes["m1"].addresses] == ["fd00:98::11"]


def test_ipv6_may_be_the_primary_family():
    network = "pods: [fd00:10:244::/56, 10.244.0.0/16], services: [fd00:10:96::/112, 10.96.0.0/16]"
    m1 = "m1: {address: 'fd00:98::11', second_address: 10.98.0.11, roles: [control-plane, worker]}"
    assert spec(network, (m1,)).network.families == ("IPv6", "IPv4")


def test_one_network_may_be_a_list_of_one():
    network = "pods: [10.244.0.0/16], services: [10.96.0.0/16]"
    assert spec(network, ("m1: {address: 10.98.0.11, roles: [control-plane]}",)).network.families == ("IPv4",)


@pytest.mark.parametrize("written", ["FD00:98:0:0::11", "fd00:98:0000::0011"])
def test_ipv6_is_kept_in_the_form_that_kubernetes_prints(written):
    assert str(spec(SIX, (SIX_M1.replace("fd00:98::11", written),)).nodes["m1"].address) == "fd00:98::11"


@pytest.mark.parametrize(
    ("address", "count", "last"), [("fd00::[11:13]", 3, "fd00::13"), ("fd00:[a:c]::1", 3, "fd00:c::1")]
)
def test_ranges_are_in_brackets_in_ipv6_too(address, count, last):
    found = spec(SIX, (f"m[1:{count}]: {{address: '{address}', roles: [control-plane]}}",))
    assert str(found.nodes[f"m{count}"].address) == last


def test_a_cluster_file_that_was_written_out_is_read_as_the_same():
    found = spec()
    assert loads(dump(found), "cluster.yaml").spec == found
    assert yaml.safe_load(dump(found))["network"]["pods"] == ["10.244.0.0/16", "fd00:10:244::/56"]
    shown = show_json(loads(text(SIX, (SIX_M1,)), "cluster.yaml"))
    assert '"pods": "fd00:10:244::/56"' in shown


V4_M1 = "m1: {address: 10.98.0.11, roles: [control-plane, worker]}"
DUAL_M1 = "m1: {address: 10.98.0.11, second_address: 'fd00:98::11', roles: [control-plane, worker]}"

REFUSED = [
    ("pods: fd00:10:244::/56", (SIX_M1,), "network.services", "is IPv4, and network.pods is IPv6", "IPv6, as the pods"),
    (
        "pods: [10.244.0.0/16, fd00:10:244::/56]",
        (DUAL_M1,),
        "network.services",
        "is IPv4, and network.pods is IPv4 and IPv6",
        "one network of IPv4 and one network of IPv6",
    ),
    (
        "pods: [10.244.0.0/16, fd00:10:244::/56], services: [fd00:10:96::/112, 10.96.0.0/16]",
        (DUAL_M1,),
        "network.services",
        "begins with IPv6, and network.pods with IPv4",
        "same order",
    ),
    ("pods: [10.244.0.0/16, 10.248.0.0/16]", (V4_M1,), "network.pods", "two networks of IPv4", "one of IPv6"),
    (
        "services: [fd00::/112, fd00:1::/112]",
        (V4_M1,),
        "network.services",
        "two networks of IPv6",
        "one of IPv4",
    ),
    (
        "pods: [10.244.0.0/16, fd00::/56, 10.1.0.0/16]",
        (DUAL_M1,),
        "network.pods",
        "has 3 networks",
        "Write one network, or one of IPv4 and one of IPv6",
    ),
    ("pods: []", (V4_M1,), "network.pods", "is empty", "Addresses of pods"),
    (
        "pods: '10.244.0.0/16,fd00:10:244::/56'",
        (DUAL_M1,),
        "network.pods",
        "is more than one network",
        "Write a list: [10.244.0.0/16, fd00:10:244::/56].",
    ),
    (
        "pods: [10.244.0.0/16, fd00:10:244::1/56]",
        (DUAL_M1,),
        "network.pods[1]",
        "inside of fd00:10:244::/56",
        "Write the network: fd00:10:244::/56.",
    ),
    (
        "pods: fd00:10:244::/56, services: fd00:10:96::/64",
        (SIX_M1,),
        "network.services",
        "fd00:10:96::/64 is too large for services",
        "from 108 to 124",
    ),
    (
        "pods: [10.244.0.0/16, fd00:10:244::/56], services: [10.96.0.0/16, fd00:10:96::/107]",
        (DUAL_M1,),
        "network.services[1]",
        "too large for services",
        "from 108 to 124",
    ),
    (
        "pods: fd00:10:244::/56, services: fd00:10:96::/125",
        (SIX_M1,),
        "network.services",
        "too small for services",
        "from 108 to 124",
    ),
    (DUAL, (V4_M1,), "nodes.m1.second_address", "m1 has no IPv6 address", "second_address: fd00::11."),
    (DUAL, (SIX_M1,), "nodes.m1.address", "fd00:98::11 of m1 is IPv6", "Write the node's IPv4 address here"),
    (SIX, (V4_M1,), "nodes.m1.address", "10.98.0.11 of m1 is IPv4", "Write the node's IPv6 address here: fd00::11."),
    ("plugin: calico", (SIX_M1,), "nodes.m1.address", "network.pods is IPv4", "Write the node's IPv4 address"),
    ("plugin: calico", (DUAL_M1,), "nodes.m1.second_address", "is not used: network.pods is IPv4 alone", "Remove it"),
    (
        DUAL,
        ("m1: {address: 10.98.0.11, second_address: 10.98.0.12, roles: [control-plane]}",),
        "nodes.m1.second_address",
        "10.98.0.12 of m1 is IPv4, as its address is",
        "Write its IPv6 address",
    ),
    (
        DUAL,
        (DUAL_M1, W1.replace("fd00:98::21", "fd00:98::11")),
        "nodes.w1.second_address",
        "fd00:98::11 is the second_address of w1 and of m1",
        "its own",
    ),
    (f"{DUAL}, plugin: weave", (DUAL_M1,), "network.plugin", "weave carries IPv4 alone", "calico, cilium, flannel"),
    (f"{SIX}, plugin: weave", (SIX_M1,), "network.plugin", "weave carries IPv4 alone", "an IPv4 network alone"),
    (
        f"{DUAL}, plugin: calico, encapsulation: ipip",
        (DUAL_M1,),
        "network.encapsulation",
        "ipip carries IPv4 alone",
        "vxlan or bgp",
    ),
    (
        "pods: fd00:10:244::/64, services: fd00:10:96::/112",
        (SIX_M1,),
        "network.node_prefix_v6",
        "a node's share /64 is no smaller than the whole pods' network",
        "Use more than 64",
    ),
    (
        "pods: fd00:10::/40, services: fd00:f0:96::/112",
        (SIX_M1,),
        "network.node_prefix_v6",
        "are more than 65536",
        "Use 56 or less.",
    ),
    (
        "pods: [10.244.0.0/16, fd00:10:244::/63], services: [10.96.0.0/16, fd00:10:96::/112]",
        (M1, W1),
        "network.pods[1]",
        "2 shares of /64, but there are 4 nodes",
        "node_prefix_v6",
    ),
    (
        "pods: fd00:10:244::/56, services: fd00:10:244::/112",
        (SIX_M1,),
        "network.services",
        "overlaps network.pods, fd00:10:244::/56",
        "without common addresses",
    ),
    (
        DUAL,
        (DUAL_M1.replace("fd00:98::11", "fd00:10:244::11"),),
        "network.pods[1]",
        "holds fd00:10:244::11, the address of m1",
        "no machine",
    ),
]


@pytest.mark.parametrize(
    ("network", "nodes", "key", "wrong", "right"), REFUSED, ids=[f"{key}: {wrong}" for _, _, key, wrong, _ in REFUSED]
)
def test_what_does_not_fit_together_is_refused(only, network, nodes, key, wrong, right):
    problem = only(text(network, nodes))
    assert problem.key == key
    assert wrong in problem.wrong
    assert right in problem.right


@pytest.mark.parametrize(
    ("address", "wrong", "right"),
    [
        ("'[fd00::11]'", "brackets are for ranges", "Write an IPv6 address alone: fd00::11."),
        ("'fe80::1'", "is no address by which other machines reach a node", "fd00::11"),
        ("'::1'", "is no address by which other machines reach a node", "fd00::11"),
        ("'ff02::1'", "is no address by which other machines reach a node", "fd00::11"),
        ("'::ffff:10.0.0.1'", "is no address by which other machines reach a node", "fd00::11"),
        ("'fd00::1%eth0'", "names an interface", "Write the address alone: fd00::1."),
        ("'fd00::1/64'", "has a prefix length", "Write the address alone: fd00::1."),
        ("'fd00:::1'", "is no IPv6 address", "without brackets, port or zone"),
        ("'10.98.0.11,fd00::11'", "is more than one address", "second_address"),
    ],
)
def test_addresses_that_no_node_can_have(only, address, wrong, right):
    problem = only(text(SIX, (f"m1: {{address: {address}, roles: [control-plane]}}",)))
    assert problem.key == "nodes.m1.address"
    assert wrong in problem.wrong
    assert right in problem.right


def test_machines_that_kprov_makes_have_ipv4_alone(only):
    problem = only(text(DUAL, (DUAL_M1,), "lab: {provider: podman}\n"))
    assert (problem.key, "have IPv4 alone" in problem.wrong) == ("network.pods", True)


VIP = "endpoint: {{mode: vip, address: {}}}\n"


def test_a_virtual_address_is_of_the_primary_family(only):
    problem = only(text(SIX, (SIX_M1,), VIP.format("10.98.0.10")))
    assert (problem.key, "is no IPv6 address" in problem.wrong) == ("endpoint.address", True)
    assert spec(SIX, (SIX_M1,), VIP.format("'fd00:98::10'")).endpoint_host == "fd00:98::10"


METALLB = "addons: {{metallb: {{addresses: [{}]}}}}\n"


@pytest.mark.parametrize("pools", ["10.98.0.200-10.98.0.220, 'fd00:98::a00-fd00:98::aff'", "'fd00:98::a00/120'"])
def test_metallb_has_pools_of_the_families_that_services_have(pools):
    assert spec(DUAL, (DUAL_M1,), METALLB.format(pools)).addons.metallb is not None


@pytest.mark.parametrize(
    ("network", "node", "pool", "wrong"),
    [
        (SIX, SIX_M1, "10.98.0.200-10.98.0.220", "is IPv4, and network.services is IPv6"),
        ("plugin: calico", V4_M1, "'fd00:98::a00/120'", "is IPv6, and network.services is IPv4"),
        (DUAL, DUAL_M1, "'10.98.0.200-fd00:98::aff'", "goes from one family to the other"),
        (DUAL, DUAL_M1, "'fd00:98::aff-fd00:98::a00'", "ends before it begins"),
        (DUAL, DUAL_M1, "'fd00:98::10-fd00:98::1f'", "holds fd00:98::11, the address of m1"),
        (DUAL, DUAL_M1, "'fd00:99::a00/120'", "is not within the nodes' network 10.98.0.0/24 or fd00:98::/64"),
        (DUAL, DUAL_M1, "'fd00:98::a00/120', 'fd00:98::af0/124'", "overlaps fd00:98::a00/120"),
    ],
)
def test_pools_that_nobody_could_announce(only, network, node, pool, wrong):
    assert wrong in only(text(network, (node,), METALLB.format(pool))).wrong
