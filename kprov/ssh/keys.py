"""SSH key pairs: one of the cluster's own, or one that the user has."""

from __future__ import annotations

import base64
import threading
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.pkey import UnknownKeyType

from kprov.errors import InputError
from kprov.ssh.errors import KeyProtected
from kprov.ssh.files import write_private

COMMENT = "kprov"
"""Ends the line of a key that kprov installed; what has another comment was there before, and stays."""
_OPENSSH = b"openssh-key-v1\0"
"""What a private key of OpenSSH's own format begins with (openssh-portable, PROTOCOL.key)."""


def ensure_key(path: Path) -> str:
    """Have an Ed25519 key pair at ``path`` (0600) and ``path.pub``; return the public line.

    A key that is there already, of whatever kind, is used as it is.

    Raises:
        InputError: see ``public_line``; or the folder cannot be written.
    """
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        write_private(path, private, replace=False)
    line = public_line(path)
    if not _beside(path).exists():
        write_private(_beside(path), f"{line}\n".encode())
    return line


def public_line(path: Path, passphrase: str | None = None) -> str:
    """The public half of the private key at ``path``, as a line of ``authorized_keys``.

    Raises:
        InputError: see ``load_key``.
    """
    key = load_key(path, passphrase)
    return f"{key.get_name()} {key.get_base64()} {COMMENT}"


def load_key(path: Path, passphrase: str | None = None) -> paramiko.PKey:
    """The private key at ``path``; one with a passphrase is taken from the ssh-agent that holds it, else opened.

    Raises:
        KeyProtected: it has a passphrase that neither we nor an agent know.
        InputError: the key is missing or unreadable, the passphrase is wrong, or it is no key.
    """
    where = str(path)
    try:
        return paramiko.PKey.from_path(path, passphrase.encode() if passphrase else None)
    except FileNotFoundError as error:
        remedy = "Name a private key that exists as ssh.key, or leave it out to have one made."
        raise InputError("there is no such SSH key", where=where, remedy=remedy) from error
    except OSError as error:
        remedy = "Make it readable for the user who runs kprov, or name another key as ssh.key."
        raise InputError("cannot read the SSH key", where=where, why=error.strerror or "", remedy=remedy) from error
    except TypeError as error:
        if (held := _from_agent(path)) is not None:
            return held
        remedy = f"Run `ssh-add {path}` so that the ssh-agent holds it, or name another key as ssh.key."
        raise KeyProtected("the SSH key is protected by a passphrase", where=where, remedy=remedy) from error
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException, UnknownKeyType) as error:
        if passphrase:
            remedy = "Type it again; `ssh-keygen -y -f` with the key's path tells whether it is right."
            raise InputError("the passphrase does not open the SSH key", where=where, remedy=remedy) from error
        remedy = "Name a private key (not its .pub) of type ed25519, ecdsa or rsa as ssh.key."
        raise InputError("this is no SSH private key that kprov can use", where=where, remedy=remedy) from error


def _from_agent(path: Path) -> paramiko.PKey | None:
    """The agent's key whose public half the file holds, or the file beside it."""
    if not (wanted := _public_half(path)):
        return None
    agent = paramiko.Agent()
    held = next((key for key in agent.get_keys() if key.get_base64() == wanted), None)
    if held is None:
        agent.close()
        return None
    return _HeldKey(agent, held.blob, held.comment)


class _HeldKey(paramiko.AgentKey):
    """An agent's key that several connections use at once: they share its socket, so they take turns."""

    _turn = threading.Lock()

    def sign_ssh_data(self, data: Any, algorithm: str | None = None) -> Any:  # noqa: ANN401 - paramiko's stubs are wrong
        with self._turn:
            return super().sign_ssh_data(data, algorithm)


def _public_half(path: Path) -> str:
    """The public key in base64: it stands unencrypted in OpenSSH's format; for older ones, see ``.pub``."""
    try:
        text = "".join(line for line in path.read_text().splitlines() if not line.startswith("-----"))
        blob = base64.b64decode(text, validate=True)
        if blob.startswith(_OPENSSH):
            return _first_public_key(blob.removeprefix(_OPENSSH))
    except (OSError, ValueError):  # binascii's error is a ValueError
        pass
    try:
        return _beside(path).read_text().split()[1]
    except (OSError, IndexError):
        return ""


def _first_public_key(blob: bytes) -> str:
    """After cipher, key derivation and its options, each with its length before it, and the number of keys.

    >>> from struct import pack
    >>> parts = (b"none", b"none", b"")
    >>> _first_public_key(b"".join(pack(">I", len(part)) + part for part in parts) + pack(">II", 1, 3) + b"key")
    'a2V5'
    """
    place = 0
    for _ in range(3):
        place += 4 + int.from_bytes(blob[place : place + 4])
    place += 4
    length = int.from_bytes(blob[place : place + 4])
    return base64.b64encode(blob[place + 4 : place + 4 + length]).decode()


def _beside(path: Path) -> Path:
    return Path(f"{path}.pub")
