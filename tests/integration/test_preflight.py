"""Preflight on real machines: nothing is found where all is well, and every fault that is put there is named."""

from __future__ import annotations

import subprocess
import time
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

import pytest

from kprov.errors import InputError
from kprov.events import silent
from kprov.lab import provider
from kprov.lab.provider import LabRequest, MachineRequest
from kprov.preflight import Unreachable, expect, gather, judge
from kprov.spec.model import ClusterSpec
from kprov.ssh import known_hosts
from kprov.ssh.config import control_folder, render
from kprov.ssh.keys import ensure_key
from kprov.ssh.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kprov.preflight import Finding

pytestmark = pytest.mark.lab

SUBNET = IPv4Network("10.95.200.0/24")
ADDRESSES = {"m1": SUBNET[11], "m2": SUBNET[12], "m3": SUBNET[13], "w1": SUBNET[101]}
SPEC = ClusterSpec.model_validate(
    {
        "cluster": "t-preflight",
        "nodes": {
            name: {"address": address, "roles": ["worker"] if name == "w1" else ["control-plane", "etcd"]}
            for name, address in ADDRESSES.items()
        },
        "network": {"plugin": "bridge"},
    }
)
HOLD_PORT = "systemd-run -q --unit=hold python3 -m http.server --bind 127.0.0.1"


def podman(*arguments: str) -> str:
    done = subprocess.run(["podman", "--runtime", "runc", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Lab:
    """A lab with its SSH configuration; ``on`` runs a command on a node, past SSH."""

    def __init__(self, ssh_config: Path) -> None:
        self.ssh_config = ssh_config

    def on(self, node: str, command: str) -> str:
        return podman("exec", f"kprov-{SPEC.cluster}-{node}", "sh", "-c", command)

    def findings(self) -> tuple[Finding, ...]:
        return judge(gather(list(SPEC.nodes), self.ssh_config), expect(SPEC, shared_kernel=True))

    def found(self) -> dict[tuple[str, str], str]:
        """What is said, by rule and host."""
        return {(each.rule, host): f"{each.what}: {each.why}" for each in self.findings() for host in each.hosts}


def write_config(folder: Path, key: Path) -> Path:
    """The OpenSSH configuration as trust writes it, in a folder whose name has a space."""
    targets = [Target(name, str(address)) for name, address in ADDRESSES.items()]
    config = folder / "config"
    config.write_text(render(targets, identity=key, known_hosts=folder / "known_hosts", control=control_folder()))
    return config


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("the lab's keys")
    public_key = ensure_key(folder / "id")
    machines = tuple(MachineRequest(name, IPv4Address(address)) for name, address in ADDRESSES.items())
    request = LabRequest(
        SPEC.cluster, SUBNET, machines, public_key, (IPv4Network("10.95.192.0/22"),), cpus=2, memory_mib=2048
    )
    nodes = provider("podman")
    try:
        nodes.check(request)
    except InputError as error:
        pytest.skip(f"{error} {error.remedy}")
    try:
        nodes.up(request, silent)
        keys = {(str(machine.address), 22): machine.host_keys for machine in nodes.status(request)}
        known_hosts.pin(folder / "known_hosts", keys)
        yield Lab(write_config(folder, folder / "id"))
    finally:
        nodes.down(request.name, silent)


def test_a_clean_lab_gives_no_finding_and_one_answer_in_seconds(lab: Lab) -> None:
    started = time.monotonic()
    assert lab.findings() == ()
    assert time.monotonic() - started < 10, "four machines, one connection and one command each, all at once"


@pytest.mark.parametrize(
    ("node", "rule", "break_it", "mend_it", "told"),
    [
        ("m1", "ports-free", f"{HOLD_PORT} 6443", "systemctl stop hold", "python3 listens on 127.0.0.1:6443"),
        ("w1", "ports-free", f"{HOLD_PORT} 10250", "systemctl stop hold", "which kubelet needs"),
        ("m2", "ports-free", f"{HOLD_PORT} 8443", "systemctl stop hold", "which haproxy needs"),
        ("w1", "python", "mv /usr/bin/python3 /usr/bin/hidden", "mv /usr/bin/hidden /usr/bin/python3", "no python3"),
        ("m3", "commands", "mv /usr/bin/socat /usr/bin/hidden", "mv /usr/bin/hidden /usr/bin/socat", "socat"),
        ("m3", "disk-space", "mount -t tmpfs -o size=9m tmpfs /var/lib", "umount /var/lib", "/var/lib has 9 MiB free"),
        ("w1", "disk-space", "mount -t tmpfs -o nr_inodes=9 tmpfs /usr/local", "umount /usr/local", "inodes"),
        ("m1", "leftovers", "mkdir -p /etc/kubernetes; touch /etc/kubernetes/admin.conf", "rm -r /etc/kubernetes",
         "/etc/kubernetes/admin.conf"),
        ("m2", "leftovers", "mkdir -p /var/lib/etcd/member", "rm -r /var/lib/etcd", "/var/lib/etcd/member"),
        ("w1", "leftovers", "mkdir /etc/kprov; echo '{\"cluster\": \"other\"}' >/etc/kprov/node.json",
         "rm -r /etc/kprov", "to other"),
        ("m1", "hostname-valid", "echo Some_PC >/proc/sys/kernel/hostname", "hostname m1", "no valid name"),
        ("w1", "operating-system", "mv /etc/os-release /hidden", "mv /hidden /etc/os-release", "names none"),
    ],
)  # fmt: skip
def test_a_fault_on_one_machine_is_named_there_and_nowhere_else(
    lab: Lab, node: str, rule: str, break_it: str, mend_it: str, told: str
) -> None:
    lab.on(node, break_it)
    try:
        found = lab.found()
    finally:
        lab.on(node, mend_it)
    assert set(found) == {(rule, node)}
    assert told in found[rule, node]
    assert lab.findings() == (), "mended again"


def test_an_address_that_the_machine_does_not_have_is_named(lab: Lab) -> None:
    other = SPEC.model_copy(
        update={"nodes": {**SPEC.nodes, "m3": SPEC.nodes["m3"].model_copy(update={"address": SUBNET[77]})}}
    )
    (found,) = judge(gather(list(SPEC.nodes), lab.ssh_config), expect(other, shared_kernel=True))
    assert (found.rule, found.hosts) == ("address-present", ("m3",))
    assert "10.95.200.77 is none of 10.95.200.13" in found.why


def test_clones_are_named_together(lab: Lab) -> None:
    own = lab.on("w1", "cat /etc/machine-id")
    lab.on("w1", f"echo {lab.on('m1', 'cat /etc/machine-id')} >/etc/machine-id; hostname m1")
    try:
        found = lab.found()
    finally:
        lab.on("w1", f"echo {own} >/etc/machine-id; hostname w1")
    assert {rule for rule, _ in found} == {"machine-id-unique", "hostname-unique", "hostname-valid"}
    assert {host for rule, host in found if rule == "machine-id-unique"} == {"m1", "w1"}


def test_machines_that_cannot_be_reached_are_told_apart_and_hide_nobody(lab: Lab) -> None:
    lab.on("m1", "systemctl stop ssh.socket ssh 2>/dev/null; pkill sshd; true")
    lab.on("m2", "mv /root/.ssh /root/.hidden")
    key = "/etc/ssh/ssh_host_ed25519_key"
    lab.on("m3", f"mv {key} /root/key; ssh-keygen -q -t ed25519 -N '' -f {key}; systemctl restart ssh")
    lab.on("w1", "mv /usr/bin/socat /usr/bin/hidden")
    try:
        facts = gather(list(SPEC.nodes), lab.ssh_config)
        found = judge(facts, expect(SPEC, shared_kernel=True))
    finally:
        lab.on("m1", "systemctl start ssh")
        lab.on("m2", "mv /root/.hidden /root/.ssh")
        lab.on("m3", f"mv /root/key {key}; systemctl restart ssh")
        lab.on("w1", "mv /usr/bin/hidden /usr/bin/socat")
    kinds = {name: each.kind for name, each in facts.items() if isinstance(each, Unreachable)}
    assert kinds == {"m1": "network", "m2": "login", "m3": "host-key"}
    assert {(each.rule, each.hosts) for each in found if each.rule != "reachable"} == {("commands", ("w1",))}
