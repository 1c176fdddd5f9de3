"""Trust taken back: the mesh, sudo's drop-in, and at last the key, as far as kprov brought them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.ssh import mesh, sudo
from kprov.ssh.authorized import without

if TYPE_CHECKING:
    from kprov.ssh.remote import Remote

_AUTHORIZED = ".ssh/authorized_keys"


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was taken from one machine. ``key`` is False where the key was there before kprov, and stays."""

    mesh: bool
    sudo: bool
    key: bool


def revoke(remote: Remote, cluster: str, public_line: str) -> Revoked:
    """Undo on one machine what trust did there.

    Args:
        remote: the machine; the connection goes on to work after the key is gone.
        cluster: the cluster that the mesh belongs to.
        public_line: the key as kprov writes it; a line with another comment is somebody else's.

    Raises:
        CheckFailed: a file cannot be written.
        UnreachableError: the connection broke.
    """
    meshed = mesh.leave(remote, cluster)
    granted = sudo.revoke(remote)
    found = remote.run(f"cat {_AUTHORIZED}")
    kept = without(found.out, line=public_line)
    if kept != found.out:
        remote.write(_AUTHORIZED, kept.encode(), 0o600)
    return Revoked(meshed, granted, kept != found.out)
