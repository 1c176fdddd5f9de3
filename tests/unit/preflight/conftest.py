from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network

import pytest

from kprov.addons.model import OpenPort
from kprov.preflight.expectations import Expectations, ExpectedHost
from kprov.preflight.facts import Clock, Disk, HostFacts, Interface, Listener, Names, Route
from kprov.preflight.questions import COMMANDS


def listening(*ports: tuple[int, str]) -> dict[OpenPort, str]:
    return {OpenPort("tcp", port, process): process for port, process in ports}


WORKER_PORTS = listening((8443, "haproxy"), (10250, "kubelet"))
CONTROL_PLANE_PORTS = WORKER_PORTS | listening(
    (2379, "etcd"),
    (2380, "etcd"),
    (6443, "kube-apiserver"),
    (10257, "kube-controller-manager"),
    (10259, "kube-scheduler"),
)


@pytest.fixture
def cluster() -> Expectations:
    return Expectations(
        cluster="book",
        minor=(1, 34),
        plugin="bridge",
        shared_kernel=False,
        hosts={
            "m1": ExpectedHost("m1", "10.0.0.11", True, True, CONTROL_PLANE_PORTS),
            "w1": ExpectedHost("w1", "10.0.0.101", False, False, WORKER_PORTS),
        },
    )


def machine(name: str, address: str) -> HostFacts:
    """A machine on which nothing is to be found."""
    return HostFacts(
        host=name,
        clock=Clock(0.0, 0.01),
        root=True,
        python=(3, 11, 2),
        init="systemd",
        os_id="debian",
        os_version="12",
        kernel="6.1.0",
        arch="amd64",
        memory_mib=1960,
        cores=2,
        swaps=(),
        disks=(Disk("/", 9000, 500_000), Disk("/tmp", 900, 90_000)),
        listeners=(Listener("0.0.0.0", 22, "sshd"),),
        hostname=name,
        machine_id=f"id-{name}",
        product_uuid=f"uuid-{name}",
        addresses=("127.0.0.1", address),
        commands=frozenset({*COMMANDS, "apt-get"}),
        leftovers=(),
        owner="",
        kubeadm_state="",
        bridge_filter=True,
        overlay=True,
        features=frozenset({"vxlan", "ipip", "ip_set", "dummy", "openvswitch"}),
        cgroup=2,
        selinux_enforcing=False,
        interfaces=(Interface("eth0", f"mac-{name}", 1500, (IPv4Interface(f"{address}/24"),)),),
        routes=(Route(IPv4Network("10.0.0.0/24"), "eth0"),),
        names=Names(own=(address,), servers=("10.0.0.1",)),
    )


@pytest.fixture
def m1() -> HostFacts:
    return machine("m1", "10.0.0.11")


@pytest.fixture
def w1() -> HostFacts:
    return machine("w1", "10.0.0.101")
