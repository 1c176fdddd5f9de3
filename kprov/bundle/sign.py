"""Signatures of a bundle's file, as OpenSSH makes them (``ssh-keygen -Y``, PROTOCOL.sshsig), with a key at hand."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kprov.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

NAMESPACE: Final = "kprov-bundle"
_IDENTITY: Final = "kprov"
_KINDS: Final = ("ssh-", "ecdsa-", "sk-")


def signature_of(path: Path) -> Path:
    """Where the signature of a file lies.

    >>> str(signature_of(Path("/media/lab.kprov")))
    '/media/lab.kprov.sig'
    """
    return path.with_name(f"{path.name}.sig")


def sign(path: Path, key: Path) -> Path:
    """Sign a file with an SSH key, or with one that the agent has where its public part is given.

    Raises:
        InputError: the file or the key cannot be used.
    """
    for file in (path, key):
        if not file.is_file():
            remedy = "Name a file that exists."
            raise InputError(
                "cannot sign the bundle's file", where=str(file), why="there is no such file", remedy=remedy
            )
    signature = signature_of(path)
    signature.unlink(missing_ok=True)  # ssh-keygen would ask whether to overwrite it
    code, said = _keygen(["-Y", "sign", "-n", NAMESPACE, "-f", key, path])
    if code:
        remedy = "Name a private key of SSH; one with a passphrase has to be in ssh-agent."
        raise InputError("cannot sign the bundle's file", where=str(key), why=said, remedy=remedy)
    return signature


def check(path: Path, key: Path) -> None:
    """Compare a file with its signature and a public key.

    Raises:
        InputError: the key or the signature cannot be read.
        CheckFailed: the file was not signed with that key, or is another one.
    """
    signature = signature_of(path)
    if not signature.is_file():
        remedy = "Copy the signature too, or sign the file where it was exported: kprov bundle sign."
        raise InputError(
            "the bundle has no signature", where=str(signature), why="there is no such file", remedy=remedy
        )
    with tempfile.TemporaryDirectory() as folder:
        allowed = Path(folder) / "allowed_signers"
        allowed.write_text("".join(f"{_IDENTITY} {line}\n" for line in _public_keys(key)), encoding="utf-8")
        command = ["-Y", "verify", "-n", NAMESPACE, "-I", _IDENTITY, "-f", allowed, "-s", signature]
        code, said = _keygen(command, path)
    if code:
        raise CheckFailed(
            "the bundle's signature is not that of this key; nothing of it was taken",
            where=str(path),
            why=said,
            remedy="Find out who made the file; use --verify-key with the key of those whom you trust.",
        )


def _public_keys(path: Path) -> tuple[str, ...]:
    """The public keys in a file, without their comments: one as ``ssh-keygen`` writes it, or several.

    Raises:
        InputError: there is none in it.
    """
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Name a file with a public key: ~/.ssh/id_ed25519.pub."
        raise InputError("cannot read the key", where=str(path), why=str(error), remedy=remedy) from error
    found = tuple(" ".join(words[:2]) for words in lines if len(words) > 1 and words[0].startswith(_KINDS))
    if not found:
        remedy = "Name a file with a public key: ~/.ssh/id_ed25519.pub."
        raise InputError(
            "cannot use the key", where=str(path), why="there is no public key of SSH in it", remedy=remedy
        )
    return found


def _keygen(command: Sequence[object], stdin: Path | None = None) -> tuple[int, str]:
    try:
        with (stdin or Path("/dev/null")).open("rb") as source:
            done = subprocess.run(
                ["ssh-keygen", *map(str, command)], stdin=source, capture_output=True, text=True, check=False
            )
    except OSError as error:
        remedy = "Run: apt-get install -y openssh-client."
        raise InputError("ssh-keygen does not run", why=error.strerror or str(error), remedy=remedy) from error
    return done.returncode, " ".join((done.stderr or done.stdout).split())
