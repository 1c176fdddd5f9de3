from __future__ import annotations

from typing import TYPE_CHECKING

import paramiko
import pytest

from kprov.ssh.connect import Way
from kprov.ssh.keys import ensure_key
from tests.unit.ssh.servers import Server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def server(tmp_path):
    """Makes servers; they end with the test."""
    made: list[Server] = []

    def make(**options) -> Server:
        home = tmp_path / f"home{len(made)}"
        home.mkdir()
        made.append(Server(home, options.pop("host_key", None) or paramiko.ECDSAKey.generate(), **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def key(tmp_path) -> Path:
    path = tmp_path / "ssh" / "id_ed25519"
    ensure_key(path)
    return path


@pytest.fixture
def way(tmp_path) -> Way:
    return Way(tmp_path / "ssh" / "known_hosts", timeout_s=5)


@pytest.fixture
def let_in(key):
    """Puts the key into a server's home, as if it had been trusted long ago."""

    def put(server: Server) -> None:
        folder = server.home / ".ssh"
        folder.mkdir(exist_ok=True)
        (folder / "authorized_keys").write_text(key.with_suffix(".pub").read_text())

    return put
