"""What all dashboards have in common: one name and namespace, whatever the kind, two accounts, one door.

As every kind belongs to the one set ``dashboard``, another kind takes the place of the last one without leftovers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued
from kprov.addons.shapes import binding, role, rule, thing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kprov.addons.model import Document

NAME: Final = "dashboard"
SPACE: Final = "kprov-dashboard"
VIEWER: Final = (SPACE, "viewer")
"""The account that may look at everything but secrets."""
ADMIN: Final = (SPACE, "admin")
"""The account that may do everything."""

_READ: Final = ("get", "list", "watch")
_SCHEMES: Final = ("http", "https")
_ROLE: Final = "kprov:dashboard-viewer"
_CORE: Final = (
    *("componentstatuses", "configmaps", "endpoints", "events", "limitranges", "namespaces", "nodes"),
    *("persistentvolumeclaims", "persistentvolumes", "pods", "pods/log", "podtemplates", "replicationcontrollers"),
    *("resourcequotas", "serviceaccounts", "services"),
)
"""The core group without secrets, and without what acts: pods/exec, serviceaccounts/token."""
_GROUPS: Final = (
    *("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "apps", "autoscaling", "batch"),
    *("certificates.k8s.io", "coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "metrics.k8s.io"),
    *("networking.k8s.io", "node.k8s.io", "policy", "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io"),
)


@dataclass(frozen=True, slots=True)
class Dashboard(Catalogued):
    """A dashboard; ``taints`` are the keys that keep workloads from control planes, where it runs.

    ``open``: everybody who reaches a node gets in, at ``port``, by HTTP and without login.
    """

    open: bool
    port: int
    taints: tuple[str, ...]

    @property
    def may(self) -> str:
        """What people can do through it where it is open."""
        return "may see and change everything, secrets too"

    @property
    def alarms(self) -> tuple[str, ...]:
        """A door that stands open."""
        if not self.open:
            return ()
        return (f"The dashboard stands open: whoever reaches port {self.port} of a node {self.may}, without login.",)

    def accounts(self) -> tuple[Document, ...]:
        """The namespace, and the two accounts whose tokens let people in."""
        rules = [rule("", _CORE, _READ), *(rule(group, ["*"], _READ) for group in _GROUPS)]
        if not self.open:  # where it is, it may act as the admin, and must not for whoever has the viewer's token
            rules.append(rule("", ["services/proxy"], ["get"], [f"{scheme}:{NAME}:{scheme}" for scheme in _SCHEMES]))
        return (
            thing("v1", "Namespace", SPACE),
            thing("v1", "ServiceAccount", VIEWER[1], SPACE),
            thing("v1", "ServiceAccount", ADMIN[1], SPACE),
            role(_ROLE, rules),
            binding(_ROLE, _ROLE, VIEWER),
            binding("kprov:dashboard-admin", "cluster-admin", ADMIN),
        )

    def deployment(self, kind: str, account: str, container: Document, volumes: Sequence[Document] = ()) -> Document:
        """One pod on a control plane, named after the kind."""
        pods: Document = {
            "serviceAccountName": account,
            "nodeSelector": {"node-role.kubernetes.io/control-plane": "", "kubernetes.io/os": "linux"},
            "tolerations": [{"key": key, "operator": "Exists", "effect": "NoSchedule"} for key in self.taints],
            "containers": [container],
        }
        if volumes:
            pods["volumes"] = list(volumes)
        spec: Document = {
            "replicas": 1,
            "selector": {"matchLabels": _selector(kind)},
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": _selector(kind)}, "spec": pods},
        }
        return thing("apps/v1", "Deployment", kind, SPACE, {"spec": spec})

    def service(self, kind: str, target: str, port: int = 80) -> Document:
        """Inside of the cluster at ``port``; where it is open, on every node too."""
        entry: Document = {"name": target, "port": port, "protocol": "TCP", "targetPort": target}
        if self.open:
            entry["nodePort"] = self.port
        spec: Document = {
            "type": "NodePort" if self.open else "ClusterIP",
            "selector": _selector(kind),
            "ports": [entry],
        }
        return thing("v1", "Service", NAME, SPACE, {"spec": spec})


def _selector(kind: str) -> Document:
    return {"app.kubernetes.io/name": kind}
