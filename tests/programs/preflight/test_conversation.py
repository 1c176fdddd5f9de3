"""The whole round: two SSH servers on this machine's loopback are asked, hold their ports and reach each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import paramiko
import pytest

from kprov.addons.model import OpenPort
from kprov.preflight import HostFacts, Unreachable, gather
from kprov.preflight.expectations import Expectations, ExpectedHost
from kprov.ssh.config import control_folder, render
from kprov.ssh.keys import ensure_key
from kprov.ssh.target import Target
from tests.unit.ssh.servers import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

API, KUBELET, VXLAN = (
    OpenPort("tcp", 26443, "kube-apiserver"),
    OpenPort("tcp", 20250, "kubelet"),
    OpenPort("udp", 28472, "kernel"),
)
LATER = OpenPort("tcp", 20251, "kubelet")
"""A port of its own for a test that may run beside the other one."""
ADDRESSES = {"m1": "127.0.0.1", "w1": "127.0.0.2"}
CLUSTER = Expectations(
    cluster="t-conversation",
    minor=(1, 34),
    plugin="flannel",
    shared_kernel=True,
    hosts={name: ExpectedHost(name, address, name == "m1", name == "m1", {}) for name, address in ADDRESSES.items()},
    reach={"m1": {"w1": (KUBELET, VXLAN)}, "w1": {"m1": (API, VXLAN)}},
)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[dict[str, Server]]:
    ensure_key(tmp_path / "id")
    made = {}
    for name in ADDRESSES:
        (tmp_path / name / ".ssh").mkdir(parents=True)
        (tmp_path / name / ".ssh" / "authorized_keys").write_text((tmp_path / "id.pub").read_text())
        made[name] = Server(tmp_path / name, paramiko.ECDSAKey.generate())
    yield made
    for one in made.values():
        one.close()


def ask(
    folder: Path, servers: dict[str, Server], cluster: Expectations = CLUSTER
) -> dict[str, HostFacts | Unreachable]:
    pins = [
        f"[127.0.0.1]:{one.port} {one.host_key.get_name()} {one.host_key.get_base64()}\n" for one in servers.values()
    ]
    (folder / "known_hosts").write_text("".join(pins))
    targets = [Target(name, "127.0.0.1", one.port) for name, one in servers.items()]
    config = folder / "config"
    config.write_text(
        render(targets, identity=folder / "id", known_hosts=folder / "known_hosts", control=control_folder())
    )
    return gather(list(servers), config, cluster=cluster, fsync=True)


def test_machines_hold_their_ports_and_reach_each_other(servers: dict[str, Server], tmp_path: Path) -> None:
    m1, w1 = ask(tmp_path, servers).values()
    assert isinstance(m1, HostFacts)
    assert isinstance(w1, HostFacts)
    assert m1.probe is not None
    assert w1.probe is not None
    assert m1.probe.ports == {"tcp/26443": "bound", "udp/28472": "bound"}
    assert m1.probe.reached == {"w1": {"tcp/20250": "open", "udp/28472": "open"}}
    assert w1.probe.reached == {"m1": {"tcp/26443": "open", "udp/28472": "open"}}
    assert m1.probe.fsync_ms is not None
    assert w1.probe.fsync_ms is None, "etcd will not lie there"
    assert not {port.port for port in (API, KUBELET, VXLAN)} & {each.port for each in (*m1.listeners, *w1.listeners)}, (
        "ports are held only when it is known what listens there"
    )


def test_a_machine_that_is_not_there_holds_nobody_up(servers: dict[str, Server], tmp_path: Path) -> None:
    servers["w1"].close()
    m1, w1 = ask(tmp_path, servers, replace(CLUSTER, reach={"m1": {"w1": (LATER,)}, "w1": {"m1": (LATER,)}})).values()
    assert isinstance(w1, Unreachable)
    assert isinstance(m1, HostFacts)
    assert m1.probe is not None
    assert m1.probe.reached == {}, "it is told once that w1 is out of reach, not for every port"
