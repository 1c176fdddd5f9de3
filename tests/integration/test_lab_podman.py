"""Labs of real node containers: needs root, podman and its helpers."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest

from kprov.errors import InputError
from kprov.events import silent
from kprov.lab import provider
from kprov.lab.host import LinuxHost
from kprov.lab.provider import LabRequest, MachineRequest
from kprov.ssh.keys import ensure_key

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab


def request(name: str, subnet: str, nodes: int, public_key: str, pods: str = "10.97.192.0/20") -> LabRequest:
    net = IPv4Network(subnet)
    machines = tuple(MachineRequest(f"n{i}", net[10 + i]) for i in range(1, nodes + 1))
    return LabRequest(name, net, machines, public_key, (IPv4Network(pods),), cpus=2, memory_mib=2048)


def podman(*arguments: str) -> str:
    done = subprocess.run(["podman", "--runtime", "runc", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def inside(lab: LabRequest, node: str, *command: str) -> str:
    return podman("exec", f"kprov-{lab.name}-{node}", *command)


def remains(lab: LabRequest) -> list[str]:
    """Everything on this host that belongs to the lab."""
    label = f"label=kprov.cluster={lab.name}"
    routes = json.loads(subprocess.run(["ip", "-json", "route"], capture_output=True, check=True).stdout)
    return [
        *podman("ps", "-aq", "--filter", label).split(),
        *podman("network", "ls", "-q", "--filter", label).split(),
        *(route["dst"] for route in routes if route["dst"] in (str(lab.subnet), str(lab.unreachable[0]))),
    ]


def volumes(lab: LabRequest) -> set[str]:
    names = podman("ps", "-aq", "--filter", f"label=kprov.cluster={lab.name}").split()
    return {mount["Name"] for one in json.loads(podman("inspect", *names)) for mount in one["Mounts"]}


def all_volumes() -> set[str]:
    return set(podman("volume", "ls", "-q").split())


@pytest.fixture(scope="module")
def key(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("ssh") / "id_ed25519"
    ensure_key(path)
    return path


@pytest.fixture(scope="module")
def lab(key):
    nodes, wanted = provider("podman"), request("t-lab-it", "10.97.3.0/24", 3, key.with_suffix(".pub").read_text())
    try:
        nodes.check(wanted)
    except InputError as error:
        pytest.skip(f"{error} {error.remedy}")
    try:
        nodes.up(wanted, silent)
        yield wanted
    finally:
        nodes.down(wanted.name, silent)


def ssh(lab: LabRequest, key: Path, node: int, command: str) -> str:
    options = ["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oBatchMode=yes", "-oLogLevel=ERROR"]
    argv = ["ssh", "-i", str(key), *options, f"root@{lab.machines[node].address}", command]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_every_node_is_a_booted_machine_that_root_can_log_in_to(lab, key):
    for i, machine in enumerate(lab.machines):
        assert ssh(lab, key, i, "hostname; systemctl is-system-running --wait").split() == [machine.name, "running"]


def test_nodes_share_no_identity(lab):
    status = provider("podman").status(lab)
    assert len({machine.host_keys for machine in status}) == 3
    assert all(machine.host_keys[0].startswith("ssh-ed25519 AAAA") for machine in status)
    assert len({inside(lab, machine.name, "cat", "/etc/machine-id") for machine in lab.machines}) == 3


def test_the_host_keys_told_are_those_that_the_network_shows(lab):
    for machine in provider("podman").status(lab):
        scanned = subprocess.run(
            ["ssh-keyscan", "-t", "ed25519", str(machine.address)], capture_output=True, text=True, check=True
        ).stdout.split()
        assert f"{scanned[1]} {scanned[2]}" == machine.host_keys[0]


def test_nodes_reach_each_other_and_nothing_else(lab):
    assert inside(lab, "n1", "ping", "-c1", "-W2", str(lab.machines[2].address))
    routes = inside(lab, "n1", "ip", "route")
    assert "default" not in routes
    assert "unreachable 169.254.169.254" in routes


def test_a_node_leaves_the_host_s_kernel_alone(lab):
    assert inside(lab, "n1", "sh", "-c", "ls /usr/lib/sysctl.d 2>/dev/null | wc -l") == "0"
    masked = inside(lab, "n1", "systemctl", "list-unit-files", "--state=masked", "--no-legend")
    assert "systemd-binfmt.service" in masked


def test_services_wait_for_the_roles(lab):
    for service in ("containerd", "haproxy", "keepalived"):
        assert inside(lab, "n1", "sh", "-c", f"systemctl is-enabled {service} || true") == "disabled"


def test_files_that_a_role_replaces_are_no_mounts(lab):
    assert (
        inside(lab, "n1", "sh", "-c", "for f in hosts resolv.conf; do mv /etc/$f /etc/x && mv /etc/x /etc/$f; done")
        == ""
    )


def test_an_up_with_nothing_to_do_does_nothing(lab):
    assert provider("podman").up(lab, silent) == 0


def test_a_killed_node_comes_back_as_it_was(lab, key):
    command = "echo kept > /var/lib/kept; systemctl enable --now containerd 2>&1; cat /etc/machine-id"
    before = ssh(lab, key, 0, command).splitlines()[-1]
    host_keys = provider("podman").status(lab)[0].host_keys
    podman("kill", f"kprov-{lab.name}-n1")
    podman("stop", "-t", "9", f"kprov-{lab.name}-n2")
    assert [machine.state for machine in provider("podman").status(lab)] == ["stopped", "stopped", "running"]
    assert provider("podman").up(lab, silent) == 2
    after = ssh(
        lab,
        key,
        0,
        "systemctl is-system-running --wait; systemctl is-active containerd; cat /var/lib/kept /etc/machine-id",
    )
    assert after.split() == ["running", "active", "kept", before]
    assert provider("podman").status(lab)[0].host_keys == host_keys
    assert "unreachable 169.254.169.254" in inside(lab, "n1", "ip", "route")


def test_a_route_lost_in_a_reboot_comes_back(lab):
    LinuxHost().unrefuse(lab.unreachable[0])
    provider("podman").up(lab, silent)
    assert lab.unreachable[0] in LinuxHost().unreachable()


def test_a_subnet_in_use_is_refused_before_anything_is_made(lab):
    other = request("t-lab-it2", "10.97.3.128/25", 1, lab.public_key)
    with pytest.raises(InputError, match="in use on this host"):
        provider("podman").up(other, silent)
    assert podman("ps", "-aq", "--filter", "label=kprov.cluster=t-lab-it2") == ""
    assert podman("network", "ls", "-q", "--filter", "label=kprov.cluster=t-lab-it2") == ""


def test_an_existing_lab_with_another_subnet_is_refused(lab):
    with pytest.raises(InputError) as caught:
        provider("podman").up(request(lab.name, "10.97.4.0/24", 3, lab.public_key), silent)
    assert "kprov lab down" in caught.value.remedy
    assert {machine.state for machine in provider("podman").status(lab)} == {"running"}


def test_a_driver_killed_at_any_moment_leaves_nothing_to_clean_by_hand(key):
    wanted = request("t-lab-kill", "10.97.5.0/24", 3, key.with_suffix(".pub").read_text(), pods="10.97.208.0/20")
    nodes = provider("podman")
    try:
        nodes.check(wanted)
    except InputError as error:
        pytest.skip(f"{error} {error.remedy}")
    driver = (
        "from ipaddress import *; from kprov.events import silent; from kprov.lab import provider;"
        "from kprov.lab.provider import *;"
        f"provider('podman').up(LabRequest({wanted.name!r}, IPv4Network({str(wanted.subnet)!r}),"
        f" {wanted.machines!r}, {wanted.public_key!r}, {wanted.unreachable!r}, 2, 2048), silent)"
    )
    moments = random.Random(7)  # the same moments in every run
    try:
        for how in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM):
            running = subprocess.Popen([sys.executable, "-c", driver], stderr=subprocess.DEVNULL)
            time.sleep(moments.uniform(0.4, 3))
            os.kill(running.pid, how)
            running.wait()
            nodes.up(wanted, silent)
            assert [machine.state for machine in nodes.status(wanted)] == ["running"] * 3
            made = volumes(wanted)
            assert made
            nodes.down(wanted.name, silent)
            assert remains(wanted) == []
            assert made.isdisjoint(all_volumes())
    finally:
        nodes.down(wanted.name, silent)
