"""SSH keys of a cluster's own: ed25519, made once, readable by their owner alone."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from kprov.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def ensure_key(path: Path) -> str:
    """Have a private key at this path; return its public line for ``authorized_keys``.

    Raises:
        InputError: see ``public_line``; or the key cannot be written.
    """
    if path.exists():
        return public_line(path)
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(private)
    temporary.replace(path)
    line = public_line(path)
    path.with_name(path.name + ".pub").write_text(line + "\n", encoding="utf-8")
    return line


def public_line(path: Path) -> str:
    """The public half of a private key, as one line with a comment.

    Raises:
        InputError: the file cannot be read, is no private key, or asks for a passphrase.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            "cannot read the SSH key",
            where=str(path),
            why=error.strerror or str(error),
            remedy="Name a key that you may read as ssh.key in the cluster file, or leave it out to have one made.",
        ) from error
    try:
        key = load_ssh_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable(path, data, error) from error
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return f"{public.decode('ascii')} kprov@{socket.gethostname()}"


def _unusable(path: Path, data: bytes, error: Exception) -> InputError:
    if "password" in str(error).lower() or "encrypted" in str(error).lower():
        return InputError(
            "the SSH key asks for a passphrase",
            where=str(path),
            why="kprov works without anybody at the keyboard",
            remedy="Name a key without a passphrase as ssh.key, or leave it out: a key of the cluster's own is made.",
        )
    why = "it is a public key" if data.startswith((b"ssh-", b"ecdsa-")) else "it is no private key in OpenSSH's format"
    return InputError("cannot use the SSH key", where=str(path), why=why, remedy="Name a private key as ssh.key.")
