"""An HTTP server of a fixed set of files: GET under a secret path, and nothing else."""

from __future__ import annotations

import contextlib
import hmac
import os
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# A client that takes nothing for this long is gone.
_CLIENT_TIMEOUT_S = 60.0


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
