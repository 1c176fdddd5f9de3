"""Each fault that can be put on a machine is named by its rule, and by no other."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface, IPv4Network
from typing import TYPE_CHECKING

import pytest

from kprov.addons.model import OpenPort
from kprov.preflight import judge, rule_names
from kprov.preflight.expectations import Needs
from kprov.preflight.facts import (
    Clock,
    Disk,
    Earlier,
    Firewall,
    Interface,
    Listener,
    Names,
    Probe,
    Proxies,
    Route,
    Time,
    Unreachable,
)
from kprov.preflight.questions import COMMANDS, RUNTIME

if TYPE_CHECKING:
    from kprov.preflight.expectations import Expectations
    from kprov.preflight.facts import HostFacts


# Ports and kernel features of networks, as their add-ons state them.
FLANNEL = {OpenPort("udp", 8472, "kernel"): "flannel"}
WEAVE = {OpenPort("tcp", 6783, "weaver"): "weave", OpenPort("udp", 6783, "weaver"): "weave"}
MODES = {"vxlan": ("ip_set", "vxlan"), "ipip": ("ip_set", "ipip"), "bgp": ("ip_set",)}
OWN = ("10.0.0.11",)
WITHOUT_SOCAT = frozenset({*COMMANDS, "apt-get"} - {"socat"})
CALICO = Needs("calico", ("ip_set", "vxlan"), (), MODES)


def test_machines_as_they_should_be_give_no_finding(m1: HostFacts, w1: HostFacts, cluster: Expectations) -> None:
    assert judge({"m1": m1, "w1": w1}, cluster) == ()


@pytest.mark.parametrize(
    ("fault", "rule", "level", "told"),
    [
        ({"root": False}, "privileged", "error", "sudo"),
        ({"python": None}, "python", "error", "python3"),
        ({"python": (3, 7, 9)}, "python", "error", "3.7.9"),
        ({"init": "sh"}, "systemd", "error", "sh"),
        ({"os_id": ""}, "operating-system", "error", "os-release"),
        ({"arch": "riscv64"}, "architecture", "error", "riscv64"),
        ({"memory_mib": 980}, "memory", "warning", "980 MiB"),
        ({"memory_mib": 480}, "memory", "error", "480 MiB"),
        ({"cores": 1}, "cores", "error", "1"),
        ({"swaps": ("/dev/sda2", "/dev/zram0")}, "swap-off", "info", "/dev/sda2, /dev/zram0"),
        ({"disks": (Disk("/", 3, 9999999),)}, "disk-space", "error", "/ has 3 MiB free"),
        ({"disks": (Disk("/", 9000, 7),)}, "disk-space", "error", "7 inodes"),
        ({"disks": (Disk("/tmp", 0, 99999),)}, "disk-space", "error", "/tmp has 0 MiB"),
        ({"listeners": (Listener("*", 6443, "nginx"),)}, "ports-free", "error", "nginx listens on *:6443"),
        ({"listeners": (Listener("127.0.0.1", 8443, ""),)}, "ports-free", "error", "which haproxy needs"),
        ({"hostname": "localhost"}, "hostname-valid", "info", "localhost"),
        ({"hostname": "My_PC"}, "hostname-valid", "info", "no valid name"),
        ({"addresses": ("127.0.0.1", "10.0.0.12")}, "address-present", "error", "10.0.0.11 is none of 10.0.0.12"),
        ({"commands": frozenset({"ip", "tar"})}, "commands", "error", "conntrack"),
        ({"leftovers": ("/etc/kubernetes/admin.conf",)}, "leftovers", "error", "admin.conf"),
        ({"owner": "other"}, "leftovers", "error", "other"),
        ({"bridge_filter": False}, "kernel-features", "error", "br_netfilter"),
        ({"overlay": False}, "kernel-features", "error", "overlay"),
        ({"selinux_enforcing": True}, "selinux", "warning", "pods"),
        ({"root": False, "sudo": False}, "privileged", "error", "there is no sudo"),
        ({"kernel": "3.9.0"}, "kernel-version", "error", "3.9.0"),
        ({"commands": WITHOUT_SOCAT}, "commands", "info", "socat"),
        ({"swap_at_boot": ("/etc/fstab: /swap.img",)}, "swap-off", "info", "/swap.img"),
        ({"probe": Probe(fsync_ms=42.0)}, "disk-speed", "warning", "42 ms"),
        ({"probe": Probe(fsync_ms=900.0)}, "disk-speed", "error", "900 ms"),
        ({"names": Names((), ("10.0.0.1",))}, "own-name", "info", "nor DNS knows it"),
        ({"names": Names(("10.9.9.9",), ("10.0.0.1",))}, "own-name", "error", "'m1' is 10.9.9.9"),
        ({"names": Names(OWN, ("127.0.0.1",))}, "resolv-conf", "error", "/etc/resolv.conf names 127.0.0.1"),
        ({"names": Names(OWN, ("127.0.0.53",), True, ("127.0.0.53",))}, "resolv-conf", "error", "resolve/resolv.conf"),
        ({"names": Names(OWN, ())}, "resolv-conf", "warning", "names none"),
        ({"routes": (Route(IPv4Network("10.244.3.0/24"), "wg0"),)}, "networks-free", "error", "reached by wg0"),
        ({"routes": (Route(IPv4Network("10.96.0.0/12"), "tun0"),)}, "networks-free", "error", "of services"),
        ({"proxies": Proxies(("http_proxy",), ("10.0.0.0/24", "svc", ".local"))}, "proxies", "warning",
         "NO_PROXY leaves out 10.96.0.0/16, 10.244.0.0/16"),
        ({"earlier": Earlier(("k3s", "kubelet"))}, "running-cluster", "error", "k3s, kubelet"),
        ({"earlier": Earlier(networks=("/etc/cni/net.d/10-weave.conf",))}, "pod-networks", "warning", "10-weave"),
        ({"earlier": Earlier(links=("cni0",))}, "pod-networks", "warning", "cni0"),
        ({"drivers": {"kubelet": "cgroupfs", "containerd": "systemd"}}, "cgroup-drivers", "info", "says cgroupfs"),
        ({"owner": "book", "drivers": {"kubelet": "cgroupfs"}}, "cgroup-drivers", "error", "containerd systemd"),
        ({"time": Time(False, (), ("chrony",))}, "time-synchronised", "info", "chrony does not run"),
        ({"time": Time(False, ("chrony",), ("chrony",))}, "time-synchronised", "warning", "no time from anywhere"),
        ({"time": Time(False)}, "time-synchronised", "warning", "nothing is installed"),
        ({"time": Time(True, ("chrony", "ntpd"))}, "time-synchronised", "warning", "chrony, ntpd"),
        ({"settings": ("/etc/sysctl.d/zz.conf:net.ipv4.ip_forward=0",)}, "settings-kept", "warning", "zz.conf"),
        ({"forwards": False}, "settings-kept", "info", "ip_forward is 0"),
        ({"firewall": Firewall(("ufw",), ("INPUT",))}, "firewall", "warning", "ufw"),
        ({"firewall": Firewall((), ("FORWARD",))}, "firewall", "warning", "FORWARD"),
        ({"apparmor": True}, "apparmor", "info", "apparmor_parser"),
    ],
)  # fmt: skip
def test_one_fault_on_one_machine_is_one_finding(
    fault: dict[str, object], rule: str, level: str, told: str, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    (found,) = judge({"m1": replace(m1, **fault), "w1": w1}, cluster)  # type: ignore[arg-type]
    assert (found.rule, found.level, found.hosts) == (rule, level, ("m1",))
    assert told in f"{found.what}: {found.why}"
    assert found.remedy.endswith(".")


@pytest.mark.parametrize("there", [True, False])
def test_a_system_of_no_known_family_will_do_where_the_commands_are(
    m1: HostFacts, w1: HostFacts, cluster: Expectations, there: bool
) -> None:
    other = replace(m1, os_id="arch", os_family="", commands=frozenset(COMMANDS) if there else WITHOUT_SOCAT)
    found = judge({"m1": other, "w1": w1}, cluster)
    levels = {each.rule: each.level for each in found}
    assert levels == ({} if there else {"operating-system": "warning", "commands": "error"})


@pytest.mark.parametrize(("any_architecture", "remedy"), [(True, "nodes.m1.architecture: arm64"), (False, "upstream")])
def test_a_machine_that_is_not_what_its_part_of_the_bundle_is_for(
    m1: HostFacts, w1: HostFacts, cluster: Expectations, any_architecture: bool, remedy: str
) -> None:
    hosts = {name: replace(host, architecture="amd64") for name, host in cluster.hosts.items()}
    wanted = replace(cluster, hosts=hosts, any_architecture=any_architecture)
    (found,) = judge({"m1": replace(m1, arch="arm64"), "w1": w1}, wanted)
    assert (found.rule, found.level, found.hosts) == ("architecture", "error", ("m1",))
    assert "arm64, its part of the bundle is for amd64" in found.why
    assert remedy in found.remedy


def test_machines_of_two_architectures_are_one_cluster_where_the_file_says_so(
    m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    hosts = {
        "m1": replace(cluster.hosts["m1"], architecture="amd64"),
        "w1": replace(cluster.hosts["w1"], architecture="arm64"),
    }
    assert judge({"m1": m1, "w1": replace(w1, arch="arm64")}, replace(cluster, hosts=hosts)) == ()


@pytest.mark.parametrize(
    ("changes", "bundle_has_none", "level"),
    [
        ({}, False, ""),
        ({"commands": frozenset({*COMMANDS, *RUNTIME, "apt-get"})}, True, ""),
        ({}, True, "info"),
        ({"os_id": "rocky", "os_family": "rhel", "commands": frozenset({*COMMANDS, "dnf"})}, True, "error"),
        ({"commands": frozenset(COMMANDS)}, True, "error"),
    ],
    ids=["from the bundle", "there", "apt installs it", "Rocky has none", "no installer"],
)
def test_where_containerd_comes_from(
    m1: HostFacts,
    w1: HostFacts,
    cluster: Expectations,
    changes: dict[str, object],
    bundle_has_none: bool,
    level: str,
) -> None:
    wanted = replace(cluster, system_runtime=bundle_has_none)
    full = replace(w1, commands=w1.commands | set(RUNTIME))
    found = judge({"m1": replace(m1, **changes), "w1": full}, wanted)  # type: ignore[arg-type]
    assert [(each.rule, each.level, each.hosts) for each in found] == ([("runtime", level, ("m1",))] if level else [])


def test_a_worker_needs_neither_two_cores_nor_the_control_planes_ports(
    m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    small = replace(w1, cores=1, listeners=(Listener("*", 6443, "nginx"),))
    assert judge({"m1": m1, "w1": small}, cluster) == ()


def test_the_cluster_itself_is_no_obstacle_to_itself(m1: HostFacts, w1: HostFacts, cluster: Expectations) -> None:
    member = replace(
        m1,
        owner="book",
        kubeadm_state="member",
        leftovers=("/etc/kubernetes/admin.conf", "/var/lib/etcd/member"),
        disks=(Disk("/", 900, 50_000),),
        earlier=Earlier(("etcd", "kubelet"), ("/etc/cni/net.d/10-kprov.conflist",), ("cni0",)),
        routes=(Route(IPv4Network("10.244.1.0/24"), "eth0"), Route(IPv4Network("10.96.0.0/16"), "eth0")),
        drivers={"kubelet": "systemd", "containerd": "systemd"},
        listeners=(
            Listener("*", 6443, "kube-apiserver"),
            Listener("127.0.0.1", 2379, "etcd"),
            Listener("127.0.0.1", 8443, "haproxy"),
            Listener("*", 10257, "kube-controller"),  # as the kernel cuts it off
        ),
    )
    assert judge({"m1": member, "w1": w1}, cluster) == ()


def test_a_stranger_on_a_members_port_is_found(m1: HostFacts, w1: HostFacts, cluster: Expectations) -> None:
    member = replace(m1, owner="book", kubeadm_state="member", listeners=(Listener("*", 6443, "nginx"),))
    (found,) = judge({"m1": member, "w1": w1}, cluster)
    assert found.rule == "ports-free"


def on_m1(cluster: Expectations, **change: object) -> Expectations:
    """The cluster with more asked of m1."""
    return replace(cluster, hosts={**cluster.hosts, "m1": replace(cluster.hosts["m1"], **change)})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ports", "listener", "told"),
    [
        (FLANNEL, Listener("0.0.0.0", 8472, "nginx", "udp"), "nginx listens on udp 0.0.0.0:8472, which flannel needs"),
        (FLANNEL, Listener("0.0.0.0", 8472, "", "udp"), "the kernel listens on udp 0.0.0.0:8472, which flannel needs"),
        (WEAVE, Listener("*", 6783, "nginx"), "nginx listens on *:6783, which weave needs"),
    ],
)
def test_a_port_of_the_network_that_somebody_holds_is_named_with_the_network(
    ports: dict[OpenPort, str], listener: Listener, told: str, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    taken = {"m1": replace(m1, listeners=(listener,)), "w1": replace(w1, listeners=(listener,))}
    (found,) = judge(taken, on_m1(cluster, ports=ports))
    assert (found.rule, found.level, found.hosts) == ("ports-free", "error", ("m1",))
    assert told in found.why


@pytest.mark.parametrize(
    ("ports", "listener"),
    [
        (FLANNEL, Listener("0.0.0.0", 8472, "nginx", "tcp")),
        (WEAVE, Listener("*", 6784, "nginx", "udp")),
    ],
)
def test_another_protocol_or_port_is_no_obstacle(
    ports: dict[OpenPort, str], listener: Listener, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    assert judge({"m1": replace(m1, listeners=(listener,)), "w1": w1}, on_m1(cluster, ports=ports)) == ()


@pytest.mark.parametrize("owner", ["book", ""])
def test_the_network_of_this_very_cluster_may_hold_its_ports(
    owner: str, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    own = (Listener("0.0.0.0", 8472, "", "udp"), Listener("*", 6783, "weaver"))
    found = judge({"m1": replace(m1, owner=owner, listeners=own), "w1": w1}, on_m1(cluster, ports=FLANNEL | WEAVE))
    assert [each.rule for each in found] == ([] if owner else ["ports-free", "ports-free"])


@pytest.mark.parametrize(
    ("needs", "features", "told", "cure"),
    [
        (CALICO, {"ip_set", "ipip"}, "vxlan: neither built in", "network.encapsulation: ipip or bgp."),
        (CALICO, {"vxlan", "ipip"}, "ip_set: neither built in", "another network.plugin."),
        (Needs("weave", ("ip_set", "dummy")), {"vxlan"}, "ip_set, dummy: neither", "another network.plugin."),
    ],
)
def test_what_the_kernel_lacks_is_named_with_who_needs_it_and_the_cure(
    needs: Needs,
    features: set[str],
    told: str,
    cure: str,
    m1: HostFacts,
    w1: HostFacts,
    cluster: Expectations,
) -> None:
    facts = {"m1": replace(m1, features=frozenset(features)), "w1": replace(w1, features=frozenset())}
    (found,) = judge(facts, on_m1(cluster, needs=(needs,)))
    assert (found.rule, found.level, found.hosts) == ("addon-features", "error", ("m1",))
    assert needs.addon in found.what
    assert told in found.why
    assert found.remedy.endswith(cure)


def test_in_containers_it_is_the_hosts_kernel(m1: HostFacts, w1: HostFacts, cluster: Expectations) -> None:
    asked = replace(on_m1(cluster, needs=(CALICO,)), shared_kernel=True)
    (found,) = judge({"m1": replace(m1, features=frozenset({"ip_set"})), "w1": w1}, asked)
    assert "the containers' host" in found.why


def test_what_an_add_on_does_without_is_told_and_stops_nothing(
    m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    asked = on_m1(cluster, needs=(Needs("weave", ("ip_set",), ("openvswitch",)),))
    assert judge({"m1": m1, "w1": w1}, asked) == ()
    (found,) = judge({"m1": replace(m1, features=frozenset({"ip_set"})), "w1": w1}, asked)
    assert (found.level, found.why) == ("info", "openvswitch")


def test_cgroup_v1_matters_from_1_35_on(m1: HostFacts, w1: HostFacts, cluster: Expectations) -> None:
    old = {"m1": replace(m1, cgroup=1), "w1": replace(w1, cgroup=1)}
    assert judge(old, cluster) == ()
    (found,) = judge(old, replace(cluster, minor=(1, 35)))
    assert (found.rule, found.hosts) == ("cgroup-version", ("m1", "w1"))


@pytest.mark.parametrize(
    ("field", "rule", "level"),
    [
        ("hostname", "hostname-unique", "warning"),
        ("machine_id", "machine-id-unique", "error"),
        ("product_uuid", "product-uuid-unique", "warning"),
    ],
)
def test_clones_are_named_together(
    field: str, rule: str, level: str, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    clone = replace(w1, **{field: getattr(m1, field)})
    found = {each.rule: each for each in judge({"m1": m1, "w1": clone}, cluster)}
    assert (found[rule].hosts, found[rule].level) == (("m1", "w1"), level)


def on(address: str, mac: str = "", mtu: int = 1500) -> tuple[Interface, ...]:
    """The one interface of a machine."""
    return (Interface("eth0", mac, mtu, (IPv4Interface(address),)),)


@pytest.mark.parametrize(
    ("fault", "rule", "hosts", "told"),
    [
        ({"interfaces": on("10.0.0.101/24", "mac-m1")}, "mac-unique", ("m1", "w1"), "mac-m1"),
        ({"addresses": ("10.0.0.101", "10.0.0.11")}, "address-unique", ("w1", "m1"), "w1 has 10.0.0.11"),
        ({"interfaces": on("10.0.0.101/25", "x")}, "one-segment", (), ""),
        ({"interfaces": on("10.0.0.101/26", "x")}, "one-segment", ("w1",), "m1 lie outside 10.0.0.64/26"),
    ],
)
def test_what_does_not_go_together_is_named(
    fault: dict[str, object],
    rule: str,
    hosts: tuple[str, ...],
    told: str,
    m1: HostFacts,
    w1: HostFacts,
    cluster: Expectations,
) -> None:
    found = judge({"m1": m1, "w1": replace(w1, **fault)}, replace(cluster, one_segment=True))  # type: ignore[arg-type]
    assert [(each.rule, each.hosts) for each in found] == ([(rule, hosts)] if hosts else [])
    assert all(told in each.why for each in found)


@pytest.mark.parametrize(
    ("state", "port", "outcome", "is_told"),
    [
        ("bound", "tcp/6443", "open", False),
        ("bound", "tcp/6443", "refused", True),
        ("bound", "tcp/6443", "silent", True),
        ("bound", "udp/4789", "silent", True),
        ("held", "tcp/6443", "refused", False),
        ("held", "udp/4789", "silent", False),
        ("own", "tcp/6443", "refused", False),
        ("own", "tcp/6443", "silent", True),
        ("own", "udp/4789", "silent", False),
        ("failed", "tcp/6443", "silent", False),
    ],
)
def test_only_what_tells_that_packets_are_stopped_is_told(
    state: str, port: str, outcome: str, is_told: bool, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    there = replace(m1, probe=Probe(ports={port: state}))
    here = replace(w1, probe=Probe(reached={"m1": {port: outcome}}))
    found = judge({"m1": there, "w1": here}, cluster)
    assert [(each.rule, each.hosts) for each in found] == ([("ports-reachable", ("m1",))] if is_told else [])
    assert all(port.replace("/", " ") in each.why and "from w1" in each.why for each in found)


def test_ports_that_the_same_machines_miss_are_told_together(
    m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    there = replace(m1, probe=Probe(ports={"tcp/6443": "bound", "tcp/10250": "bound"}))
    here = replace(w1, probe=Probe(reached={"m1": {"tcp/6443": "silent", "tcp/10250": "silent"}}))
    (found,) = judge({"m1": there, "w1": here}, cluster)
    assert found.why == "from w1: tcp 6443 (kube-apiserver), tcp 10250 (kubelet): no answer"
    assert found.remedy == "Let tcp 6443, tcp 10250 through to m1, there and on the way."


@pytest.mark.parametrize(("pods_mtu", "is_told"), [(None, True), (1400, True), (1350, False)])
def test_a_path_that_is_narrower_than_its_ends_is_told_unless_pods_send_less(
    pods_mtu: int | None, is_told: bool, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    facts = {
        "m1": replace(m1, probe=Probe(mtu={"w1": 1400}, own_mtu=1500)),
        "w1": replace(w1, probe=Probe(mtu={"m1": 1500}, own_mtu=1500)),
    }
    found = judge(facts, replace(cluster, pods_mtu=pods_mtu))
    assert [(each.rule, each.level, each.hosts) for each in found] == [("path-mtu", "warning", ("m1",))] * is_told
    assert all("of 1500 bytes, 1400 come through to and from w1" in each.why for each in found)


@pytest.mark.parametrize(("ahead_s", "level"), [(1.5, None), (5.0, "warning"), (120.0, "error")])
def test_clocks_that_differ_are_told_with_who_is_ahead(
    ahead_s: float, level: str | None, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    found = judge({"m1": m1, "w1": replace(w1, clock=Clock(ahead_s, 0.1))}, cluster)
    assert [each.level for each in found] == ([level] if level else [])
    assert all(each.why.startswith("w1 is") for each in found)


def test_a_clock_that_could_not_be_measured_closely_gives_no_alarm(
    m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    assert judge({"m1": m1, "w1": replace(w1, clock=Clock(3.0, 2.0))}, cluster) == ()


def test_containers_are_not_blamed_for_what_is_their_hosts(m1: HostFacts, w1: HostFacts, cluster: Expectations) -> None:
    facts = {
        "m1": replace(m1, swaps=("/dev/vda2",), product_uuid="host"),
        "w1": replace(w1, swaps=("/dev/vda2",), product_uuid="host", clock=Clock(99.0, 0.1)),
    }
    assert judge(facts, replace(cluster, shared_kernel=True)) == ()


def test_the_same_fault_on_two_machines_is_told_once_and_errors_come_first(
    m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    facts = {"m1": replace(m1, selinux_enforcing=True, init="sh"), "w1": replace(w1, selinux_enforcing=True)}
    assert [(each.rule, each.hosts) for each in judge(facts, cluster)] == [
        ("systemd", ("m1",)),
        ("selinux", ("m1", "w1")),
    ]


def test_a_machine_that_is_out_of_reach_does_not_hide_the_others_faults(w1: HostFacts, cluster: Expectations) -> None:
    facts = {"m1": Unreachable("m1", "login", "Authentication failed."), "w1": replace(w1, python=None)}
    assert [(each.rule, each.hosts) for each in judge(facts, cluster)] == [("reachable", ("m1",)), ("python", ("w1",))]


def test_every_rule_has_a_name_of_its_own() -> None:
    names = rule_names()
    assert len(set(names)) == len(names) > 20
    assert "swap-off" in names
