"""Manifests and charts of the user's own: a network of theirs, or whatever else the cluster file names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kprov.addons.charts import objects_of
from kprov.addons.documents import parse
from kprov.addons.finish import finished
from kprov.addons.model import Upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Chart, Document, OpenPort, SecretFile
    from kprov.spec.model import Manifest


@dataclass(frozen=True, slots=True)
class Own:
    """Objects that are applied as they are, but for the label; what they need of nodes only their writer knows.

    ``where`` is the place of the first manifest in the cluster file.
    """

    name: str
    manifests: tuple[Manifest, ...]
    where: str = ""
    version: str = ""
    charts: tuple[Chart, ...] = ()
    kernel: tuple[str, ...] = ()
    kernel_optional: tuple[str, ...] = ()
    ports: tuple[OpenPort, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    secrets: tuple[SecretFile, ...] = ()

    @property
    def upstream(self) -> tuple[Upstream, ...]:
        """Those that are fetched."""
        kind: Literal["chart", "manifest"] = "chart" if self.charts else "manifest"
        return tuple(
            Upstream(self.name, self.version, each.url, each.sha256, kind, self.where)
            for each in self.manifests
            if each.url and each.sha256
        )

    @property
    def local(self) -> tuple[str, ...]:
        """Those that lie beside the cluster file, and values for charts."""
        values = tuple(chart.values_file for chart in self.charts if chart.values_file)
        return (*(each.file for each in self.manifests if each.file), *values)

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """What all of them hold, in their order."""
        if self.charts:
            found = [each for chart in self.charts for each in objects_of(files[chart.rendered], chart, self.name)]
        else:
            sources = [each.file or each.url or "" for each in self.manifests]
            found = [each for source in sources for each in parse(files[source], source)]
        return finished(found, self.name, own=True)
