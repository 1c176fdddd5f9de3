from __future__ import annotations

import stat
import traceback
from dataclasses import replace

import paramiko
import pytest

from kprov.errors import InputError, UnreachableError
from kprov.ssh import known_hosts
from kprov.ssh.errors import HostKeyChanged, HostKeyUnknown, LoginRefused
from kprov.ssh.trust import accept_new, trust

PASSWORD = "hunter2-and-more"


def outcomes(done) -> dict[str, str]:
    return {outcome.name: outcome.done for outcome in done}


def test_a_key_that_is_taken_already_needs_no_password(server, key, way, let_in):
    one = server(password=PASSWORD)
    let_in(one)
    assert outcomes(trust([one.target()], way, key=key, accept=accept_new, password=PASSWORD)) == {"m1": "already"}
    assert one.passwords == []


def test_a_password_brings_the_key_once_and_with_right_modes(server, key, way):
    servers = {f"m{i}": server(password=PASSWORD) for i in range(3)}
    targets = [one.target(name) for name, one in servers.items()]
    assert set(outcomes(trust(targets, way, key=key, accept=accept_new, password=PASSWORD)).values()) == {"installed"}
    assert set(outcomes(trust(targets, way, key=key)).values()) == {"already"}
    for one in servers.values():
        folder = one.home / ".ssh"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "authorized_keys").stat().st_mode) == 0o600
        assert (folder / "authorized_keys").read_text() == key.with_suffix(".pub").read_text()
        assert one.passwords == [PASSWORD]


def test_other_people_s_keys_stay(server, key, way):
    one = server(password=PASSWORD)
    (one.home / ".ssh").mkdir()
    (one.home / ".ssh" / "authorized_keys").write_text("ssh-ed25519 AAAA somebody")  # no line end
    trust([one.target()], way, key=key, accept=accept_new, password=PASSWORD)
    lines = (one.home / ".ssh" / "authorized_keys").read_text().splitlines()
    assert lines == ["ssh-ed25519 AAAA somebody", key.with_suffix(".pub").read_text().strip()]


def test_new_machines_are_shown_before_they_are_pinned(server, key, way, let_in):
    one, two = server(), server()
    let_in(one)
    let_in(two)
    shown = {}
    trust([one.target("m1"), two.target("m2")], way, key=key, accept=lambda prints: shown.update(prints) or True)
    assert shown == {
        "m1": one.host_key.fingerprint,
        "m2": two.host_key.fingerprint,
    }
    assert len(known_hosts.read(way.known_hosts)) == 2


@pytest.mark.parametrize("accept", [None, lambda _prints: False])
def test_nothing_is_sent_to_a_machine_that_was_not_accepted(server, key, way, accept):
    one = server(password=PASSWORD)
    with pytest.raises(HostKeyUnknown) as caught:
        trust([one.target()], way, key=key, accept=accept, password=PASSWORD)
    assert one.host_key.fingerprint in caught.value.why
    assert one.passwords == []
    assert not way.known_hosts.exists()


def test_a_changed_key_stops_everything_and_is_named(server, key, way, let_in):
    good, bad = server(password=PASSWORD), server(password=PASSWORD)
    trust([good.target("m1"), bad.target("m2")], way, key=key, accept=accept_new, password=PASSWORD)
    pinned = way.known_hosts.read_text()
    good.passwords.clear()
    bad.passwords.clear()
    (good.home / ".ssh" / "authorized_keys").unlink()
    old, bad.host_key = bad.host_key, paramiko.ECDSAKey.generate()
    with pytest.raises(HostKeyChanged) as caught:
        trust([good.target("m1"), bad.target("m2")], way, key=key, accept=accept_new, password=PASSWORD)
    assert caught.value.exit_code == 3
    assert str(bad.port) in caught.value.where
    assert str(good.port) not in caught.value.where
    assert old.fingerprint in caught.value.why
    assert bad.host_key.fingerprint in caught.value.why
    assert "ssh-keygen" in caught.value.remedy
    assert (good.passwords, bad.passwords) == ([], [])
    assert way.known_hosts.read_text() == pinned


def test_a_wrong_password_is_told_and_never_shown(server, key, way):
    one = server(password="another")
    with pytest.raises(LoginRefused, match="password of me is refused") as caught:
        trust([one.target()], way, key=key, accept=accept_new, password=PASSWORD)
    told = "".join(traceback.format_exception(caught.value)) + caught.value.why + caught.value.remedy
    assert PASSWORD not in told


def test_without_a_password_a_refused_key_is_told(server, key, way):
    with pytest.raises(LoginRefused, match="key is refused for me") as caught:
        trust([server().target()], way, key=key, accept=accept_new)
    assert "kprov trust" in caught.value.remedy


def test_a_key_that_is_refused_although_it_was_installed(server, key, way):
    with pytest.raises(LoginRefused, match="installed, and refused all the same"):
        trust(
            [server(password=PASSWORD, ignores_keys=True).target()], way, key=key, accept=accept_new, password=PASSWORD
        )


def test_a_home_that_cannot_be_written(server, key, way):
    one = server(password=PASSWORD)
    (one.home / ".ssh").write_text("a file in its place")
    with pytest.raises(UnreachableError, match="cannot be installed"):
        trust([one.target()], way, key=key, accept=accept_new, password=PASSWORD)


def test_every_machine_that_fails_is_named(server, key, way):
    one, two, three = (server() for _ in range(3))
    one.close()
    two.close()
    with pytest.raises(UnreachableError) as caught:
        trust([one.target("m1"), two.target("m2"), three.target("m3")], way, key=key, accept=accept_new)
    assert caught.value.where == "m1, m2"


def test_machines_behind_a_jump_host(server, key, way):
    jump, one = server(password=PASSWORD), server(password=PASSWORD)
    behind = replace(way, bastion=jump.target("jump"))
    done = trust([one.target()], behind, key=key, accept=accept_new, password=PASSWORD)
    assert outcomes(done) == {"m1": "installed"}
    assert set(jump.forwards) == {("127.0.0.1", one.port)}
    assert len(known_hosts.read(way.known_hosts)) == 2


def test_a_jump_host_that_leads_nowhere(server, key, way):
    jump, one = server(password=PASSWORD, forwarding=False), server()
    with pytest.raises(UnreachableError) as caught:
        trust([one.target()], replace(way, bastion=jump.target("jump")), key=key, accept=accept_new, password=PASSWORD)
    assert caught.value.where.startswith("m1")


def test_an_unreadable_key_is_told_before_any_machine_is_touched(server, tmp_path, way):
    one = server()
    with pytest.raises(InputError):
        trust([one.target()], way, key=tmp_path / "none", accept=accept_new)
    assert one.contacts == 0
