"""SSH servers of the tests' own on the loopback: real protocol, real shell commands, a home in a temporary folder."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import paramiko

from kprov.ssh.target import Target

if TYPE_CHECKING:
    from pathlib import Path


class Login(paramiko.ServerInterface):
    """Takes the keys in the home's authorized_keys, and the password where there is one."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.commands: dict[int, bytes] = {}
        self.asked = threading.Event()

    def get_allowed_auths(self, username):
        return "publickey,password" if self.server.password else "publickey"

    def check_auth_password(self, username, password):
        self.server.passwords.append(password)
        return paramiko.AUTH_SUCCESSFUL if password == self.server.password else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        file = self.server.home / ".ssh" / "authorized_keys"
        accepted = file.read_text() if file.exists() and not self.server.ignores_keys else ""
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in accepted else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(self, chanid, origin, destination):
        self.server.forwards.append(destination)
        return paramiko.OPEN_SUCCEEDED if self.server.forwarding else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel, command):
        self.commands[channel.get_id()] = command
        threading.Thread(target=self.server.execute, args=(channel, command), daemon=True).start()
        return True


@dataclass
class Server:
    """One machine. ``passwords`` are those it was shown, ``forwards`` where it was asked to lead to."""

    home: Path
    host_key: paramiko.PKey
    password: str = ""
    ignores_keys: bool = False
    forwarding: bool = True
    passwords: list[str] = field(default_factory=list)
    forwards: list[tuple[str, int]] = field(default_factory=list)
    contacts: int = 0
    transports: list[paramiko.Transport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def target(self, name: str = "m1") -> Target:
        return Target(name, "127.0.0.1", self.port, "me")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for transport in self.transports:
            transport.close()

    def execute(self, channel: paramiko.Channel, command: bytes) -> None:
        environment = os.environ | {"HOME": str(self.home)}
        process = subprocess.Popen(
            ["sh", "-c", command.decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=environment,
            cwd=self.home,
        )

        def feed() -> None:
            while chunk := channel.recv(1 << 15):
                process.stdin.write(chunk)
            process.stdin.close()

        def complain() -> None:
            channel.sendall_stderr(process.stderr.read())

        def stream() -> None:
            while data := os.read(process.stdout.fileno(), 1 << 15):
                channel.sendall(data)

        threading.Thread(target=_quietly, args=(feed,), daemon=True).start()
        complaining = threading.Thread(target=_quietly, args=(complain,), daemon=True)
        complaining.start()
        _quietly(stream)
        complaining.join()
        _quietly(lambda: channel.send_exit_status(process.wait()))
        channel.close()
        for pipe in (process.stdin, process.stdout, process.stderr):
            _quietly(pipe.close)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.contacts += 1
            threading.Thread(target=_quietly, args=(self._talk, connection), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        transport = paramiko.Transport(connection)
        transport.add_server_key(self.host_key)
        self.transports.append(transport)
        transport.start_server(server=Login(self))
        kept = []  # paramiko closes a channel that nobody refers to, and a second one may come before the first is used
        while transport.is_active():
            channel = transport.accept(0.2)
            kept.append(channel)
            if channel is not None and self.forwards:
                self._lead(channel, self.forwards[-1])

    def _lead(self, channel: paramiko.Channel, destination: tuple[str, int]) -> None:
        onward = socket.create_connection(destination)

        def pour(source, drain) -> None:
            while data := source.recv(1 << 15):
                drain.sendall(data)
            channel.close()
            onward.close()

        for ends in ((channel, onward), (onward, channel)):
            threading.Thread(target=_quietly, args=(pour, *ends), daemon=True).start()


def _quietly(work, *arguments) -> None:
    with contextlib.suppress(OSError, EOFError, ValueError, paramiko.SSHException):  # ValueError: a pipe closed since
        work(*arguments)
