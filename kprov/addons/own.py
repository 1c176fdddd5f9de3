"""Manifests of the user's own: a network of theirs, or whatever else the cluster file names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.addons.documents import parse
from kprov.addons.finish import finished
from kprov.addons.model import Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document, OpenPort, SecretFile
    from kprov.spec.model import Manifest


@dataclass(frozen=True, slots=True)
class Own:
    """Objects that are applied as they are, but for the label; what they need of nodes only their writer knows."""

    name: str
    manifests: tuple[Manifest, ...]
    version: str = ""
    kernel: tuple[str, ...] = ()
    kernel_optional: tuple[str, ...] = ()
    ports: tuple[OpenPort, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    secrets: tuple[SecretFile, ...] = ()

    @property
    def upstream(self) -> tuple[Upstream, ...]:
        """Those that are fetched."""
        return tuple(
            Upstream(self.name, self.version, each.url, each.sha256)
            for each in self.manifests
            if each.url and each.sha256
        )

    @property
    def local(self) -> tuple[str, ...]:
        """Those that lie beside the cluster file."""
        return tuple(each.file for each in self.manifests if each.file)

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """What all of them hold, in their order."""
        sources = [each.file or each.url or "" for each in self.manifests]
        return finished([each for source in sources for each in parse(files[source], source)], self.name, own=True)
