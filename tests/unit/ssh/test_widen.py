"""What trust does beyond the key: sudo's drop-in, the mesh, and all of it undone."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from kprov.errors import CheckFailed
from kprov.ssh import mesh, sudo
from kprov.ssh.errors import LoginRefused, SudoRefused
from kprov.ssh.fakes import FakeRemote
from kprov.ssh.mesh import Member
from kprov.ssh.remote import Result
from kprov.ssh.revoke import revoke
from kprov.ssh.target import Target
from kprov.ssh.trust import with_password

ME = Target("m1", "10.0.0.11", 22, "me")
KEY = "ssh-ed25519 AAAA kprov"


@dataclass
class Machine(FakeRemote):
    """A machine whose files the scripts of the mesh see, and whose sudo ends with ``code``."""

    code: int = 0
    said: str = ""
    public: str = "ssh-ed25519 OWN kprov-mesh\n"
    removed: list[str] = field(default_factory=list)

    def run(self, command: str, stdin: bytes = b"", timeout_s: float = 60) -> Result:
        self.asked.append((command, stdin))
        script = stdin.decode()
        if "ssh-keygen" in script:
            return Result(0 if self.public else 1, self.public, "ssh-keygen: not found\n")
        if "@@authorized" in script:
            names = {"authorized": ".ssh/authorized_keys", "config": ".ssh/config"}
            names |= {"pins": f"{mesh.FOLDER}/known_hosts", "mesh": f"{mesh.FOLDER}/config"}
            text = {name: self.files.get(path, b"").decode() for name, path in names.items()}
            return Result(0, "".join(f"@@{name}\n{each}\n@@={0 if each else 1}\n" for name, each in text.items()), "")
        if command.startswith("cat "):
            return Result(0, self.files.get(command.removeprefix("cat "), b"").decode(), "")
        if "rm -rf" in command:
            there = f"{mesh.FOLDER}/config" in self.files
            self.files = {path: text for path, text in self.files.items() if not path.startswith(mesh.FOLDER)}
            return Result(0 if there else 1, "", "")
        return Result(self.code, "", self.said)


def members(*machines: Machine) -> list[Member]:
    return [
        Member(f"m{i}", f"10.0.0.1{i}", "me", 22, (f"ssh-ed25519 HOST{i}",), lambda remote=machine: remote)
        for i, machine in enumerate(machines, start=1)
    ]


@pytest.mark.parametrize(("code", "done"), [(0, "granted"), (9, "already")])
def test_sudo_takes_the_password_by_its_input_alone(code: int, done: str) -> None:
    machine = Machine(code=code)
    assert sudo.grant(machine, ME, "secret") == done
    ((command, stdin),) = machine.asked
    assert ("secret" in command, stdin) == (False, b"secret\n")
    assert "visudo -cqf" in command


@pytest.mark.parametrize(
    ("code", "said", "password", "why"),
    [
        (7, "", None, "asks for a password"),
        (8, "", "x", "not installed"),
        (1, "Sorry, try again.\nme is not in the sudoers file.\n", "x", "me is not in the sudoers file."),
        (10, "", "x", "includes no drop-ins"),
    ],
)
def test_a_user_without_sudo_is_told_why(code: int, said: str, password: str | None, why: str) -> None:
    with pytest.raises(SudoRefused) as caught:
        sudo.grant(Machine(code=code, said=said), ME, password)
    assert why in caught.value.why
    assert (caught.value.exit_code, caught.value.where) == (1, "m1")


def test_a_mesh_lets_each_in_from_its_own_address_and_a_second_time_changes_nothing() -> None:
    one = Machine(files={".ssh/authorized_keys": b"ssh-ed25519 OLD me", ".ssh/config": b"Host x\n"})
    two = Machine(public="ssh-ed25519 TWO kprov-mesh\n")
    assert mesh.mesh("book", members(one, two)) == {"m1": "meshed", "m2": "meshed"}
    assert one.files[".ssh/authorized_keys"].decode().splitlines() == [
        "ssh-ed25519 OLD me",
        mesh.authorized_line("book", "10.0.0.12", "ssh-ed25519 TWO x"),
    ]
    assert one.files[".ssh/config"] == b"Include kprov_mesh/config\nHost x\n"
    assert one.files[f"{mesh.FOLDER}/known_hosts"] == b"10.0.0.12 ssh-ed25519 HOST2\n"
    assert b"Host m2 10.0.0.12" in one.files[f"{mesh.FOLDER}/config"]
    assert set(one.modes.values()) == {0o600}
    assert mesh.mesh("book", members(one, two)) == {"m1": "already", "m2": "already"}
    assert mesh.mesh("book", members(one)) == {"m1": "meshed"}, "m2 is no longer of the cluster"
    assert one.files[".ssh/authorized_keys"] == b"ssh-ed25519 OLD me\n"


def test_a_machine_without_ssh_keygen_is_named() -> None:
    with pytest.raises(CheckFailed) as caught:
        mesh.mesh("book", members(Machine(), Machine(public="")))
    assert (caught.value.where, caught.value.why) == ("m2", "ssh-keygen: not found")


def test_what_is_undone_is_what_kprov_did() -> None:
    before = f"ssh-ed25519 AAAA theirs\n{KEY}\n".encode()
    one, two = Machine(files={".ssh/authorized_keys": before}), Machine()
    mesh.mesh("book", members(one, two))
    done = revoke(one, "book", KEY)
    assert (done.mesh, done.sudo, done.key) == (True, True, True)
    assert one.files == {".ssh/authorized_keys": b"ssh-ed25519 AAAA theirs\n", ".ssh/config": b""}
    again = revoke(one, "book", KEY)
    assert (again.mesh, again.key) == (False, False)


def test_the_password_is_asked_for_once_and_only_for_those_that_need_it() -> None:
    asked: list[tuple[str, ...]] = []

    def work(target: Target, password: str | None) -> str:
        if target.name != "m1" and password != "right":
            raise LoginRefused("refused", where=target.name)
        return password or "by key"

    def ask(names: tuple[str, ...]) -> str | None:
        asked.append(names)
        return answer

    targets = [Target(f"m{i}", "x") for i in (1, 2, 3)]
    answer: str | None = "right"
    assert with_password(targets, work, None, ask, LoginRefused) == {"m1": "by key", "m2": "right", "m3": "right"}
    assert asked == [("m2", "m3")]
    answer = None
    with pytest.raises(LoginRefused) as caught:
        with_password(targets, work, None, ask, LoginRefused)
    assert caught.value.where == "m2, m3"
    with pytest.raises(LoginRefused):
        with_password(targets, work, "wrong", ask, LoginRefused)
    assert len(asked) == 2, "a password that was given and is wrong is not asked for again"
