"""Machines with IPv6, and networks of it: facts, rules, and what runs between machines."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import IPv6Interface, ip_network
from typing import TYPE_CHECKING

import pytest

from kprov.preflight import agent
from kprov.preflight.facts import Interface, Route
from kprov.preflight.judge import judge
from kprov.preflight.parse_network import interfaces, routes

if TYPE_CHECKING:
    from kprov.preflight.expectations import Expectations
    from kprov.preflight.facts import HostFacts

LINKS = "2: eth0@if9: <UP> mtu 1500 \\    link/ether 02:00:00:00:00:01"
ADDRESSES = """\
2: eth0    inet 10.0.0.11/24 brd 10.0.0.255 scope global eth0
2: eth0    inet6 fd00::11/64 scope global \\       valid_lft forever preferred_lft forever
2: eth0    inet6 fe80::aa/64 scope link \\       valid_lft forever preferred_lft forever
"""
ROUTES = """\
default via 10.0.0.1 dev eth0
10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.11
::1 dev lo proto kernel metric 256 pref medium
fd00::/64 dev eth0 proto kernel metric 256 pref medium
unreachable fd00:9::/48 dev lo metric 1024 error 4294967183 pref medium
default via fd00::1 dev eth0 metric 1024 pref medium
"""


def test_an_interface_has_addresses_of_both_families() -> None:
    (eth0,) = interfaces(LINKS, ADDRESSES)
    assert [str(each) for each in eth0.addresses] == ["10.0.0.11/24", "fd00::11/64", "fe80::aa/64"]


def test_routes_of_both_families_are_known_without_the_default_ones() -> None:
    found = [(str(each.network), each.device) for each in routes(ROUTES)]
    assert found == [("10.0.0.0/24", "eth0"), ("::1/128", "lo"), ("fd00::/64", "eth0"), ("fd00:9::/48", "lo")]


@pytest.fixture
def dual(cluster: Expectations) -> Expectations:
    """The cluster in dual stack."""
    seconds = {"m1": "fd00::11", "w1": "fd00::101"}
    hosts = {name: replace(host, second_address=seconds[name]) for name, host in cluster.hosts.items()}
    pods = (*cluster.pods, ip_network("fd00:10:244::/56"))
    return replace(cluster, hosts=hosts, pods=pods, services=(*cluster.services, ip_network("fd00:10:96::/112")))


def with_ipv6(facts: HostFacts, address: str) -> HostFacts:
    eth0 = facts.interfaces[0]
    both = (*eth0.addresses, IPv6Interface(f"{address}/64"), IPv6Interface("fe80::1/64"))
    more = Interface(eth0.name, eth0.mac, eth0.mtu, both)
    return replace(facts, addresses=(*facts.addresses, address, "::1", "fe80::1"), interfaces=(more,))


def test_machines_with_both_addresses_give_no_finding(m1: HostFacts, w1: HostFacts, dual: Expectations) -> None:
    assert judge({"m1": with_ipv6(m1, "fd00::11"), "w1": with_ipv6(w1, "fd00::101")}, dual) == ()


def test_a_machine_without_its_second_address_is_told(m1: HostFacts, w1: HostFacts, dual: Expectations) -> None:
    (finding,) = judge({"m1": with_ipv6(m1, "fd00::11"), "w1": with_ipv6(w1, "fd00::102")}, dual)
    assert finding.hosts == ("w1",)
    assert "fd00::101 is none of 10.0.0.101, fd00::102" in finding.why
    assert "second_address" in finding.remedy


def test_a_network_of_ipv6_that_a_machine_knows_is_told(m1: HostFacts, w1: HostFacts, dual: Expectations) -> None:
    routed = replace(with_ipv6(m1, "fd00::11"), routes=(*m1.routes, Route(ip_network("fd00:10:96::/48"), "wg0")))
    (finding,) = judge({"m1": routed, "w1": with_ipv6(w1, "fd00::101")}, dual)
    assert "fd00:10:96::/112 overlaps fd00:10:96::/48, which is reached by wg0" in finding.why


def test_past_a_proxy_goes_what_is_named_of_either_family(m1: HostFacts, w1: HostFacts, dual: Expectations) -> None:
    past = ("10.0.0.0/8", "fd00::/16", ".svc", ".cluster.local")
    proxied = replace(with_ipv6(m1, "fd00::11"), proxies=replace(m1.proxies, variables=("http_proxy",), past=past))
    seen = {"m1": proxied, "w1": with_ipv6(w1, "fd00::101")}
    assert judge(seen, dual) == ()
    less = replace(proxied, proxies=replace(proxied.proxies, past=past[:1] + past[2:]))
    (finding,) = judge({**seen, "m1": less}, dual)
    assert "fd00::11, fd00::101, fd00:10:96::/112, fd00:10:244::/56" in finding.why


def test_ports_are_held_and_reached_over_ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
            port = probe.getsockname()[1]
    except OSError:
        pytest.skip("this machine has no IPv6")
    sockets, states = agent.hold("::1", [("tcp", port)])
    try:
        assert states == {f"tcp/{port}": "bound"}
        assert agent.reach("::1", [("m1", "::1", "tcp", port)]) == {"m1": {f"tcp/{port}": "open"}}
    finally:
        for each in sockets:
            each.close()
    assert agent.path_mtus("::1", {"m1": "::1"}) == {}
