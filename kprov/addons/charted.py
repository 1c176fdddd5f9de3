"""Add-ons of the catalog that their makers publish as a Helm chart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kprov.addons.catalog import Catalogued
from kprov.addons.charts import contradictions, merged, objects_of
from kprov.addons.finish import finished
from kprov.addons.model import Chart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document


@dataclass(frozen=True, slots=True)
class Charted(Catalogued):
    """What add-ons of charts have in common.

    ``kubernetes`` is its version in full, ``values`` are the user's own.
    """

    kubernetes: str
    values: Document

    @property
    def defaults(self) -> Document:
        """Values that suit a cluster of kprov's better than the chart's; the user's go over them."""
        return {}

    @property
    def decided(self) -> Document:
        """Values that the cluster file decides elsewhere."""
        return {}

    @property
    def api_versions(self) -> tuple[str, ...]:
        """APIs that other add-ons bring, which the chart may ask for."""
        return ()

    @property
    def contradictions(self) -> tuple[str, ...]:
        """Values of the user's, by dotted key, that say something else than the cluster file does elsewhere."""
        return tuple(contradictions(self.decided, self.values))

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The chart with all values."""
        (upstream,) = self.upstream
        place = self.entry.chart
        if place is None:
            raise AssertionError(f"{self.name} has no chart in the catalog")
        values = merged(merged(self.defaults, self.values), self.decided)
        chart = Chart(upstream.url, place.release, place.namespace, self.kubernetes, values)
        return (replace(chart, api_versions=self.api_versions),)

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """What the chart makes of the values."""
        (chart,) = self.charts
        return finished(
            self.chosen(objects_of(files[chart.rendered], chart, self.name)), self.name, self.edition.images
        )

    def chosen(self, documents: tuple[Document, ...]) -> tuple[Document, ...]:
        """Those of the chart's objects that belong to this add-on: all of them."""
        return documents
