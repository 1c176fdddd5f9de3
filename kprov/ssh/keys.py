"""SSH key pairs: one of the cluster's own, or one that the user has."""

from __future__ import annotations

from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.pkey import UnknownKeyType

from kprov.errors import InputError
from kprov.ssh.files import write_private

_COMMENT = "kprov"


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


def public_line(path: Path) -> str:
    """The public half of the private key at ``path``, as a line of ``authorized_keys``.

    Raises:
        InputError: the key is missing, unreadable, protected by a passphrase that no agent knows, or no key.
    """
    key = load_key(path)
    return f"{key.get_name()} {key.get_base64()} {_COMMENT}"


def load_key(path: Path) -> paramiko.PKey:
    """The private key at ``path``; one with a passphrase is taken from the ssh-agent that holds it.

    Raises:
        InputError: the key is missing, unreadable, protected by a passphrase that no agent knows, or no key.
    """
    where = str(path)
    try:
        return paramiko.PKey.from_path(path)
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
        raise InputError("the SSH key is protected by a passphrase", where=where, remedy=remedy) from error
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException, UnknownKeyType) as error:
        remedy = "Name a private key (not its .pub) of type ed25519, ecdsa or rsa as ssh.key."
        raise InputError("this is no SSH private key that kprov can use", where=where, remedy=remedy) from error


def _from_agent(path: Path) -> paramiko.PKey | None:
    """The agent's key whose public half lies beside ``path``."""
    try:
        wanted = _beside(path).read_text().split()[1]
    except (OSError, IndexError):
        return None
    agent = paramiko.Agent()
    return next((key for key in agent.get_keys() if key.get_base64() == wanted), None)


def _beside(path: Path) -> Path:
    return Path(f"{path}.pub")
