"""Preflight on real machines: nothing is found where all is well, and every fault that is put there is named."""

from __future__ import annotations

import json
import shutil
import subprocess
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

import pytest

from kprov.addons.chosen import chosen
from kprov.errors import InputError
from kprov.events import silent
from kprov.lab import provider
from kprov.lab.provider import LabRequest, MachineRequest
from kprov.preflight import HostFacts, Unreachable, expect, gather, judge
from kprov.release.catalog import resolve
from kprov.spec.load import load
from kprov.ssh import known_hosts
from kprov.ssh.config import control_folder, render
from kprov.ssh.keys import ensure_key
from kprov.ssh.target import Target
from tests.e2e.made import KPROV

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from kprov.preflight import Expectations, Finding

pytestmark = pytest.mark.lab

SUBNET = IPv4Network("10.105.201.0/24")
ADDRESSES = {"m1": SUBNET[11], "m2": SUBNET[12], "m3": SUBNET[13], "w1": SUBNET[101]}
NAME = "t-preflight"
CLUSTER = f"""\
cluster: {NAME}
kubernetes: {{version: 1.20.2}}
network: {{plugin: flannel}}
bundle: {{source: packages}}
lab: {{provider: podman, subnet: {SUBNET}}}
nodes:
  m[1:3]: {{address: "10.105.201.[11:13]", roles: [control-plane, etcd]}}
  w1: {{address: 10.105.201.101, roles: [worker]}}
"""
DROP = "iptables -{} INPUT -p {} --dport {} -j DROP"
PROXY = "http_proxy=http://me:secret@10.9.9.9:3128"


def podman(*arguments: str) -> str:
    done = subprocess.run(["podman", "--runtime", "runc", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Lab:
    """A lab with its SSH configuration; ``on`` runs a command on a node, past SSH."""

    def __init__(self, home: Path, ssh_config: Path) -> None:
        self.home, self.ssh_config = home, ssh_config
        spec = load(home / "cluster.yaml").spec
        addons = chosen(spec, resolve(spec, file="cluster.yaml"), file="cluster.yaml")
        self.cluster = expect(spec, addons, shared_kernel=True)

    def on(self, node: str, command: str) -> str:
        return podman("exec", f"kprov-{NAME}-{node}", "sh", "-c", command)

    def facts(self, cluster: Expectations | None = None, *, fsync: bool = False) -> dict[str, HostFacts | Unreachable]:
        return gather(list(ADDRESSES), self.ssh_config, cluster=cluster or self.cluster, fsync=fsync)

    def findings(self, cluster: Expectations | None = None) -> tuple[Finding, ...]:
        return judge(self.facts(cluster), cluster or self.cluster)

    def found(self) -> dict[tuple[str, str], str]:
        """What is said, by rule and host."""
        return {(each.rule, host): f"{each.what}: {each.why}" for each in self.findings() for host in each.hosts}

    def kprov(self, *words: str, code: int = 0) -> str:
        argv = [KPROV, "preflight", *words]
        done = subprocess.run(argv, cwd=self.home, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


def write_config(folder: Path, key: Path, pins: Path, user: str = "root") -> Path:
    """The OpenSSH configuration as trust writes it."""
    targets = [Target(name, str(address), 22, user) for name, address in ADDRESSES.items()]
    config = folder / "config"
    config.write_text(render(targets, identity=key, known_hosts=pins, control=control_folder()))
    return config


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lab")
    (home / "cluster.yaml").write_text(CLUSTER)
    ssh, spaced = home / "artifacts" / "ssh", tmp_path_factory.mktemp("the lab's keys")
    public_key = ensure_key(ssh / "id_ed25519")
    machines = tuple(MachineRequest(name, IPv4Address(address)) for name, address in ADDRESSES.items())
    request = LabRequest(NAME, SUBNET, machines, public_key, (IPv4Network("10.105.192.0/22"),), cpus=2, memory_mib=2048)
    nodes = provider("podman")
    try:
        nodes.check(request)
    except InputError as error:
        pytest.skip(f"{error} {error.remedy}")
    try:
        nodes.up(request, silent)
        keys = {(str(machine.address), 22): machine.host_keys for machine in nodes.status(request)}
        known_hosts.pin(ssh / "known_hosts", keys)
        for file in ("id_ed25519", "known_hosts"):
            shutil.copy(ssh / file, spaced / file)
        write_config(ssh, ssh / "id_ed25519", ssh / "known_hosts")
        yield Lab(home, write_config(spaced, spaced / "id_ed25519", spaced / "known_hosts"))
    finally:
        nodes.down(request.name, silent)


def test_a_clean_lab_gives_no_finding_and_nothing_stays_there(lab: Lab) -> None:
    facts = lab.facts(fsync=True)
    probes = {name: each.probe for name, each in facts.items() if isinstance(each, HostFacts)}
    assert {outcome for probe in probes.values() for ports in probe.reached.values() for outcome in ports.values()} == {
        "open"
    }
    assert probes["w1"].reached["m1"] == {"tcp/6443": "open", "udp/8472": "open"}
    assert set(probes["m1"].reached["m2"]) == {"tcp/6443", "tcp/2379", "tcp/2380", "tcp/10250", "udp/8472"}
    assert probes["w1"].mtu == dict.fromkeys(("m1", "m2", "m3"), 1500)
    assert [name for name, probe in probes.items() if probe.fsync_ms] == ["m1", "m2", "m3"]
    assert lab.findings() == ()
    for node in ADDRESSES:
        assert "python3" not in lab.on(node, "cat /proc/[0-9]*/comm")


HOLD = "systemd-run -q --unit=hold{0} python3 -m http.server --bind 127.0.0.1 {0}"
RELEASE = "systemctl stop hold{0}"
ONE_CORE = "/etc/systemd/system/ssh.service.d/one.conf"
RESTART = "systemctl daemon-reload; systemctl restart ssh"
LESS = "sed 's/^MemTotal.*/MemTotal: 900000 kB/' /proc/meminfo >/tmp/less; mount --bind /tmp/less /proc/meminfo"
OTHERS = 'mkdir /etc/kprov; echo \'{"cluster": "other"}\' >/etc/kprov/node.json'
FAKE_KUBELET = "cp /bin/sleep /usr/local/bin/kubelet; systemd-run -q --unit=fake /usr/local/bin/kubelet 600"
NO_PROXY = "echo 'NO_PROXY=10.105.201.0/24' >>/etc/environment"
REJECT = DROP.replace("DROP", "REJECT --reject-with tcp-reset")


class Fault(NamedTuple):
    """What is done to a node and undone again, and the rule that names it with these words."""

    node: str
    rule: str
    break_it: str
    mend_it: str
    told: str


STATES = [
    Fault("m1", "leftovers", "mkdir -p /etc/kubernetes; touch /etc/kubernetes/admin.conf", "rm -r /etc/kubernetes",
          "/etc/kubernetes/admin.conf"),
    Fault("m2", "leftovers", "mkdir -p /var/lib/etcd/member", "rm -r /var/lib/etcd", "/var/lib/etcd/member"),
    Fault("w1", "leftovers", OTHERS, "rm -r /etc/kprov", "to other"),
    Fault("m3", "pod-networks", "ip link add cni0 type bridge", "ip link delete cni0", "cni0"),
    Fault("m1", "pod-networks", "mkdir -p /etc/cni/net.d; touch /etc/cni/net.d/10-weave.conflist",
          "rm -r /etc/cni/net.d", "10-weave.conflist"),
    Fault("m2", "own-name", "cp /etc/hosts /root/hosts; echo 10.9.9.9 m2 >>/etc/hosts",
          "cat /root/hosts >/etc/hosts", "'m2' is 10.9.9.9"),
    Fault("m3", "resolv-conf", "cp /etc/resolv.conf /root/resolv; echo nameserver 127.0.0.1 >/etc/resolv.conf",
          "cat /root/resolv >/etc/resolv.conf", "names 127.0.0.1"),
    Fault("w1", "proxies", f"echo '{PROXY}' >/etc/environment; {NO_PROXY}", "rm /etc/environment",
          "leaves out 10.96.0.0/16, 10.244.0.0/16, .svc, .cluster.local"),
    Fault("w1", "settings-kept", "echo net.ipv4.ip_forward=0 >/etc/sysctl.d/zz.conf", "rm /etc/sysctl.d/zz.conf",
          "zz.conf:net.ipv4.ip_forward=0"),
    Fault("w1", "firewall", "iptables -P FORWARD DROP", "iptables -P FORWARD ACCEPT", "FORWARD"),
]  # fmt: skip
PROCESSES = [
    Fault("m1", "ports-free", HOLD.format(6443), RELEASE.format(6443), "python3 listens on 127.0.0.1:6443"),
    Fault("m2", "ports-free", HOLD.format(8443), RELEASE.format(8443), "which haproxy needs"),
    Fault("w1", "ports-free", HOLD.format(10250), RELEASE.format(10250), "which kubelet needs"),
    Fault("w1", "running-cluster", FAKE_KUBELET, "systemctl stop fake; rm /usr/local/bin/kubelet", "kubelet"),
    Fault("m3", "commands", "mv /usr/bin/socat /usr/bin/hidden", "mv /usr/bin/hidden /usr/bin/socat", "socat"),
    Fault("m1", "hostname-valid", "echo Some_PC >/proc/sys/kernel/hostname", "hostname m1", "no valid name"),
    Fault("w1", "operating-system", "mv /etc/os-release /hidden", "mv /hidden /etc/os-release", "names none"),
    Fault("m3", "resolv-conf", "cp /etc/resolv.conf /root/resolv; echo >/etc/resolv.conf",
          "cat /root/resolv >/etc/resolv.conf", "names none"),
]  # fmt: skip
RESOURCES = [
    Fault("w1", "python", "mv /usr/bin/python3 /usr/bin/hidden", "mv /usr/bin/hidden /usr/bin/python3", "no python3"),
    Fault("m3", "disk-space", "mount -t tmpfs -o size=9m tmpfs /var/lib", "umount /var/lib", "/var/lib has 9 MiB free"),
    Fault("w1", "disk-space", "mount -t tmpfs -o nr_inodes=9 tmpfs /usr/local", "umount /usr/local", "inodes"),
    Fault("w1", "memory", LESS, "umount /proc/meminfo", "878 MiB"),
    Fault("m2", "cores", f"mkdir {ONE_CORE[:-9]}; printf '[Service]\nCPUAffinity=0\n' >{ONE_CORE}; {RESTART}",
          f"rm -r {ONE_CORE[:-9]}; {RESTART}", "processors: 1"),
    Fault("m1", "networks-free", "ip route add 10.244.7.0/24 dev eth0", "ip route del 10.244.7.0/24", "by eth0"),
]  # fmt: skip
WAYS = [
    Fault("m1", "ports-reachable", DROP.format("A", "tcp", 6443), DROP.format("D", "tcp", 6443),
          "from m2, m3, w1: tcp 6443 (kube-apiserver): no answer"),
    Fault("w1", "ports-reachable", DROP.format("A", "udp", 8472), DROP.format("D", "udp", 8472),
          "from m1, m2, m3: udp 8472 (flannel): no answer"),
    Fault("m3", "ports-reachable", REJECT.format("A", "tcp", 2380), REJECT.format("D", "tcp", 2380),
          "from m1, m2: tcp 2380 (etcd): refused"),
    Fault("w1", "path-mtu", "ip link set eth0 mtu 1400", "ip link set eth0 mtu 1500", "to and from m1, m2, m3"),
]  # fmt: skip


@pytest.mark.parametrize(
    "faults", [STATES, PROCESSES, RESOURCES, WAYS], ids=["states", "processes", "resources", "ways"]
)
def test_every_fault_is_named_where_it_is_and_nothing_else(lab: Lab, faults: list[Fault]) -> None:
    try:
        for fault in faults:
            lab.on(fault.node, fault.break_it)
        found = lab.found()
    finally:
        for fault in reversed(faults):
            lab.on(fault.node, f"{fault.mend_it} || true")
    assert set(found) == {(fault.rule, fault.node) for fault in faults}
    for fault in faults:
        assert fault.told in found[fault.rule, fault.node]
    assert "secret" not in str(found), "a proxy's password stays where it is"


def test_an_address_that_another_machine_has_is_named(lab: Lab) -> None:
    lab.on("w1", f"ip addr add {ADDRESSES['m2']}/32 dev lo")
    try:
        found = lab.found()
    finally:
        lab.on("w1", f"ip addr del {ADDRESSES['m2']}/32 dev lo")
    assert {("address-unique", "w1"), ("address-unique", "m2")} <= set(found)
    assert lab.findings() == (), "everything is mended again"


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
        facts = lab.facts()
        found = judge(facts, lab.cluster)
    finally:
        lab.on("m1", "systemctl start ssh")
        lab.on("m2", "mv /root/.hidden /root/.ssh")
        lab.on("m3", f"mv /root/key {key}; systemctl restart ssh")
        lab.on("w1", "mv /usr/bin/hidden /usr/bin/socat")
    kinds = {name: each.kind for name, each in facts.items() if isinstance(each, Unreachable)}
    assert kinds == {"m1": "network", "m2": "login", "m3": "host-key"}
    assert {(each.rule, each.hosts) for each in found if each.rule != "reachable"} == {("commands", ("w1",))}


def test_a_plain_user_is_enough_with_sudo_and_named_without(lab: Lab, tmp_path: Path) -> None:
    artifacts = lab.home / "artifacts" / "ssh"
    public = (artifacts / "id_ed25519.pub").read_text()
    for node in ADDRESSES:
        lab.on(node, f"useradd -m ops; mkdir -m 700 ~ops/.ssh; echo '{public}' >~ops/.ssh/authorized_keys; "
                     "chown -R ops: ~ops/.ssh; echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops")  # fmt: skip
    config = write_config(tmp_path, artifacts / "id_ed25519", artifacts / "known_hosts", "ops")
    facts = gather(list(ADDRESSES), config, cluster=lab.cluster)
    assert judge(facts, lab.cluster) == ()
    lab.on("m2", "rm /etc/sudoers.d/ops")
    found = judge(gather(list(ADDRESSES), config, cluster=lab.cluster), lab.cluster)
    assert [(each.rule, each.hosts) for each in found] == [("privileged", ("m2",))]
    assert "sudo asks for a password" in found[0].why


def test_the_command_tells_everything(lab: Lab) -> None:
    lab.on("w1", "echo Some_PC >/proc/sys/kernel/hostname; echo net.ipv4.ip_forward=0 >/etc/sysctl.d/zz.conf")
    lab.on("m1", HOLD.format(6443))
    try:
        junit = lab.home / "junit.xml"
        answer = json.loads(lab.kprov("-o", "json", "--junit", str(junit), code=1))
    finally:
        lab.on("m1", RELEASE.format(6443))
        lab.on("w1", "hostname w1; rm /etc/sysctl.d/zz.conf")
    assert {(each["rule"], *each["hosts"]) for each in answer["findings"]} == {
        ("ports-free", "m1"),
        ("settings-kept", "w1"),
        ("hostname-valid", "w1"),
    }
    suite = ET.parse(junit).getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")


def test_what_is_safe_is_mended_and_the_rest_is_told_again(lab: Lab) -> None:
    lab.on("w1", "echo Some_PC >/proc/sys/kernel/hostname")
    lab.on("m1", HOLD.format(6443))
    try:
        said = lab.kprov("--fix", code=1)
    finally:
        lab.on("m1", RELEASE.format(6443))
    assert "mended on w1: Set the hostname" in said
    assert "the machine has another name" not in said
    assert "port 6443 is taken" in said
    assert lab.on("w1", "hostname") == "w1"
    assert lab.on("m1", "ls /etc/kprov 2>/dev/null; true") == "", "there was nothing to mend"
    assert "nothing to say" in lab.kprov("--fix")
