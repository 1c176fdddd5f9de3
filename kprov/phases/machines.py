"""The machines of a cluster file as SSH targets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kprov.ssh.target import Target

if TYPE_CHECKING:
    from kprov.phases.base import Context
    from kprov.spec.load import Loaded


def key_path(loaded: Loaded) -> Path:
    """The private key: the one that the cluster file names (relative to it), else the cluster's own."""
    given = loaded.spec.ssh.key
    return (loaded.paths.home / Path(given).expanduser()) if given else loaded.paths.key


def targets(loaded: Loaded) -> tuple[Target, ...]:
    """Every machine, in the order of the cluster file."""
    spec = loaded.spec
    return tuple(
        Target(
            name=name,
            address=node.ssh_address or str(node.address),
            port=spec.ssh.port,
            user=spec.ssh.user,
            key=key_path(loaded),
            known_hosts=loaded.paths.known_hosts,
            bastion=spec.ssh.bastion or "",
        )
        for name, node in spec.nodes.items()
    )


def target(context: Context, name: str) -> Target:
    """One machine by name."""
    return next(each for each in targets(context.loaded) if each.name == name)
