from __future__ import annotations

import subprocess

import pytest

from kprov.errors import InputError
from kprov.ssh import known_hosts
from kprov.ssh.errors import HostKeyChanged
from kprov.ssh.keys import ensure_key

M1, M2 = ("10.0.0.11", 22), ("10.0.0.12", 2222)


@pytest.fixture
def keys(tmp_path):
    return [" ".join(ensure_key(tmp_path / f"key{i}").split()[:2]) for i in range(3)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ssh" / "known_hosts"


def test_what_is_pinned_is_read_back_and_the_same_bytes_each_time(path, keys):
    assert known_hosts.read(path) == {}
    assert known_hosts.pin(path, {M2: (keys[1],), M1: (keys[0],)}) == 2
    first = path.read_bytes()
    assert known_hosts.read(path) == {M1: (keys[0],), M2: (keys[1],)}
    assert known_hosts.pin(path, {M1: (keys[0],)}) == 0
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o600


def test_openssh_finds_the_machines(path, keys):
    known_hosts.pin(path, {M1: (keys[0],), M2: (keys[1],)})
    found = subprocess.run(
        ["ssh-keygen", "-F", "[10.0.0.12]:2222", "-f", path], capture_output=True, text=True, check=True
    )
    assert keys[1] in found.stdout


def test_a_changed_key_is_told_with_both_fingerprints_and_nothing_written(path, keys):
    known_hosts.pin(path, {M1: (keys[0],)})
    before = path.read_bytes()
    with pytest.raises(HostKeyChanged) as caught:
        known_hosts.pin(path, {M1: (keys[1],), M2: (keys[2],)})
    assert caught.value.where == "10.0.0.11"
    assert known_hosts.fingerprint(keys[0]) in caught.value.why
    assert known_hosts.fingerprint(keys[1]) in caught.value.why
    assert f"ssh-keygen -f {path} -R '10.0.0.11'" in caught.value.remedy
    assert path.read_bytes() == before


def test_fingerprints_are_those_of_openssh(tmp_path, keys):
    shown = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "key0.pub"], capture_output=True, text=True, check=True
    ).stdout
    assert known_hosts.fingerprint(keys[0]) in shown


def test_a_second_kind_of_key_is_taken_only_beside_a_known_one(path, keys):
    rsa = "ssh-rsa AAAA"
    known_hosts.pin(path, {M1: (keys[0],)})
    with pytest.raises(HostKeyChanged):
        known_hosts.pin(path, {M1: (rsa,)})
    assert known_hosts.pin(path, {M1: (keys[0], rsa)}) == 1
    assert known_hosts.read(path) == {M1: tuple(sorted((keys[0], rsa)))}


def test_keys_from_a_trusted_channel_replace_the_old_ones(path, keys):
    known_hosts.pin(path, {M1: (keys[0],), M2: (keys[1],)})
    known_hosts.replace(path, {M1: (keys[2],)})
    assert known_hosts.read(path) == {M1: (keys[2],), M2: (keys[1],)}


@pytest.mark.parametrize("line", ["nonsense", "10.0.0.11 ssh-ed25519 not*base64", "[10.0.0.11]:x ssh-ed25519 AAAA"])
def test_a_broken_line_is_named(path, line):
    path.parent.mkdir()
    path.write_text(f"# a comment\n{line}\n")
    with pytest.raises(InputError) as caught:
        known_hosts.read(path)
    assert caught.value.where == f"{path}:2"
