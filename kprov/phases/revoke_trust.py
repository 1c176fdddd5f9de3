"""Take back what `kprov trust` did: on the machines, and beside the cluster file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.phases.machines import key_path, public_key, targets, way
from kprov.ssh import config, known_hosts
from kprov.ssh.connect import connect
from kprov.ssh.fan_out import fan_out
from kprov.ssh.keys import load_key
from kprov.ssh.revoke import Revoked, revoke
from kprov.ssh.trust import workers

if TYPE_CHECKING:
    from kprov.spec.load import Loaded
    from kprov.ssh.connect import Way
    from kprov.ssh.target import Target


def revoke_trust(loaded: Loaded) -> dict[str, Revoked]:
    """Take keys, mesh and sudo's drop-in from every machine; then, the jump host last, forget their host keys.

    A key of the cluster's own is removed here too, once no machine takes it any more.

    Raises:
        UnreachableError: a machine cannot be reached; it keeps what it has, and so do the files here.
        InputError: the key cannot be used.
    """
    line = public_key(loaded)
    key = load_key(key_path(loaded))
    reached = way(loaded)

    def undo(target: Target, by: Way = reached) -> Revoked:
        with connect(target, by, key=key) as remote:
            return revoke(remote, loaded.spec.cluster, line)

    machines = targets(loaded)
    done = fan_out({target.name: target for target in machines}, undo, workers(reached))
    places = [target.place for target in machines]
    if (jump := reached.bastion) is not None:
        undo(jump, type(reached)(reached.known_hosts))
        places.append(jump.place)
    config.hang_up(loaded.paths.known_hosts)
    known_hosts.forget(loaded.paths.known_hosts, places)
    loaded.paths.ssh_config.unlink(missing_ok=True)
    if not loaded.spec.ssh.key and all(each.key for each in done.values()):
        for path in (loaded.paths.key, loaded.paths.key.with_name(f"{loaded.paths.key.name}.pub")):
            path.unlink(missing_ok=True)
    return done
