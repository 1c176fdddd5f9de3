"""What `kprov trust` does beyond the key, where a person asked for it: sudo without a password, and the mesh."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kprov.phases.machines import targets, way
from kprov.ssh import known_hosts, sudo
from kprov.ssh.connect import connect
from kprov.ssh.errors import SudoRefused
from kprov.ssh.mesh import Member, mesh
from kprov.ssh.trust import with_password, workers

if TYPE_CHECKING:
    import paramiko

    from kprov.spec.load import Loaded
    from kprov.ssh.sudo import Granted
    from kprov.ssh.target import Target
    from kprov.ssh.trust import Ask


def grant_sudo(loaded: Loaded, key: paramiko.PKey, password: str | None, ask: Ask | None) -> tuple[str, ...]:
    """Let the login's user become root everywhere without a password; the names of the machines that were changed.

    Raises:
        SudoRefused: a machine does not let the user.
        UnreachableError: a machine cannot be reached.
    """
    reached = way(loaded, key)

    def grant(target: Target, given: str | None) -> Granted:
        with connect(target, reached, key=key) as remote:
            return sudo.grant(remote, target, given)

    done = with_password(targets(loaded), grant, password, ask, SudoRefused, workers=workers(reached))
    return tuple(name for name, what in done.items() if what == "granted")


def make_mesh(loaded: Loaded, key: paramiko.PKey) -> tuple[str, ...]:
    """Let the machines reach each other at their addresses in the cluster; the names of those that were changed.

    Raises:
        CheckFailed: a machine lacks ssh-keygen, or a file cannot be written.
        UnreachableError: a machine cannot be reached.
    """
    reached, pinned = way(loaded, key), known_hosts.read(loaded.paths.known_hosts)
    members = [
        Member(
            name=target.name,
            address=str(loaded.spec.nodes[target.name].address),
            user=target.user,
            port=target.port,
            host_keys=pinned.get(target.place, ()),
            connect=partial(connect, target, reached, key=key),
        )
        for target in targets(loaded)
    ]
    done = mesh(loaded.spec.cluster, members, workers(reached))
    return tuple(name for name, what in done.items() if what == "meshed")
