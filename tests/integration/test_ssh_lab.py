"""Trust, host keys and commands against the real sshd of lab nodes: needs root, podman and its helpers."""

from __future__ import annotations

import subprocess
import time
from ipaddress import IPv4Network

import pytest

from kprov.errors import CheckFailed, InputError, UnreachableError
from kprov.events import silent
from kprov.lab import provider
from kprov.lab.provider import LabRequest, MachineRequest
from kprov.ssh import known_hosts
from kprov.ssh.config import control_folder, render
from kprov.ssh.connect import Way, connect
from kprov.ssh.errors import HostKeyChanged, LoginRefused
from kprov.ssh.keys import ensure_key, load_key
from kprov.ssh.target import Target
from kprov.ssh.trust import accept_new, trust

pytestmark = pytest.mark.lab

NAME, NET, PASSWORD = "t-lab-ssh", IPv4Network("10.97.6.0/24"), "only-in-this-test"
TARGETS = [Target(f"n{i}", str(NET[10 + i])) for i in range(1, 4)]


def inside(node: str, script: str, stdin: str = "") -> None:
    argv = ["podman", "exec", "-i", f"kprov-{NAME}-{node}", "sh", "-ec", script]
    subprocess.run(argv, input=stdin, text=True, check=True, capture_output=True)


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Three nodes that take a password, and do not know the key of these tests."""
    other = ensure_key(tmp_path_factory.mktemp("other") / "key")
    machines = tuple(MachineRequest(f"n{i}", NET[10 + i]) for i in range(1, 4))
    wanted = LabRequest(NAME, NET, machines, other, (), cpus=2, memory_mib=2048)
    lab = provider("podman")
    try:
        lab.check(wanted)
    except InputError as error:
        pytest.skip(f"{error} {error.remedy}")
    try:
        lab.up(wanted, silent)
        for machine in machines:
            inside(machine.name, "chpasswd", f"root:{PASSWORD}\n")
            inside(
                machine.name,
                "echo 'PasswordAuthentication yes\nPermitRootLogin yes' >/etc/ssh/sshd_config.d/00-test.conf;"
                " systemctl reload ssh",
            )
        yield lab.status(wanted)
    finally:
        lab.down(NAME, silent)


@pytest.fixture
def key(tmp_path):
    ensure_key(tmp_path / "ssh" / "id")
    return tmp_path / "ssh" / "id"


@pytest.fixture
def way(tmp_path) -> Way:
    return Way(tmp_path / "ssh" / "known_hosts")


def test_a_password_brings_the_key_and_a_second_time_changes_nothing(nodes, key, way):
    started = time.monotonic()
    first = trust(TARGETS, way, key=key, accept=accept_new, password=PASSWORD)
    assert {outcome.done for outcome in first} == {"installed"}
    assert {outcome.done for outcome in trust(TARGETS, way, key=key)} == {"already"}
    assert time.monotonic() - started < 10
    pinned = known_hosts.read(way.known_hosts)
    assert pinned == {(str(machine.address), 22): machine.host_keys for machine in nodes}


def test_a_wrong_password_is_refused(nodes, key, way):
    with pytest.raises(LoginRefused, match="password of root is refused"):
        trust(TARGETS[:1], way, key=key, accept=accept_new, password="wrong")


def test_a_machine_whose_key_changed_is_named(nodes, key, way):
    wrong = " ".join(ensure_key(key.with_name("wrong")).split()[:2])
    known_hosts.pin(way.known_hosts, {TARGETS[1].place: (wrong,)})
    with pytest.raises(HostKeyChanged) as caught:
        trust(TARGETS, way, key=key, accept=accept_new, password=PASSWORD)
    assert caught.value.where == TARGETS[1].address


def test_commands_and_files(nodes, key, way):
    trust(TARGETS[:1], way, key=key, accept=accept_new, password=PASSWORD)
    with connect(TARGETS[0], way, key=load_key(key)) as remote:
        assert remote.run("hostname").out == "n1\n"
        assert remote.run("cat >&2; exit 7", b"x" * 1_000_000).code == 7
        assert remote.run("kill -9 $$").code != 0
        remote.write("/root/file", b"content", 0o640)
        assert remote.read("/root/file") == b"content"
        assert remote.run("stat -c %a /root/file").out == "640\n"
        with pytest.raises(CheckFailed, match="cannot write /proc/file"):
            remote.write("/proc/file", b"content", 0o600)


def test_a_full_disk_is_told_and_the_old_file_kept(nodes, key, way):
    trust(TARGETS[:1], way, key=key, accept=accept_new, password=PASSWORD)
    inside("n1", "mkdir -p /mnt/small; mountpoint -q /mnt/small || mount -t tmpfs -o size=64k none /mnt/small")
    with connect(TARGETS[0], way, key=load_key(key)) as remote:
        remote.write("/mnt/small/file", b"old", 0o600)
        with pytest.raises(CheckFailed) as caught:
            remote.write("/mnt/small/file", b"x" * 1_000_000, 0o600)
        assert "No space left" in caught.value.why
        assert remote.read("/mnt/small/file") == b"old"
        assert remote.run("ls -A /mnt/small").out == "file\n"


def test_a_machine_that_is_not_there(nodes, key, way):
    absent = Target("n9", str(NET[99]))
    with pytest.raises(UnreachableError) as caught:
        trust([TARGETS[0], absent], Way(way.known_hosts, timeout_s=5), key=key, accept=accept_new, password=PASSWORD)
    assert caught.value.where == f"n9 ({NET[99]})"


def test_people_and_ansible_use_the_rendered_configuration(nodes, key, way, tmp_path):
    trust(TARGETS, way, key=key, accept=accept_new, password=PASSWORD)
    config = tmp_path / "ssh" / "config"
    jump = Target("jump", TARGETS[2].address)
    for bastion in (None, jump):
        config.write_text(
            render(TARGETS[:2], identity=key, known_hosts=way.known_hosts, control=control_folder(), bastion=bastion)
        )
        for host in ("n1", TARGETS[1].address):
            argv = ["ssh", "-F", config, "-o", "BatchMode=yes", "-o", "ControlPersist=no", host, "hostname"]
            shown = subprocess.run(argv, capture_output=True, text=True, check=False)
            assert (shown.stdout.strip(), shown.returncode) == ("n1" if host == "n1" else "n2", 0), shown.stderr


def test_the_way_through_a_jump_host(nodes, key, way):
    behind = Way(way.known_hosts, bastion=Target("jump", TARGETS[2].address))
    done = trust(TARGETS[:2], behind, key=key, accept=accept_new, password=PASSWORD)
    assert [outcome.name for outcome in done] == ["n1", "n2"]
    with connect(TARGETS[0], Way(way.known_hosts, behind.bastion, load_key(key)), key=load_key(key)) as remote:
        assert TARGETS[2].address in remote.run("echo $SSH_CONNECTION").out
