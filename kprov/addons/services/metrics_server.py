"""metrics-server: what kubectl top and autoscaling read. Its objects are written here, after upstream's own.

Source: sigs.k8s.io/metrics-server, manifests/base of 0.9.0. It asks for nodes, pods and the review of tokens and of
rights, all of version 1, which every Kubernetes from 1.20 on has.
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
_PORT: Final = 10250
_SPACE: Final = "kube-system"
_ACCOUNT: Final = (_SPACE, _NAME)
_WATCH_LIST: Final = (1, 27)
"""From here on API servers know sendInitialEvents, or refuse it, and client-go 0.35 asks in the older way then."""
_READ: Final = ("get", "list", "watch")
_SELECTOR: Final[Mapping[str, str]] = {"k8s-app": _NAME}


@dataclass(frozen=True, slots=True)
class MetricsServer(Catalogued):
    """metrics-server, one pod."""

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:  # noqa: ARG002 - see Addon
        """Account, rights, program, service, and the API that it serves."""
        return finished((*_rights(), self._deployment(), _service(), _api()), self.name)

    def _environment(self) -> Mapping[str, str]:
        """What an older API server needs: it takes a list by watch for a watch that never tells where the list ends."""
        return {"KUBE_FEATURE_WatchListClient": "false"} if as_numbers(self.minor) < _WATCH_LIST else {}

    def _deployment(self) -> Document:
        container: Document = {
            "name": _NAME,
            "image": f"registry.k8s.io/metrics-server/metrics-server:v{self.version}",
            "args": [
                "--cert-dir=/tmp",
                f"--secure-port={_PORT}",
                "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
                "--kubelet-use-node-status-port",
                "--metric-resolution=15s",
                # kubeadm leaves kubelets with serving certificates that they signed themselves, which nobody can check.
                "--kubelet-insecure-tls",
            ],
            "ports": [{"name": "https", "containerPort": _PORT, "protocol": "TCP"}],
            "livenessProbe": probe("/livez", "https", "HTTPS", periodSeconds=10, failureThreshold=3),
            "readinessProbe": probe(
                "/readyz", "https", "HTTPS", initialDelaySeconds=20, periodSeconds=10, failureThreshold=3
            ),
            "env": [{"name": name, "value": value} for name, value in self._environment().items()],
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
