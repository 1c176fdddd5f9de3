"""kube-prometheus-stack: Prometheus and its operator, Alertmanager, Grafana with dashboards, exporters and alerts.

Values: the chart's values.yaml and that of the Grafana chart inside of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.charted import Charted
from kprov.addons.model import SecretFile

if TYPE_CHECKING:
    from kprov.addons.model import Document
    from kprov.spec.addons import PrometheusStack as Settings

NAME: Final = "kube-prometheus-stack"
_SECRET: Final = "kprov-grafana"  # noqa: S105 - its name


@dataclass(frozen=True, slots=True)
class PrometheusStack(Charted):
    """The stack with the settings of the cluster file."""

    settings: Settings

    @property
    def secrets(self) -> tuple[SecretFile, ...]:
        """Grafana's password, under the keys that its chart looks for."""
        also = (("admin-user", "admin"),)
        return (SecretFile(NAME, _SECRET, "admin-password", self.settings.password_file, also),)

    @property
    def defaults(self) -> Document:
        """Nothing is asked that kubeadm lets listen on 127.0.0.1 alone, or it would count as down for ever."""
        shut = ("kubeControllerManager", "kubeEtcd", "kubeProxy", "kubeScheduler")
        return {name: {"enabled": False} for name in shut}

    @property
    def decided(self) -> Document:
        """The password's place, what Prometheus keeps and where, and no webhook that makes up certificates."""
        prometheus: Document = {"retention": f"{self.settings.retention_days}d"}
        if self.settings.volume_gib:
            claim: Document = {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": f"{self.settings.volume_gib}Gi"}},
            }
            prometheus["storageSpec"] = {"volumeClaimTemplate": {"spec": claim}}
        return {
            "grafana": {"admin": {"existingSecret": _SECRET}},
            "prometheus": {"prometheusSpec": prometheus},
            "prometheusOperator": {"admissionWebhooks": {"enabled": False}, "tls": {"enabled": False}},
        }
