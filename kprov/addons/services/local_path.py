"""local-path-provisioner: volumes in a folder of the node on which the pod that asks for them runs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued
from kprov.addons.documents import changed, containers, mapping, parse, to_text
from kprov.addons.finish import finished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document

BUSYBOX: Final = "docker.io/library/busybox:1.37.0"
"""What makes and removes a volume's folder; upstream's manifest names it without a version."""
PROBE: Final = "kprov.local/probe:1"
"""The same out of packages: the bundle makes it for every cluster."""
_DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
_ELSEWHERE: Final = "DEFAULT_PATH_FOR_NON_LISTED_NODES"


@dataclass(frozen=True, slots=True)
class LocalPath(Catalogued):
    """local-path-provisioner with the folder of the cluster file; ``helper`` is the image that handles folders."""

    path: str
    default: bool
    helper: str

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """The manifest with this cluster's settings."""
        (source,) = self.upstream
        documents = parse(files[source.url], source.url)
        documents = changed(documents, "ConfigMap", "local-path-config", self._configure)
        documents = changed(documents, "StorageClass", "local-path", self._mark)
        return finished(documents, self.name, self.edition.images)

    def _configure(self, config: Document) -> None:
        data = mapping(config, "data")
        folders = {"nodePathMap": [{"node": _ELSEWHERE, "paths": [self.path]}]}
        data["config.json"] = json.dumps(folders, indent=2) + "\n"
        (pod,) = parse(str(data["helperPod.yaml"]).encode(), "helperPod.yaml")
        for each in containers(pod):
            each |= {"image": self.helper, "imagePullPolicy": "IfNotPresent"}
        data["helperPod.yaml"] = to_text([pod]).removeprefix("---\n")

    def _mark(self, storage: Document) -> None:
        annotations = {**mapping(storage, "metadata", "annotations"), _DEFAULT_CLASS: json.dumps(self.default)}
        mapping(storage, "metadata")["annotations"] = annotations
