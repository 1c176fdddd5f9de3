"""kube-web-view: the cluster's objects as plain pages, read-only; an image of it can be assembled from packages.

Options: codeberg.org/hjacobs/kube-web-view, README and docs/setup.rst of 21.2.0. It has no login of its own: whoever
reaches it sees what its account sees, so it always runs as the viewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.dashboards.common import VIEWER, Dashboard
from kprov.addons.finish import finished
from kprov.addons.shapes import confined, probe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document

_KIND: Final = "kube-web-view"


@dataclass(frozen=True, slots=True)
class KubeWebView(Dashboard):
    """kube-web-view, from the image that the bundle assembles."""

    @property
    def may(self) -> str:
        """It only shows, and never secrets."""
        return "sees everything but secrets"

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:  # noqa: ARG002 - see Addon
        """Accounts, program and service."""
        container: Document = {
            "name": _KIND,
            "image": f"kprov.local/kube-web-view:{self.version}",
            "command": ["/usr/bin/python3", "-m", "kube_web"],
            "args": ["--port=8080", "--show-container-logs"],
            "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
            "readinessProbe": probe("/health", "http", timeoutSeconds=5),
            "resources": {"requests": {"cpu": "5m", "memory": "100Mi"}},
            "securityContext": confined(1000),
        }
        deployment = self.deployment(_KIND, VIEWER[1], container)
        return finished((*self.accounts(), deployment, self.service(_KIND, "http")), self.name)
