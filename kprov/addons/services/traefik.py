"""Traefik: a controller for Ingress and, where the cluster has its definitions, for the Gateway API.

Values: the chart's VALUES.md. Its own copy of the Gateway API's definitions is left out: those are another add-on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.charted import Charted
from kprov.addons.documents import name_of

if TYPE_CHECKING:
    from kprov.addons.model import Document
    from kprov.spec.addons import Traefik as Settings

GATEWAY_GROUP: Final = "gateway.networking.k8s.io"


@dataclass(frozen=True, slots=True)
class Traefik(Charted):
    """Traefik with the ports of the cluster file; ``gateway``: the Gateway API is there, ``balanced``: MetalLB is."""

    settings: Settings
    gateway: bool
    balanced: bool

    @property
    def api_versions(self) -> tuple[str, ...]:
        """That of the Gateway API, by its name and by its kinds, where the cluster has it."""
        api, kinds = f"{GATEWAY_GROUP}/v1", ("GatewayClass", "Gateway", "HTTPRoute")
        return (api, *(f"{api}/{kind}" for kind in kinds)) if self.gateway else ()

    @property
    def decided(self) -> Document:
        """Its class, its ports on the nodes, and what it serves."""
        port = self.settings
        return {
            "ingressClass": {"enabled": True, "isDefaultClass": port.default},
            "ports": {"web": {"nodePort": port.http_port}, "websecure": {"nodePort": port.https_port}},
            "providers": {"kubernetesGateway": {"enabled": self.gateway}},
            "service": {"type": "LoadBalancer" if self.balanced else "NodePort"},
        }

    def chosen(self, documents: tuple[Document, ...]) -> tuple[Document, ...]:
        """Without the definitions of the Gateway API."""
        return tuple(
            each
            for each in documents
            if each["kind"] != "CustomResourceDefinition" or not name_of(each).endswith(f".{GATEWAY_GROUP}")
        )
