"""Machines that are silent, locked, full, or not the ones they were: told by name, and nothing half-made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.made import Cluster, podman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

N1 = '  n1: {address: "{net}.11", roles: [control-plane, worker]}\n'
ABSENT = '  n9: {address: "{net}.99", roles: [worker]}\n'
PASSWORD = "only-in-this-test"
SSHD = "echo 'PasswordAuthentication yes\nPermitRootLogin yes' >/etc/ssh/sshd_config.d/00-test.conf"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A machine that also takes a password."""
    made = Cluster.of(tmp_path_factory.mktemp("lab"), "e2e-bad", 6, N1)
    made.kprov("lab", "down")
    try:
        made.kprov("lab", "up")
        inside(made, f"{SSHD}; echo 'root:{PASSWORD}' | chpasswd; systemctl reload ssh")
        yield made
    finally:
        made.kprov("lab", "down")


def inside(lab: Cluster, script: str) -> str:
    """What a script on the machine prints, past SSH."""
    return podman("exec", f"kprov-{lab.name}-n1", "sh", "-ec", script)


@pytest.fixture
def existing(lab: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The same machine as one that exists already, with a key that it does not know."""
    monkeypatch.setenv("KPROV_SSH_PASSWORD", PASSWORD)
    return Cluster.of(tmp_path, "e2e-existing", 6, N1, lab=False)


def logins(lab: Cluster) -> int:
    """How often somebody tried to log in, whether it worked or not."""
    return int(inside(lab, "journalctl -u ssh -o cat | grep -cE '^(Accepted|Failed|Invalid)' || true"))


def test_a_wrong_password(existing: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPROV_SSH_PASSWORD", "wrong")
    said = existing.kprov("trust", "--accept-new", code=3)
    assert "error: the password of root is refused\n  where: n1" in said
    assert "wrong" not in said


def test_a_machine_that_nobody_vouched_for(existing: Cluster) -> None:
    assert "the host key is not known" in existing.kprov("up", "--from", "trust", code=3)
    assert "kprov trust" in existing.kprov("up", "--from", "trust", code=3)


def test_a_machine_that_is_not_there(lab: Cluster, tmp_path: Path, existing: Cluster) -> None:
    existing.kprov("trust", "--accept-new")
    more = Cluster.of(tmp_path, existing.name, 6, N1 + ABSENT, lab=False)
    for words in (("trust", "--accept-new"), ("up", "--from", "trust")):
        said = more.kprov(*words, code=3)
        assert "n9 (10.99.6.99)" in said
    assert not (tmp_path / "hosts.ini").exists()


def test_a_machine_that_is_not_the_one_it_was(lab: Cluster, existing: Cluster) -> None:
    existing.kprov("trust", "--accept-new")
    existing.kprov("up", "--from", "trust", "--until", "preflight")
    key = "/etc/ssh/ssh_host_ed25519_key"
    inside(lab, f"mv {key} /root/key; mv {key}.pub /root/key.pub; ssh-keygen -q -t ed25519 -N '' -f {key}")
    inside(lab, "systemctl restart ssh")
    try:
        before = logins(lab)
        for words in (("trust", "--accept-new"), ("up", "--from", "trust")):
            said = existing.kprov(*words, code=3)
            assert "10.99.6.11" in said
            assert "the host key changed; nothing was sent" in said
        assert logins(lab) == before, "nothing was sent to it"
    finally:
        inside(lab, f"mv /root/key {key}; mv /root/key.pub {key}.pub; systemctl restart ssh")
    existing.kprov("up", "--from", "trust", "--until", "preflight")


@pytest.fixture
def small(lab: Cluster) -> Iterator[str]:
    """A file system for the binaries that is too small, and one for the images."""
    for folder, size in (("/usr/local", "64m"), ("/var/lib/containerd", "100m")):
        inside(lab, f"mkdir -p {folder}; mount -t tmpfs -o size={size} kprov-test {folder}")
    yield "/usr/local"
    inside(lab, "systemctl stop kubelet containerd 2>&1 || true")


def test_a_full_disk_before_and_during_a_run_and_space_afterwards(lab: Cluster, small: str) -> None:
    said = lab.kprov("up", code=1)
    assert "n1: disk full: /usr/local has 6" in said
    assert "512 are needed" in said
    assert "Free space on /usr/local" in said

    said = lab.kprov("up", "--skip", "preflight", code=4)
    assert "/usr/local/bin is full" in said
    assert "MiB are free" in said
    inside(lab, "mount -o remount,size=1g /usr/local")

    said = lab.kprov("up", code=4)
    assert "no space left on device" in said
    inside(lab, "mount -o remount,size=3g /var/lib/containerd")

    lab.kprov("up", "--skip", "verify")
    assert lab.ready() == {"n1": True}
    assert "nothing to say" in lab.kprov("preflight"), "a node of this very cluster is no obstacle to itself"
