from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.ssh.config import control_folder, hang_up, render
from kprov.ssh.target import Target, bastion

TARGETS = [Target("m1", "10.0.0.11"), Target("w1", "10.0.0.21", 2222, "me")]


def understood(tmp_path, host: str, **options) -> dict[str, str]:
    """What OpenSSH itself makes of the configuration, by option."""
    file = tmp_path / "config"
    file.write_text(
        render(TARGETS, identity=Path("/k 1/id"), known_hosts=Path("/k%/known"), control=Path("/run/c"), **options)
    )
    shown = subprocess.run(["ssh", "-G", "-F", file, host], capture_output=True, text=True, check=True).stdout
    return dict(line.split(" ", 1) for line in shown.splitlines() if " " in line)


@pytest.mark.parametrize("host", ["w1", "10.0.0.21"])
def test_openssh_finds_a_machine_by_name_and_by_address(tmp_path, host):
    options = understood(tmp_path, host)
    assert (options["hostname"], options["port"], options["user"]) == ("10.0.0.21", "2222", "me")


def test_openssh_insists_on_the_pinned_keys_and_shares_connections(tmp_path):
    options = understood(tmp_path, "m1")
    assert options["stricthostkeychecking"] in ("yes", "true")
    assert options["identityfile"] == "/k 1/id"
    assert options["userknownhostsfile"] == "/k%/known"
    assert (options["identitiesonly"], options["controlmaster"], options["controlpersist"]) == ("yes", "auto", "60")
    assert options["controlpath"].startswith("/run/c/")
    assert "proxyjump" not in options


def test_openssh_goes_through_the_jump_host(tmp_path):
    jump = bastion("me@jump.example:2200", "root")
    assert understood(tmp_path, "m1", bastion=jump)["proxyjump"] == "jump.example"
    options = understood(tmp_path, "jump.example", bastion=jump)
    assert (options["user"], options["port"]) == ("me", "2200")
    assert "proxyjump" not in options


@pytest.mark.parametrize("text", ["", "a b", "me@", "host:port", "host:123456"])
def test_what_is_no_jump_host(text):
    with pytest.raises(InputError, match="no jump host"):
        bastion(text, "root")


def test_sockets_lie_in_a_private_folder_with_a_short_path(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path)[:8])
    monkeypatch.setattr("kprov.ssh.config._FALLBACK", tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 20)))
    folder = control_folder()
    assert folder == tmp_path / f"kprov-ssh-{os.getuid()}"
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(InputError, match="not private"):
        control_folder()


def test_hanging_up_removes_the_sockets_of_one_cluster_only(tmp_path, monkeypatch):
    monkeypatch.setattr("kprov.ssh.config._FALLBACK", tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))

    def socket_of(known_hosts: str) -> Path:
        """A socket whose ssh was killed, where the configuration says."""
        text = render(TARGETS, identity=Path("/k/id"), known_hosts=Path(known_hosts), control=control_folder())
        (line,) = (line for line in text.splitlines() if "ControlPath" in line)
        path = Path(line.split('"')[1].replace("%C", "0" * 40))
        path.touch()
        return path

    mine, other = socket_of("/mine/known_hosts"), socket_of("/other/known_hosts")
    hang_up(Path("/mine/known_hosts"))
    assert (mine.exists(), other.exists()) == (False, True)
    hang_up(Path("/other/known_hosts"))
    assert list(control_folder().iterdir()) == []
