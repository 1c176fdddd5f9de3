"""Calico's route reflectors: nodes that pass on the routes of all others, so that not everyone peers with everyone.

They are applied when all nodes have joined, in the order that docs.tigera.io, Configure BGP peering, gives: until then
the nodes are one full mesh. A node reflects by an annotation that Calico's datastore in Kubernetes reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.finish import finished
from kprov.addons.model import KEEP, RELEASE
from kprov.addons.shapes import thing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Chart, Document, OpenPort, SecretFile, Upstream

NAME: Final = "calico-route-reflectors"
_API: Final = "crd.projectcalico.org/v1"
_LABEL: Final = "kprov.io/route-reflector"
_CLUSTER_ID: Final = "244.0.0.1"
"""One for all of them: they back each other up. Any address that is no node's would do."""


@dataclass(frozen=True, slots=True)
class RouteReflectors:
    """Which of the nodes that run pods reflect routes; ``nodes`` are all of them.

    Every node is among the objects: one that reflects no more loses its mark, and when the whole set goes each node
    gets back what the set gave it.
    """

    nodes: tuple[str, ...]
    reflectors: tuple[str, ...]
    name: str = NAME
    version: str = ""
    upstream: tuple[Upstream, ...] = ()
    local: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    kernel: tuple[str, ...] = ()
    kernel_optional: tuple[str, ...] = ()
    ports: tuple[OpenPort, ...] = ()
    notes: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    secrets: tuple[SecretFile, ...] = ()

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:  # noqa: ARG002 - see Addon
        """The peering, then who reflects, and last the end of the mesh."""
        peers: Document = {"nodeSelector": "all()", "peerSelector": f"has({_LABEL})"}
        mesh: Document = {"nodeToNodeMeshEnabled": False}
        return finished(
            (
                thing(_API, "BGPPeer", "kprov-route-reflectors", parts={"spec": peers}),
                *(self._node(name) for name in self.nodes),
                thing(_API, "BGPConfiguration", "default", parts={"spec": mesh}),
            ),
            self.name,
        )

    def _node(self, name: str) -> Document:
        annotations: Document = {KEEP: RELEASE}
        metadata: Document = {"name": name, "annotations": annotations}
        if name in self.reflectors:
            annotations["projectcalico.org/RouteReflectorClusterID"] = _CLUSTER_ID
            metadata["labels"] = {_LABEL: "true"}
        return {"apiVersion": "v1", "kind": "Node", "metadata": metadata}
