"""Add-ons that are their makers' manifest as it stands: the Gateway API's definitions, and ingress-nginx."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued
from kprov.addons.charts import once
from kprov.addons.documents import changed, images_of, items, mapping, parse, with_images
from kprov.addons.finish import finished, without_nulls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document
    from kprov.spec.addons import IngressNginx as Settings

_DEFAULT_CLASS: Final = "ingressclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, slots=True)
class GatewayApi(Catalogued):
    """The kinds Gateway, HTTPRoute and so on; a controller that serves them is another add-on."""

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """The definitions of the standard channel."""
        (source,) = self.upstream
        return finished(tuple(map(without_nulls, parse(files[source.url], source.url))), self.name)


@dataclass(frozen=True, slots=True)
class IngressNginx(Catalogued):
    """ingress-nginx in its makers' variant for bare machines, with the ports of the cluster file."""

    settings: Settings

    @property
    def notes(self) -> tuple[str, ...]:
        """What became of its makers."""
        retired = (
            "ingress-nginx was retired by its maintainers in March 2026 and gets no fixes any more, not even for "
            "security. Choose it where it must be, and traefik for new clusters."
        )
        return (retired,)

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """The manifest with this cluster's settings."""
        (source,) = self.upstream
        documents = tuple(map(without_nulls, parse(files[source.url], source.url)))
        documents = changed(documents, "Service", "ingress-nginx-controller", self._open)
        documents = changed(documents, "IngressClass", "nginx", self._mark)
        # Archives of images that people bring have tags and no digests.
        by_tag = {image: image.partition("@")[0] for image in images_of(documents)}
        return finished(tuple(map(once, with_images(documents, by_tag))), self.name)

    def _open(self, service: Document) -> None:
        wanted = {"http": self.settings.http_port, "https": self.settings.https_port}
        for port in items(mapping(service, "spec"), "ports"):
            if port.get("name") in wanted:
                port["nodePort"] = wanted[str(port["name"])]

    def _mark(self, ingress: Document) -> None:
        annotations = {**mapping(ingress, "metadata", "annotations"), _DEFAULT_CLASS: json.dumps(self.settings.default)}
        mapping(ingress, "metadata")["annotations"] = annotations
