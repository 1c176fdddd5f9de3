"""No network of kprov's: the user's own manifests, or nothing where they connect pods by other means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.addons.own import Own

if TYPE_CHECKING:
    from kprov.spec.model import Network


def none(network: Network, where: str = "") -> Own:
    """The manifests of the cluster file, as the set ``network``; ``where`` is their place in it."""
    note = "No network was installed: nodes become ready when you have installed one."
    return Own("network", network.manifests, where, notes=() if network.manifests else (note,))
