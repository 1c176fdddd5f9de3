"""Removing a lab, whole or half-made: containers, routes, network, and the host's limits after the last one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed
from kprov.events import Emit, Progress
from kprov.lab.limits import LOCK, LOCK_WAIT_S, restore_limits
from kprov.lab.lock import alone
from kprov.report.words import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.lab.engine import Engine
    from kprov.lab.host import Host

_POLL_S = 0.2


def sweep(engine: Engine, host: Host, cluster: str, emit: Emit, settle_s: float) -> int:
    """Remove everything of a lab but the node image; return how many containers it had.

    The network goes last: it is the record of which routes to remove. All is tried again for ``settle_s`` seconds while
    it fails, because a podman that outlived a killed kprov may still be making what this removes.

    Raises:
        CheckFailed: the engine keeps failing.
    """
    removed: set[str] = set()
    failed: list[CheckFailed] = []

    def done() -> bool:
        try:
            names = [container.name for container in engine.containers(cluster)]
            if names:
                emit(Progress("lab", f"removing {count(len(names), 'machine')}"))
                engine.remove(names)
                removed.update(names)
            _disconnect(engine, host, cluster)
        except CheckFailed as error:
            failed.append(error)
            return False
        return not engine.containers(cluster)

    if not until(done, settle_s):
        raise (
            failed[-1]
            if failed
            else CheckFailed(
                f"the lab {cluster} cannot be removed",
                why="something makes its containers anew all the time",
                remedy="Find it and stop it.",
            )
        )
    return len(removed)


def restore_after_last(engine: Engine, host: Host, emit: Emit) -> None:
    """Give the host its limits back, unless another lab needs them."""
    with alone(LOCK, LOCK_WAIT_S):
        if not engine.containers() and not any(network.cluster for network in engine.networks()):
            restore_limits(host, emit)


def until(true: Callable[[], bool], within_s: float) -> bool:
    """Ask again and again until it is true; False where the time is up.

    >>> until(lambda: True, within_s=0)
    True
    """
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _disconnect(engine: Engine, host: Host, cluster: str) -> None:
    """Remove the lab's network, and the routes that no other lab needs."""
    networks = [network for network in engine.networks() if network.cluster]
    needed = {net for other in networks if other.cluster != cluster for net in (*other.subnets, *other.unreachable)}
    for network in networks:
        if network.cluster != cluster:
            continue
        for net in host.unreachable() & {*network.subnets, *network.unreachable} - needed:
            host.unrefuse(net)
        engine.remove_network(network.name)
        # A podman that was killed itself leaves its bridge behind.
        host.remove_bridge(network.interface)
