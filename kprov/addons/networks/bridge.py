"""The bridge: CNI plugins of the distribution, a route for each other node, set up by a role; nothing runs as pods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Chart, Document, OpenPort, SecretFile, Upstream


@dataclass(frozen=True, slots=True)
class Bridge:
    """No objects, no files, nothing to open: pods' packets are routed as they are."""

    name: str = "bridge"
    version: str = ""
    upstream: tuple[Upstream, ...] = ()
    local: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    kernel: tuple[str, ...] = ()
    kernel_optional: tuple[str, ...] = ()
    ports: tuple[OpenPort, ...] = ()
    notes: tuple[str, ...] = ("The network bridge enforces no NetworkPolicy.",)
    alarms: tuple[str, ...] = ()
    secrets: tuple[SecretFile, ...] = ()

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:  # noqa: ARG002 - see Addon
        """None."""
        return ()
