from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from ipaddress import IPv4Address, IPv4Network

import pytest

from kprov.errors import CheckFailed, InputError
from kprov.lab.host import LinuxHost, parse_taken
from kprov.lab.process import Completed, run


def test_networks_in_use_leave_out_default_routes_and_kprov_s_own():
    routes = [
        {"dst": "default", "dev": "eth0"},
        {"dst": "10.8.0.0/16", "dev": "tun0"},
        {"type": "unreachable", "dst": "10.244.0.0/16", "protocol": "107"},
        {"type": "blackhole", "dst": "10.0.0.0/8", "protocol": "boot"},
    ]
    addresses = [{"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]}]
    taken = parse_taken(json.dumps(addresses), json.dumps(routes))
    assert [(one.network, one.interface) for one in taken] == [
        (IPv4Network("127.0.0.0/8"), "lo"),
        (IPv4Network("10.8.0.0/16"), "tun0"),
    ]


def test_kernel_parameters_are_noted_once_and_forgotten(tmp_path):
    host = LinuxHost(remembered=tmp_path / "notes")
    host.remember(["kernel.pid_max", "kernel.there-is-no-such-thing"])
    value = host.parameter("kernel.pid_max")
    (tmp_path / "notes" / "kernel.pid_max").write_text("7\n")
    host.remember(["kernel.pid_max"])
    assert value is not None
    assert host.recall() == {"kernel.pid_max": 7}
    host.forget()
    assert host.recall() == {}
    assert list(tmp_path.iterdir()) == []


def test_a_container_gets_no_higher_limits_than_the_host_has():
    for ulimit in LinuxHost().ulimits():
        name, _, values = ulimit.partition("=")
        soft, hard = map(int, values.split(":"))
        assert name in ("nofile", "nproc")
        assert 0 < soft == hard <= 1_048_576


@pytest.mark.parametrize(("greeting", "answers"), [(b"SSH-2.0-OpenSSH_9.2\r\n", True), (b"220 mail\r\n", False)])
def test_only_an_ssh_server_counts_as_an_answer(greeting, answers, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        monkeypatch.setattr("kprov.lab.host.SSH_PORT", server.getsockname()[1])
        assert LinuxHost().ssh_answers(IPv4Address("127.0.0.1"), 5) is answers
        thread.join()


def test_nobody_there_is_no_answer(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr("kprov.lab.host.SSH_PORT", server.getsockname()[1])
    assert not LinuxHost().ssh_answers(IPv4Address("127.0.0.1"), 1)


def test_the_bridge_left_by_a_killed_engine_is_removed_with_its_ports():
    asked = []

    def ip(argv, *, stdin=b"", timeout_s=0.0) -> Completed:
        asked.append(" ".join(argv[3:]))
        return Completed(0, '[{"ifname": "veth7"}]' if "show" in argv else "", "")

    LinuxHost(ip).remove_bridge("no-such-bridge")
    assert asked == []
    LinuxHost(ip).remove_bridge("lo")
    assert asked == ["link show master lo", "link del veth7", "link del lo"]


def test_a_command_that_fails_is_an_answer():
    done = run([sys.executable, "-c", "import sys; sys.stderr.write(sys.stdin.read()); sys.exit(3)"], stdin=b"why")
    assert (done.code, done.err, done.why) == (3, "why", "why")


def test_an_interrupted_kprov_lets_a_command_end(tmp_path):
    script = (
        "import sys; from kprov.lab.process import run;"
        "run(['sh', '-c', 'echo begun >begun; sleep 1.5; echo whole >whole; seq 100000'])"
    )
    interrupted = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "begun").exists():
        time.sleep(0.01)
    time.sleep(0.7)  # kprov itself may still be on its way out of starting it
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.communicate()[1].endswith("KeyboardInterrupt\n")
    assert (tmp_path / "whole").read_text() == "whole\n"


def test_a_command_that_does_not_exist_or_never_ends():
    with pytest.raises(InputError, match="there is no command kprov-no-such"):
        run(["kprov-no-such"])
    with pytest.raises(CheckFailed, match="did not end"):
        run([sys.executable, "-c", "import time; time.sleep(9)"], timeout_s=0.05)
