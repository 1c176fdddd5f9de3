"""Weave Net: a mesh of its own between nodes, addresses of its own, network policies, encryption by a password.

Settings: Weave Net's kube-addon.md, Changing Configuration Options.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued
from kprov.addons.documents import changed, container, parse, set_env
from kprov.addons.finish import finished, without_nulls
from kprov.addons.model import SecretFile
from kprov.spec.addresses import joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document
    from kprov.spec.addresses import IpNetwork

_SECRET: Final = "weave-passwd"  # noqa: S105 - its name, and that of its key


@dataclass(frozen=True, slots=True)
class Weave(Catalogued):
    """Weave Net with the pod network of the cluster file; ``password_file`` None: traffic is not encrypted."""

    pods: tuple[IpNetwork, ...]
    mtu: int | None
    password_file: str | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What became of its makers, and what it does without Open vSwitch."""
        makers = (
            "Weave Net has no maker any more: Weaveworks closed in 2024, and the fork that went on had its last "
            "release in December 2024. Choose it where it must be, and calico or flannel for new clusters."
        )
        return makers, "Where a node's kernel has no openvswitch, Weave Net carries packets by its slower sleeve."

    @property
    def secrets(self) -> tuple[SecretFile, ...]:
        """The password that encrypts traffic between nodes."""
        return (SecretFile("kube-system", _SECRET, _SECRET, self.password_file),) if self.password_file else ()

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """The manifest with this cluster's settings."""
        (source,) = self.upstream
        documents = tuple(map(without_nulls, parse(files[source.url], source.url)))
        documents = changed(documents, "DaemonSet", "weave-net", self._edit)
        return finished(documents, self.name, self.edition.images)

    def _edit(self, daemon_set: Document) -> None:
        router = container(daemon_set, "weave")
        set_env(router, "IPALLOC_RANGE", joined(self.pods))
        set_env(router, "CHECKPOINT_DISABLE", "1")  # it would ask a server that is gone for newer versions
        if self.mtu:
            set_env(router, "WEAVE_MTU", str(self.mtu))
        if self.password_file:
            set_env(router, "WEAVE_PASSWORD", {"secretKeyRef": {"name": _SECRET, "key": _SECRET}})
