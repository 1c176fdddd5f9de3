"""Kubernetes Dashboard 2.7.0: what older books show. Its makers archived it in January 2026; objects are written here.

Sources: github.com/kubernetes/dashboard, aio/deploy/recommended.yaml and docs/common/dashboard-arguments.md of 2.7.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.dashboards.common import SPACE, Dashboard
from kprov.addons.finish import finished
from kprov.addons.shapes import binding, confined, probe, role, rule, thing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document
    from kprov.spec.flaw import Value

# Names that the program itself asks for.
_KIND: Final = "kubernetes-dashboard"
_CERTIFICATES: Final = "kubernetes-dashboard-certs"
_SECRETS: Final = (_CERTIFICATES, "kubernetes-dashboard-csrf", "kubernetes-dashboard-key-holder")
_SETTINGS: Final = "kubernetes-dashboard-settings"
_ACCOUNT: Final = (SPACE, _KIND)


@dataclass(frozen=True, slots=True)
class KubernetesDashboard(Dashboard):
    """The archived dashboard: by HTTPS with a token; open, by HTTP, as an account that may do everything."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What became of it."""
        return ("Kubernetes Dashboard was archived by its makers in January 2026; headlamp is its successor.",)

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:  # noqa: ARG002 - see Addon
        """Accounts, what it keeps, program and service."""
        port, scheme = (9090, "http") if self.open else (8443, "https")
        container: Document = {
            "name": _KIND,
            "image": f"docker.io/kubernetesui/dashboard:v{self.version}",
            "args": self._arguments(),
            "ports": [{"name": scheme, "containerPort": port, "protocol": "TCP"}],
            "livenessProbe": probe("/", scheme, scheme.upper(), initialDelaySeconds=30, timeoutSeconds=30),
            "securityContext": confined(1001),
            "volumeMounts": [
                {"name": "certificates", "mountPath": "/certs"},
                {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - inside of the container
            ],
        }
        volumes: tuple[Document, ...] = (
            {"name": "certificates", "secret": {"secretName": _CERTIFICATES}},
            {"name": "tmp", "emptyDir": {}},
        )
        deployment = self.deployment(_KIND, _KIND, container, volumes)
        service = self.service(_KIND, scheme, 80 if self.open else 443)
        return finished((*self.accounts(), *self._kept(), deployment, service), self.name)

    def _arguments(self) -> list[Value]:
        common = [f"--namespace={SPACE}", "--metrics-provider=none"]
        if not self.open:
            return [*common, "--auto-generate-certificates"]
        # Its own words for what lab books do: HTTP, a button that skips the login, the account's rights for all.
        insecure = ["--insecure-bind-address=0.0.0.0", "--insecure-port=9090"]
        return [*common, *insecure, "--enable-insecure-login", "--enable-skip-login", "--disable-settings-authorizer"]

    def _kept(self) -> tuple[Document, ...]:
        """Its account, where it keeps keys and settings, and the right to write there."""
        rules = [
            rule("", ["secrets"], ["get", "update", "delete"], _SECRETS),
            rule("", ["configmaps"], ["get", "update"], [_SETTINGS]),
        ]
        opened = (binding("kprov:dashboard-open", "cluster-admin", _ACCOUNT),) if self.open else ()
        return (
            thing("v1", "ServiceAccount", _KIND, SPACE),
            *(thing("v1", "Secret", name, SPACE, {"type": "Opaque"}) for name in _SECRETS),
            thing("v1", "ConfigMap", _SETTINGS, SPACE),
            role(_KIND, rules, SPACE),
            binding(_KIND, _KIND, _ACCOUNT, SPACE, local=True),
            *opened,
        )
