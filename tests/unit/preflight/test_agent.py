"""What runs on machines, against this machine's own loopback."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kprov.preflight import agent
from kprov.preflight.gather import agent_command, plans

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.preflight.expectations import Expectations

HERE = "127.0.0.1"


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])


def test_held_ports_answer_and_others_are_refused() -> None:
    tcp, udp, shut = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
    sockets, states = agent.hold(HERE, [("tcp", tcp), ("udp", udp)])
    assert set(states.values()) == {"bound"}
    assert agent.hold(HERE, [("tcp", tcp)]) == ([], {f"tcp/{tcp}": "held"})
    assert agent.hold("192.0.2.1", [("tcp", tcp)])[1] == {f"tcp/{tcp}": "failed"}, "not an address of this machine"
    threading.Thread(target=agent.serve, args=(sockets,), daemon=True).start()
    wanted = [("m1", HERE, "tcp", tcp), ("m1", HERE, "udp", udp), ("m2", HERE, "tcp", shut), ("m2", HERE, "udp", shut)]
    found = agent.reach(HERE, wanted)
    assert found["m1"] == {f"tcp/{tcp}": "open", f"udp/{udp}": "open"}
    assert found["m2"] == {f"tcp/{shut}": "refused", f"udp/{shut}": "refused"}


@pytest.mark.parametrize(
    ("text", "ours"),
    [('{"cluster": "book", "state": "member"}', True), ('{"cluster": "old"}', False), ("[]", False), ("", False)],
)
def test_whose_ports_are_left_alone(text: str, ours: bool, tmp_path: Path) -> None:
    (tmp_path / "marker").write_text(text)
    assert agent.belongs("book", str(tmp_path / "marker")) is ours
    assert agent.belongs("book", str(tmp_path / "none")) is False


@pytest.mark.parametrize("size", [64, 1500, 1501])
def test_an_echo_request_has_its_size_and_a_right_checksum(size: int) -> None:
    packet = agent.echo_request(7, size)
    assert len(packet) == size - 20, "the system adds the IP header"
    total = sum(struct.unpack(f"!{len(packet) // 2}H", packet[: len(packet) // 2 * 2]))
    while total >> 16:
        total = (total >> 16) + (total & 0xFFFF)
    assert total == 0xFFFF


def test_the_disk_is_measured_where_etcd_will_lie_and_nothing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "WRITES", 3)
    assert agent.fsync_ms(str(tmp_path / "not" / "there" / "yet")) >= 0
    assert list(tmp_path.iterdir()) == []


def test_every_machine_holds_what_the_others_need(cluster: Expectations) -> None:
    api = next(port for port in cluster.hosts["m1"].ports if port.port == 6443)
    found = plans(replace(cluster, reach={"w1": {"m1": (api,)}, "m1": {"w1": ()}}), fsync=True)
    assert found["m1"] == {
        "cluster": "book",
        "address": "10.0.0.11",
        "listen": [("tcp", 6443)],
        "reach": {"w1": ("10.0.0.101", [])},
        "fsync": "/var/lib/etcd",
    }
    assert (found["w1"]["listen"], found["w1"]["fsync"]) == ([], None)
    assert "sudo -n python3" in agent_command()
