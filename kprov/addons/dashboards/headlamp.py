"""Headlamp: the Kubernetes project's dashboard of today. People log in with a token of the viewer or of the admin.

Options: headlamp.dev, Installation, In-cluster; github.com/kubernetes-sigs/headlamp of 0.45.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.dashboards.common import ADMIN, VIEWER, Dashboard
from kprov.addons.finish import finished
from kprov.addons.shapes import confined, probe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document
    from kprov.spec.flaw import Value

_KIND: Final = "headlamp"
_NO_LOGIN: Final = "-unsafe-use-service-account-token"


@dataclass(frozen=True, slots=True)
class Headlamp(Dashboard):
    """Headlamp in the cluster; open, it acts as the admin for everybody."""

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:  # noqa: ARG002 - see Addon
        """Accounts, program and service."""
        arguments: list[Value] = ["-in-cluster", "-plugins-dir=/headlamp/plugins", *([_NO_LOGIN] if self.open else [])]
        container: Document = {
            "name": _KIND,
            "image": f"ghcr.io/headlamp-k8s/headlamp:v{self.version}",
            "args": arguments,
            "ports": [{"name": "http", "containerPort": 4466, "protocol": "TCP"}],
            "readinessProbe": probe("/", "http", timeoutSeconds=10),
            "livenessProbe": probe("/", "http", initialDelaySeconds=30, timeoutSeconds=30),
            # It writes what it learned of clusters and plugins below its home.
            "securityContext": confined(100, writable_root=True),
        }
        deployment = self.deployment(_KIND, (ADMIN if self.open else VIEWER)[1], container)
        return finished((*self.accounts(), deployment, self.service(_KIND, "http")), self.name)
