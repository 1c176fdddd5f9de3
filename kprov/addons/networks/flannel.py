"""flannel: the node's share of the pod network from Kubernetes, a tunnel or routes between nodes; no network policies.

Settings: flannel's Documentation/configuration.md and backends.md, of 0.15.1 and of 0.28.9.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued
from kprov.addons.documents import add_arguments, changed, container, mapping, parse, set_env
from kprov.addons.finish import finished

if TYPE_CHECKING:
    from collections.abc import Mapping
    from ipaddress import IPv4Network

    from kprov.addons.model import Document, OpenPort

_VXLAN_BYTES: Final = 50
"""What VXLAN takes of each packet; flannel's MTU is that of the packets between nodes, before they are wrapped."""


@dataclass(frozen=True, slots=True)
class Flannel(Catalogued):
    """flannel with the pod network and encapsulation of the cluster file; ``mtu``, of pods, None: flannel finds it."""

    pods: IPv4Network
    encapsulation: str
    mtu: int | None

    @property
    def kernel(self) -> tuple[str, ...]:
        """What carries packets."""
        return self.entry.modes[self.encapsulation].kernel

    @property
    def ports(self) -> tuple[OpenPort, ...]:
        """That of the tunnel."""
        return self.entry.modes[self.encapsulation].ports

    @property
    def notes(self) -> tuple[str, ...]:
        """What it does not do."""
        return ("The network flannel enforces no NetworkPolicy.",)

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """The manifest with this cluster's settings."""
        (source,) = self.upstream
        documents = parse(files[source.url], source.url)
        documents = changed(documents, "ConfigMap", "kube-flannel-cfg", self._configure)
        documents = changed(documents, "DaemonSet", "kube-flannel-ds", _edit)
        return finished(documents, self.name, self.edition.images)

    def _configure(self, config: Document) -> None:
        data = mapping(config, "data")
        backend: Document = {"Type": self.encapsulation}
        if self.mtu:
            backend["MTU"] = self.mtu + _VXLAN_BYTES
        network = {**json.loads(str(data["net-conf.json"])), "Network": str(self.pods), "Backend": backend}
        data["net-conf.json"] = json.dumps(network, indent=2) + "\n"


def _edit(daemon_set: Document) -> None:
    """The interface that holds the node's address, not that of the default route, which may be a NAT or not exist."""
    flanneld = container(daemon_set, "kube-flannel")
    set_env(flanneld, "NODE_ADDRESS", {"fieldRef": {"fieldPath": "status.hostIP"}})
    add_arguments(flanneld, "--iface=$(NODE_ADDRESS)")
