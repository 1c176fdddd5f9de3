"""The machines of a cluster file as SSH sees them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import UnreachableError
from kprov.ssh.connect import Way, connect
from kprov.ssh.keys import ensure_key, load_key, public_line
from kprov.ssh.target import Target, bastion

if TYPE_CHECKING:
    import paramiko

    from kprov.spec.load import Loaded
    from kprov.ssh.remote import SshRemote


def key_path(loaded: Loaded) -> Path:
    """The private key: the one that the cluster file names (relative to it), else the cluster's own."""
    given = loaded.spec.ssh.key
    return (loaded.paths.home / Path(given).expanduser()) if given else loaded.paths.key


def public_key(loaded: Loaded) -> str:
    """The public line of the cluster's key; a key of the cluster's own is made where there is none.

    Raises:
        InputError: the key cannot be used.
    """
    path = key_path(loaded)
    return public_line(path) if loaded.spec.ssh.key else ensure_key(path)


def targets(loaded: Loaded) -> tuple[Target, ...]:
    """Every machine, in the order of the cluster file."""
    ssh = loaded.spec.ssh
    return tuple(
        Target(name, node.ssh_address or str(node.address), ssh.port, ssh.user)
        for name, node in loaded.spec.nodes.items()
    )


def way(loaded: Loaded, key: paramiko.PKey | None = None) -> Way:
    """How they are reached: which host keys are pinned, and through which jump host, which takes the same key."""
    ssh = loaded.spec.ssh
    if ssh.bastion is None:
        return Way(loaded.paths.known_hosts)
    return Way(loaded.paths.known_hosts, bastion(ssh.bastion, ssh.user), key or load_key(key_path(loaded)))


def log_in(loaded: Loaded, name: str) -> SshRemote:
    """A connection to one machine by its name; for use in a ``with``.

    Raises:
        UnreachableError: it does not answer, is another machine than the pinned one, refuses the login, or no machine
            knows this cluster yet.
        InputError: the key cannot be used.
    """
    if not loaded.spec.ssh.key and not loaded.paths.key.exists():
        made = "`kprov up` makes them" if loaded.spec.lab else "`kprov trust` brings it to the machines"
        raise UnreachableError("no machine lets us in yet", where=name, why="the cluster has no key", remedy=f"{made}.")
    target = next(each for each in targets(loaded) if each.name == name)
    return connect(target, way(loaded), key=load_key(key_path(loaded)))


def as_root(command: str) -> str:
    """The command for a login that may not be root: through sudo then, which must not ask for a password.

    >>> as_root("reboot")
    'if [ $(id -u) -eq 0 ]; then sh -c reboot; else sudo -n sh -c reboot; fi'
    """
    quoted = shlex.quote(command)
    return f"if [ $(id -u) -eq 0 ]; then sh -c {quoted}; else sudo -n sh -c {quoted}; fi"
