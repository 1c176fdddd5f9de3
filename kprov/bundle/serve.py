"""Hands files of the bundle to nodes: ``python -m kprov.bundle.serve``, plain HTTP on the lab's own network.

The configuration comes as JSON on stdin, never in argv::

    {"addresses": ["10.0.0.1"], "files": {"kubelet": "/store/kubelet"}, "watch_pid": 4711, "max_lifetime_s": 3600}

``files`` maps the path on the server to a file here; nothing else is served. One JSON line answers on stdout,
``{"port": 40001, "secret": "..."}``; the files are then at ``http://ADDRESS:PORT/SECRET/NAME``. By then the server is a
process of its own without the caller's open files, and it ends by itself: when the process ``watch_pid`` is gone, or
after ``max_lifetime_s`` seconds. The secret is made here and is logged nowhere, nor is anything else.
"""

from __future__ import annotations

import contextlib
import hmac
import itertools
import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kprov.errors import InputError, KprovError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MAX_LIFETIME_S = 6 * 3600.0
# A client that takes nothing for this long is gone.
_CLIENT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Configuration:
    """What to serve and for how long. All addresses get the same port."""

    addresses: tuple[str, ...]
    files: Mapping[str, str]
    watch_pid: int
    max_lifetime_s: float = _MAX_LIFETIME_S


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its port, and the secret first part of every path."""

    port: int
    secret: str


def parse_configuration(text: str) -> Configuration:
    """Read the configuration from JSON.

    Raises:
        InputError: it is no JSON object of the shape above, or a file in it does not exist.
    """
    try:
        data = json.loads(text)
        files = {str(name).strip("/"): os.fspath(path) for name, path in data["files"].items()}
        configuration = Configuration(
            addresses=tuple(map(str, data["addresses"])),
            files=files,
            watch_pid=int(data["watch_pid"]),
            max_lifetime_s=float(data.get("max_lifetime_s", _MAX_LIFETIME_S)),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused(f"it has the wrong shape: {error!r}") from error
    if not configuration.addresses:
        raise _refused("it names no address")
    missing = [path for path in configuration.files.values() if not Path(path).is_file()]
    if missing:
        raise _refused(f"no such file: {', '.join(missing)}")
    return configuration


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The first and the last byte that a ``Range`` header asks for, or None where the whole file is meant.

    Several ranges, or what is no range of bytes, mean the whole file (RFC 9110, 14.2).

    >>> byte_range("bytes=10-", 100), byte_range("bytes=-10", 100), byte_range("bytes=0-999", 100)
    ((10, 99), (90, 99), (0, 99))
    >>> byte_range(None, 100), byte_range("bytes=0-1,5-6", 100)
    (None, None)

    Raises:
        ValueError: the range lies outside the file.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header or "")
    if not match or match[0] == "bytes=-":
        return None
    if not match[1]:
        first, last = max(0, size - int(match[2])), size - 1
    else:
        first, last = int(match[1]), min(int(match[2] or size), size - 1)
    if first > last:
        raise ValueError(header)
    return first, last


class _Handler(BaseHTTPRequestHandler):
    """One connection: GET of a listed file under the secret, and nothing else."""

    protocol_version = "HTTP/1.1"
    server_version = "kprov"
    sys_version = ""
    timeout = _CLIENT_TIMEOUT_S
    server: FileServer

    def do_GET(self) -> None:
        """Answer with the file, a part of it, or 404 without saying why."""
        path = self.server.lookup(self.path)
        if path is None:
            self._refuse(404)
            return
        try:
            file = path.open("rb")
        except OSError:
            self._refuse(404)
            return
        with file:
            self._send(file, os.fstat(file.fileno()).st_size)

    def _send(self, file: BinaryIO, size: int) -> None:
        try:
            part = byte_range(self.headers.get("Range"), size)
        except ValueError:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        first, last = part or (0, size - 1)
        self.send_response(206 if part else 200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last - first + 1))
        if part:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.end_headers()
        if size:
            # os.sendfile underneath: the bytes never enter this process.
            self.connection.sendfile(file, offset=first, count=last - first + 1)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """Answer what this server does not do, every method but GET among it, without repeating the request."""
        self.close_connection = True
        self._refuse(405 if code == 501 else code)

    def log_message(self, *_arguments: object) -> None:
        """Log nothing: a request holds the secret."""


class FileServer(ThreadingHTTPServer):
    """A server of a fixed set of files on one address. It listens from its making on; ``serve_forever`` answers."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: str, port: int, secret: str, files: Mapping[str, str]) -> None:
        self._prefix = f"/{secret}/".encode()
        self._files = {name: Path(path) for name, path in files.items()}
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), _Handler)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    def lookup(self, target: str) -> Path | None:
        """The file for a request's path, or None; the secret is compared in constant time."""
        path = target.encode("utf-8", "surrogateescape")
        prefix, name = path[: len(self._prefix)], path[len(self._prefix) :]
        if not hmac.compare_digest(prefix, self._prefix):
            return None
        return self._files.get(name.decode("utf-8", "replace"))

    def server_bind(self) -> None:
        """Bind without looking up this machine's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, *_arguments: object) -> None:
        """Say nothing where a client went away."""


def listen(configuration: Configuration, secret: str) -> tuple[FileServer, ...]:
    """One listening server for each address, all on the port that the first one got.

    Raises:
        InputError: an address is not this machine's.
    """
    servers: list[FileServer] = []
    for address in configuration.addresses:
        port = servers[0].port if servers else 0
        try:
            servers.append(FileServer(address, port, secret, configuration.files))
        except OSError as error:
            for server in servers:
                server.server_close()
            raise InputError(
                "cannot serve the bundle",
                where=address,
                why=error.strerror or str(error),
                remedy="Give an address that this machine has.",
            ) from error
    return tuple(servers)


@contextlib.contextmanager
def serving(servers: Sequence[FileServer]) -> Iterator[None]:
    """Answer requests in threads, as long as the block runs."""
    threads = [threading.Thread(target=server.serve_forever, args=(0.2,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def wait_for_end(pid: int, seconds: float) -> None:
    """Return when the process is gone, or after this time."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(seconds * 1000)
    finally:
        os.close(handle)


def launch(configuration: Configuration) -> Served:
    """Start a server as a process of its own, which ends as its configuration says.

    Raises:
        InputError: an address is not this machine's, or a file does not exist.
    """
    request = {
        "addresses": configuration.addresses,
        "files": dict(configuration.files),
        "watch_pid": configuration.watch_pid,
        "max_lifetime_s": configuration.max_lifetime_s,
    }
    started = subprocess.run(
        [sys.executable, "-m", "kprov.bundle.serve"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    if started.returncode:
        raise InputError(
            "the bundle's server did not start",
            why=started.stderr.strip(),
            remedy="Give an address of this machine, and files that exist.",
        )
    answer = json.loads(started.stdout)
    return Served(answer["port"], answer["secret"])


def main() -> int:
    """Read the configuration, listen, answer with port and secret, and go on as a process of its own."""
    try:
        configuration = parse_configuration(sys.stdin.read())
        secret = secrets.token_urlsafe(32)
        servers = listen(configuration, secret)
    except KprovError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    if os.fork():
        sys.stdout.write(json.dumps({"port": servers[0].port, "secret": secret}) + "\n")
        return 0
    _detach(keep=[server.fileno() for server in servers])
    with serving(servers):
        wait_for_end(configuration.watch_pid, configuration.max_lifetime_s)
    return 0


def _detach(keep: Sequence[int]) -> None:
    """Leave the caller's session, folder and open files; only the listening sockets are kept."""
    os.setsid()
    os.chdir("/")
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    kept = [2, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for below, above in itertools.pairwise(kept):
        os.closerange(below + 1, above)


def _refused(why: str) -> InputError:
    return InputError("cannot use the server's configuration", where="stdin", why=why, remedy="See docs/bundle.md.")


if __name__ == "__main__":
    sys.exit(main())
