from __future__ import annotations

import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from kprov.errors import InputError
from kprov.ssh.keys import ensure_key, load_key, public_line


def test_a_key_is_made_once_private_and_openssh_reads_it(tmp_path):
    path = tmp_path / "deep" / "folder" / "id_ed25519"
    line = ensure_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert path.with_suffix(".pub").read_text() == f"{line}\n"
    assert ensure_key(path) == line == public_line(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["id_ed25519", "id_ed25519.pub"]
    read = subprocess.run(["ssh-keygen", "-y", "-f", path], capture_output=True, text=True, check=True).stdout
    assert read.split()[:2] == line.split()[:2]


def test_a_lost_public_half_comes_back(tmp_path):
    line = ensure_key(tmp_path / "key")
    (tmp_path / "key.pub").unlink()
    assert ensure_key(tmp_path / "key") == line
    assert (tmp_path / "key.pub").read_text() == f"{line}\n"


def with_passphrase(path) -> None:
    key = Ed25519PrivateKey.generate()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, BestAvailableEncryption(b"secret")))


def test_a_passphrase_is_told_from_a_broken_key(tmp_path, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with_passphrase(tmp_path / "key")
    with pytest.raises(InputError, match="protected by a passphrase") as caught:
        public_line(tmp_path / "key")
    assert f"ssh-add {tmp_path / 'key'}" in caught.value.remedy


def test_a_passphrase_opens_the_key(tmp_path):
    with_passphrase(tmp_path / "key")
    assert load_key(tmp_path / "key", "secret").get_name() == "ssh-ed25519"
    with pytest.raises(InputError, match="passphrase does not open"):
        load_key(tmp_path / "key", "wrong")


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """An ssh-agent; calling it adds a key whose passphrase is "secret"."""
    asked = tmp_path / "ask"
    asked.write_text("#!/bin/sh\necho secret\n")
    asked.chmod(0o700)
    for name, value in {"SSH_AUTH_SOCK": tmp_path / "s", "SSH_ASKPASS": asked, "SSH_ASKPASS_REQUIRE": "force"}.items():
        monkeypatch.setenv(name, str(value))
    running = subprocess.Popen(["ssh-agent", "-D", "-a", tmp_path / "s"], stdout=subprocess.DEVNULL)
    while not (tmp_path / "s").exists():
        assert running.poll() is None
        time.sleep(0.01)
    yield lambda path: subprocess.run(["ssh-add", "-q", path], check=True)
    running.kill()
    running.wait()


def test_an_agent_spares_the_passphrase_for_many_connections_at_once(tmp_path, agent):
    with_passphrase(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    agent(tmp_path / "key")
    key, held = load_key(tmp_path / "key", "secret"), load_key(tmp_path / "key")
    assert held.get_base64() == key.get_base64(), "its public half stands in the file itself"
    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(lambda number: held.sign_ssh_data(b"%d" % number), range(400)))
    held.agent.close()
    public = paramiko.Ed25519Key(data=key.asbytes())
    assert all(public.verify_ssh_sig(b"%d" % number, paramiko.Message(one)) for number, one in enumerate(signed))


@pytest.mark.parametrize("content", ["", "ssh-ed25519 AAAA me\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_what_is_no_private_key(tmp_path, content):
    (tmp_path / "key").write_text(content)
    with pytest.raises(InputError, match="no SSH private key") as caught:
        ensure_key(tmp_path / "key")
    assert caught.value.where == str(tmp_path / "key")
    assert (tmp_path / "key").read_text() == content


def test_a_missing_key_and_a_folder_in_its_place(tmp_path):
    with pytest.raises(InputError, match="no such SSH key"):
        public_line(tmp_path / "key")
    with pytest.raises(InputError, match="cannot read the SSH key"):
        public_line(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot write") as caught:
        ensure_key(tmp_path / "file" / "key")
    assert caught.value.remedy


def test_an_unreadable_key(tmp_path, monkeypatch):
    def denied(path, _passphrase) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("paramiko.PKey.from_path", denied)  # root, who runs these tests, reads every file
    with pytest.raises(InputError, match="cannot read the SSH key") as caught:
        public_line(tmp_path / "key")
    assert caught.value.why == "Permission denied"
