"""flannel: the node's share of the pod network from Kubernetes, a tunnel or routes between nodes; no network policies.

Settings: flannel's Documentation/configuration.md and backends.md, of 0.15.1 and of 0.28.9.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued
from kprov.addons.documents import add_arguments, changed, container, mapping, parse, set_env
from kprov.addons.finish import finished
from kprov.spec.addresses import of_family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document, OpenPort
    from kprov.spec.addresses import IpAddress, IpNetwork

_VXLAN_BYTES: Final = 50
"""What VXLAN takes of each packet; flannel's MTU is that of the packets between nodes, before they are wrapped."""


@dataclass(frozen=True, slots=True)
class Flannel(Catalogued):
    """flannel with the pod network and encapsulation of the cluster file; ``mtu``, of pods, None: flannel finds it.

    ``nodes`` are all addresses of the nodes that run it.
    """

    pods: tuple[IpNetwork, ...]
    encapsulation: str
    mtu: int | None
    nodes: tuple[IpAddress, ...] = ()

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
        documents = changed(documents, "DaemonSet", "kube-flannel-ds", self._edit)
        return finished(documents, self.name, self.edition.images)

    def _configure(self, config: Document) -> None:
        data = mapping(config, "data")
        backend: Document = {"Type": self.encapsulation}
        if self.mtu:
            backend["MTU"] = self.mtu + _VXLAN_BYTES
        pods_v4, pods_v6 = of_family(self.pods, "IPv4"), of_family(self.pods, "IPv6")
        ours: Document = {"Network": str(pods_v4)} if pods_v4 else {"EnableIPv4": False}
        if pods_v6:
            ours |= {"EnableIPv6": True, "IPv6Network": str(pods_v6)}
        network = {**json.loads(str(data["net-conf.json"])), **ours, "Backend": backend}
        if not pods_v4:
            network.pop("Network", None)
        data["net-conf.json"] = json.dumps(network, indent=2) + "\n"

    def _edit(self, daemon_set: Document) -> None:
        """The interface that holds the node's address, not that of the default route, which may be a NAT or not exist.

        With IPv6 by a pattern of all nodes' addresses: of an interface that is named by one address flannel takes no
        other one (pkg/ipmatch/match.go, 0.28).
        """
        flanneld = container(daemon_set, "kube-flannel")
        if of_family(self.pods, "IPv6"):
            known = "|".join(re.escape(str(address)) for address in self.nodes)
            add_arguments(flanneld, f"--iface-regex=^({known})$")
            return
        set_env(flanneld, "NODE_ADDRESS", {"fieldRef": {"fieldPath": "status.hostIP"}})
        add_arguments(flanneld, "--iface=$(NODE_ADDRESS)")
