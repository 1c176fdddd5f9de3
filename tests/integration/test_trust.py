"""`kprov trust` on nine machines that exist already: the first contact, what it widens, its undoing."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

import pytest

from kprov.errors import InputError
from kprov.events import silent
from kprov.lab import provider
from kprov.lab.provider import LabRequest, MachineRequest
from kprov.ssh.keys import ensure_key
from tests.e2e.made import KPROV

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

NAME, NET, PASSWORD = "t-trust", IPv4Network("10.105.200.0/24"), "only-in-this-test"
NODES = {f"n{i}": NET[10 + i] for i in range(1, 10)}
PREPARE = """\
printf 'PasswordAuthentication yes\\nPermitRootLogin yes\\n' >/etc/ssh/sshd_config.d/00-test.conf
useradd -m -s /bin/bash ops && useradd -m -s /bin/bash guest && usermod -aG sudo ops
chpasswd
systemctl reload ssh
"""


def inside(node: str, script: str, stdin: str = "") -> str:
    argv = ["podman", "exec", "-i", f"kprov-{NAME}-{node}", "sh", "-ec", script]
    return subprocess.run(argv, input=stdin, text=True, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def nodes(tmp_path_factory):
    """Nine nodes that take passwords of root, of ops, who may use sudo, and of guest, who may not."""
    machines = tuple(MachineRequest(name, address) for name, address in NODES.items())
    other = ensure_key(tmp_path_factory.mktemp("other") / "key")
    wanted = LabRequest(NAME, NET, machines, other, (), cpus=2, memory_mib=2048)
    lab = provider("podman")
    try:
        lab.check(wanted)
    except InputError as error:
        pytest.skip(f"{error} {error.remedy}")
    try:
        lab.up(wanted, silent)
        users = "".join(f"{user}:{PASSWORD}\n" for user in ("root", "ops", "guest"))
        for name in NODES:
            inside(name, PREPARE, users)
        yield
    finally:
        lab.down(NAME, silent)


class Existing:
    """A cluster file of machines that exist already, in a folder of its own."""

    def __init__(self, folder: Path, user: str = "root", names: tuple[str, ...] = tuple(NODES), key: str = "") -> None:
        self.folder = folder
        lines = "".join(f"  {name}: {{address: {NODES[name]}, roles: [worker]}}\n" for name in names if name != "n1")
        ssh = f"{{user: {user}{f', key: {key}' if key else ''}}}"
        text = f"cluster: t-book\nssh: {ssh}\nnodes:\n  n1: {{address: {NODES['n1']}, roles: [control-plane]}}\n{lines}"
        (folder / "cluster.yaml").write_text(text)

    def trust(self, *words: str, code: int = 0, password: str = PASSWORD) -> str:
        env = os.environ | {"KPROV_SSH_PASSWORD": password}
        done = subprocess.run(
            [KPROV, "trust", *words], cwd=self.folder, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def ssh(self, node: str, command: str) -> tuple[int, str]:
        argv = ["ssh", "-F", self.folder / "artifacts/ssh/config", "-o", "ControlPath=none", node, command]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout.strip()

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "artifacts/ssh").iterdir()}


def at_the_keyboard(folder: Path, argv: list[str], answers: dict[str, str]) -> str:
    """Run a program on a terminal of its own, and type an answer when its prompt comes; return what it said."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.pop("KPROV_SSH_PASSWORD", None)
        os.environ.pop("SSH_AUTH_SOCK", None)
        os.execv(argv[0], argv)
    said, deadline = "", time.monotonic() + 120
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 1)
        try:
            said += os.read(terminal, 4096).decode() if ready else ""
        except OSError:
            break
        for prompt in [prompt for prompt in answers if prompt in said]:
            os.write(terminal, f"{answers.pop(prompt)}\n".encode())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, said
    return said


def test_nine_machines_by_one_password_and_a_second_run_changes_nothing(nodes, tmp_path):
    cluster = Existing(tmp_path)
    assert "9 machines let us in; the key was installed on n1, n2" in cluster.trust("--accept-new")
    before = cluster.files(), inside("n3", "cat /root/.ssh/authorized_keys")
    assert "nothing had to be changed" in cluster.trust(password="")
    assert (cluster.files(), inside("n3", "cat /root/.ssh/authorized_keys")) == before
    assert cluster.ssh("n9", "hostname") == (0, "n9")
    assert inside("n1", "sshd -T | grep -cE '^(passwordauthentication yes|permitrootlogin yes)'") == "2\n", "as it was"


def test_a_changed_key_is_named_and_nothing_is_sent_to_anybody(nodes, tmp_path):
    cluster = Existing(tmp_path, names=("n1", "n2"))
    cluster.trust("--accept-new")
    pins = tmp_path / "artifacts/ssh/known_hosts"
    wrong = " ".join(ensure_key(tmp_path / "wrong").split()[:2])
    pins.write_text("".join(f"{NODES['n2']} {wrong}\n" if str(NODES["n2"]) in line else f"{line}\n"
                            for line in pins.read_text().splitlines()))  # fmt: skip
    logins = "journalctl -u ssh -o cat | grep -cE '^(Accepted|Failed)' || true"
    before = [inside(node, logins) for node in ("n1", "n2")]
    for words in (("--accept-new",), ("--mesh", "--accept-new")):
        said = cluster.trust(*words, code=3)
        assert "the host key changed; nothing was sent" in said
        assert str(NODES["n2"]) in said
        assert str(NODES["n1"]) not in said
    assert [inside(node, logins) for node in ("n1", "n2")] == before


def test_sudo_mesh_and_all_of_it_undone(nodes, tmp_path):
    names = ("n1", "n2", "n3")
    cluster = Existing(tmp_path, "ops", names)
    cluster.trust("--accept-new")
    assert cluster.ssh("n1", "sudo -n true")[0] != 0, "only where it was asked for"
    said = cluster.trust("--sudo", "nopasswd", "--mesh")
    assert "sudo asks for no password now on n1, n2, n3; the mesh was set up on n1, n2, n3" in said
    assert cluster.ssh("n2", "sudo -n id -u") == (0, "0")
    assert cluster.ssh("n1", "ssh -o BatchMode=yes n3 hostname") == (0, "n3")
    assert cluster.ssh("n3", f"ssh -o BatchMode=yes {NODES['n1']} hostname") == (0, "n1")
    assert "nothing had to be changed" in cluster.trust("--sudo", "nopasswd", "--mesh", password="")
    said = cluster.trust("--revoke", password="")
    assert said.count("key, mesh, sudo rule removed") == 3
    for name in names:
        assert inside(name, "ls -A /etc/sudoers.d /home/ops/.ssh; cat /home/ops/.ssh/*") == (
            "/etc/sudoers.d:\nREADME\n\n/home/ops/.ssh:\nauthorized_keys\nconfig\n"
        )
    assert cluster.files() == {"known_hosts": b""}
    assert "the host keys are not known yet" in cluster.trust(code=3)


def test_what_goes_wrong_is_told_with_its_exit_code(nodes, tmp_path):
    cluster = Existing(tmp_path, "guest", ("n1", "n2"))
    assert "the password of guest is refused" in cluster.trust("--accept-new", code=3, password="wrong")
    assert "the key is refused for guest" in cluster.trust(code=3, password="")
    cluster.trust()
    said = cluster.trust("--sudo", "nopasswd", code=1)
    assert "sudo is refused for guest" in said
    assert "n1, n2" in said
    assert "it asks for a password" in cluster.trust("--sudo", "nopasswd", code=1, password="")
    assert "goes with no other option" in cluster.trust("--revoke", "--mesh", code=2)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "id").write_text("no key\n")
    assert "no SSH private key" in Existing(broken, names=("n1",), key="id").trust(code=2)
    assert "no such SSH key" in Existing(broken, names=("n1",), key="absent").trust(code=2)


def test_a_key_with_a_passphrase_and_a_password_at_the_keyboard(nodes, tmp_path):
    cluster = Existing(tmp_path, "ops", ("n1", "n2"), key="id")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "opensesame", "-f", tmp_path / "id"], check=True)
    assert f"ssh-add {tmp_path / 'id'}" in cluster.trust(code=2)
    answers = {"Passphrase of": "opensesame", "Password of ops on n1, n2": PASSWORD}
    said = at_the_keyboard(tmp_path, [KPROV, "trust", "--accept-new"], answers)
    assert answers == {}, said
    assert "the key was installed on n1, n2" in said.replace("\r\n", " ")
    assert PASSWORD not in said
    agent = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    env = {part.split("=")[0]: part.split("=")[1] for part in agent.replace("\n", " ").split(";") if "=" in part}
    env = {name.strip(): value for name, value in env.items()}
    try:
        ask = tmp_path / "ask"
        ask.write_text("#!/bin/sh\necho opensesame\n")
        ask.chmod(0o700)
        full = os.environ | env | {"SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
        (tmp_path / "id.pub").unlink()
        subprocess.run(["ssh-add", tmp_path / "id"], env=full, check=True, capture_output=True)
        done = subprocess.run([KPROV, "trust"], cwd=tmp_path, env=full, capture_output=True, text=True, check=False)
        assert "nothing had to be changed" in done.stdout, done.stderr
    finally:
        subprocess.run(["kill", env["SSH_AGENT_PID"]], check=True)
