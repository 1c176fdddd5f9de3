"""metrics-server: what kubectl top and autoscaling read. Its objects are written here, after upstream's own.

Sources: sigs.k8s.io/metrics-server, manifests/base of 0.6.4 and of 0.8.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued, as_numbers
from kprov.addons.finish import finished
from kprov.addons.shapes import binding, confined, probe, role, rule, thing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document

_NAME: Final = "metrics-server"
_SPACE: Final = "kube-system"
_ACCOUNT: Final = (_SPACE, _NAME)
_READ: Final = ("get", "list", "watch")
_SELECTOR: Final[Mapping[str, str]] = {"k8s-app": _NAME}


@dataclass(frozen=True, slots=True)
class MetricsServer(Catalogued):
    """metrics-server, one pod."""

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:  # noqa: ARG002 - see Addon
        """Account, rights, program, service, and the API that it serves."""
        return finished((*_rights(), self._deployment(), _service(), _api()), self.name)

    def _deployment(self) -> Document:
        # From 0.7 on it listens on the port that firewalls of clouds open for kubelets.
        port = 10250 if as_numbers(self.version) >= (0, 7) else 4443
        container: Document = {
            "name": _NAME,
            "image": f"registry.k8s.io/metrics-server/metrics-server:v{self.version}",
            "args": [
                "--cert-dir=/tmp",
                f"--secure-port={port}",
                "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
                "--kubelet-use-node-status-port",
                "--metric-resolution=15s",
                # kubeadm leaves kubelets with serving certificates that they signed themselves, which nobody can check.
                "--kubelet-insecure-tls",
            ],
            "ports": [{"name": "https", "containerPort": port, "protocol": "TCP"}],
            "livenessProbe": probe("/livez", "https", "HTTPS", periodSeconds=10, failureThreshold=3),
            "readinessProbe": probe(
                "/readyz", "https", "HTTPS", initialDelaySeconds=20, periodSeconds=10, failureThreshold=3
            ),
            "resources": {"requests": {"cpu": "100m", "memory": "200Mi"}},
            "securityContext": confined(1000),
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - inside of the container
        }
        pods: Document = {
            "serviceAccountName": _NAME,
            "priorityClassName": "system-cluster-critical",
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        }
        spec: Document = {
            "replicas": 1,
            "selector": {"matchLabels": dict(_SELECTOR)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
            "template": {"metadata": {"labels": dict(_SELECTOR)}, "spec": pods},
        }
        return thing("apps/v1", "Deployment", _NAME, _SPACE, {"spec": spec})


def _rights() -> tuple[Document, ...]:
    """What it may read of nodes and pods, and what everybody who may view may read of it."""
    reader = role("system:aggregated-metrics-reader", [rule("metrics.k8s.io", ["pods", "nodes"], _READ)])
    reader["metadata"] = {
        "name": "system:aggregated-metrics-reader",
        "labels": {f"rbac.authorization.k8s.io/aggregate-to-{who}": "true" for who in ("view", "edit", "admin")},
    }
    return (
        thing("v1", "ServiceAccount", _NAME, _SPACE),
        reader,
        role("system:metrics-server", [rule("", ["nodes/metrics"], ["get"]), rule("", ["pods", "nodes"], _READ)]),
        binding("system:metrics-server", "system:metrics-server", _ACCOUNT),
        binding("metrics-server:system:auth-delegator", "system:auth-delegator", _ACCOUNT),
        binding(
            "metrics-server-auth-reader", "extension-apiserver-authentication-reader", _ACCOUNT, _SPACE, local=True
        ),
    )


def _service() -> Document:
    ports: Document = {"name": "https", "port": 443, "protocol": "TCP", "targetPort": "https"}
    return thing("v1", "Service", _NAME, _SPACE, {"spec": {"selector": dict(_SELECTOR), "ports": [ports]}})


def _api() -> Document:
    spec: Document = {
        "group": "metrics.k8s.io",
        "version": "v1beta1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": _NAME, "namespace": _SPACE},
    }
    return thing("apiregistration.k8s.io/v1", "APIService", "v1beta1.metrics.k8s.io", parts={"spec": spec})
