from __future__ import annotations

import os
import socket
import threading

import paramiko
import pytest

from kprov.errors import CheckFailed, UnreachableError
from kprov.ssh import known_hosts
from kprov.ssh.connect import connect, host_key
from kprov.ssh.errors import HostKeyChanged, HostKeyUnknown, LoginRefused
from kprov.ssh.keys import load_key
from kprov.ssh.target import Target


@pytest.fixture
def remote(server, key, way, let_in):
    one = server()
    let_in(one)
    known_hosts.pin(way.known_hosts, {one.target().place: (host_key(one.target(), way),)})
    with connect(one.target(), way, key=load_key(key)) as connected:
        yield connected


def test_a_command_s_streams_and_status_come_back(remote):
    result = remote.run("cat; echo trouble >&2; exit 3", b"fed")
    assert (result.code, result.out, result.err) == (3, "fed", "trouble\n")


def test_much_goes_in_and_out_at_once(remote):
    much = os.urandom(3_000_000)
    remote.write("big", much, 0o640)
    assert remote.read("big") == much


def test_a_command_that_does_not_read_what_it_is_given(remote):
    assert remote.run("exit 4", b"x" * 5_000_000).code == 4


def test_a_file_is_written_whole_with_its_mode(remote, tmp_path):
    path = tmp_path / "with space"
    remote.write(str(path), b"content", 0o604)
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o604


def test_a_file_that_cannot_be_written_is_told_and_nothing_left(remote, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").mkdir()
    with pytest.raises(CheckFailed, match="cannot write"):
        remote.write(str(tmp_path / "none" / "file"), b"content", 0o600)
    with pytest.raises(CheckFailed, match="cannot read") as caught:
        remote.read("none")
    assert "No such file" in caught.value.why


def test_a_command_that_never_ends_is_given_up(remote):
    with pytest.raises(CheckFailed, match="did not end in 0 s"):
        remote.run("sleep 30", timeout_s=0.2)
    assert remote.run("echo still here").out == "still here\n"


def test_a_connection_that_breaks_is_told(server, key, way, let_in):
    one = server()
    let_in(one)
    known_hosts.pin(way.known_hosts, {one.target().place: (host_key(one.target(), way),)})
    with connect(one.target(), way, key=load_key(key)) as connected:
        threading.Timer(0.2, one.close).start()
        with pytest.raises(UnreachableError, match="connection broke"):
            connected.run("sleep 5; echo never")
        with pytest.raises(UnreachableError, match="connection broke"):
            connected.run("true")


def test_an_unknown_machine_is_refused(server, key, way):
    one = server()
    with pytest.raises(HostKeyUnknown) as caught:
        connect(one.target(), way, key=load_key(key))
    assert one.host_key.fingerprint in caught.value.why


def test_a_machine_with_another_key_is_refused(server, key, way, let_in):
    one = server(password="secret")
    let_in(one)
    known_hosts.pin(way.known_hosts, {one.target().place: (host_key(one.target(), way),)})
    one.host_key = paramiko.ECDSAKey.generate()
    with pytest.raises(HostKeyChanged):
        connect(one.target(), way, key=load_key(key), password="secret")
    assert one.passwords == []


def test_a_refused_key_and_a_refused_password(server, key, way):
    one = server(password="right")
    known_hosts.pin(way.known_hosts, {one.target().place: (host_key(one.target(), way),)})
    with pytest.raises(LoginRefused, match="key is refused"):
        connect(one.target(), way, key=load_key(key))
    with pytest.raises(LoginRefused, match="password of me is refused"):
        connect(one.target(), way, password="wrong")


def test_the_causes_of_silence_are_told_apart(way):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(UnreachableError) as caught:
        host_key(Target("m1", "127.0.0.1", port), way)
    assert (caught.value.where, caught.value.why) == ("m1 (127.0.0.1)", "the connection is refused")
    with pytest.raises(UnreachableError, match="does not resolve"):
        host_key(Target("m1", "no-such-name.invalid"), way)


def test_a_server_that_speaks_something_else(way, capfd):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"220 mail\r\n" * 200)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(UnreachableError) as caught:
            host_key(Target("m1", "127.0.0.1", server.getsockname()[1]), way)
        thread.join()
    assert "SSH server" in caught.value.remedy
    assert capfd.readouterr().err == "", "paramiko's own words reached the terminal"
