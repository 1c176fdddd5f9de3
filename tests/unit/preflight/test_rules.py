"""Each fault that can be put on a machine is named by its rule, and by no other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kprov.addons.model import OpenPort
from kprov.preflight import judge, rule_names
from kprov.preflight.expectations import Needs
from kprov.preflight.facts import Clock, Disk, Listener, Unreachable

if TYPE_CHECKING:
    from kprov.preflight.expectations import Expectations
    from kprov.preflight.facts import HostFacts


# Ports and kernel features of networks, as their add-ons state them.
FLANNEL = {OpenPort("udp", 8472, "kernel"): "flannel"}
WEAVE = {OpenPort("tcp", 6783, "weaver"): "weave", OpenPort("udp", 6783, "weaver"): "weave"}
MODES = {"vxlan": ("ip_set", "vxlan"), "ipip": ("ip_set", "ipip"), "bgp": ("ip_set",)}
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
    ],
)
def test_one_fault_on_one_machine_is_one_finding(
    fault: dict[str, object], rule: str, level: str, told: str, m1: HostFacts, w1: HostFacts, cluster: Expectations
) -> None:
    (found,) = judge({"m1": replace(m1, **fault), "w1": w1}, cluster)  # type: ignore[arg-type]
    assert (found.rule, found.level, found.hosts) == (rule, level, ("m1",))
    assert told in f"{found.what}: {found.why}"
    assert found.remedy.endswith(".")


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
