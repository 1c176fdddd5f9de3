"""What people can choose from: networks, dashboards and services, and which of them a cluster file asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from kprov.addons.catalog import catalog
from kprov.addons.dashboards.common import NAME as DASHBOARD
from kprov.release.catalog import minor_of
from kprov.spec.addons import Dashboard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.spec.addons import Extra
    from kprov.spec.model import ClusterSpec

Kind: TypeAlias = Literal["network", "dashboard", "service", "own"]

DASHBOARDS: Final[tuple[str, ...]] = get_args(Dashboard.model_fields["kind"].annotation)
SERVICES: Final = (
    *("coredns", "metrics-server", "local-path-provisioner", "metallb"),
    *("gateway-api", "traefik", "ingress-nginx", "kube-prometheus-stack"),
)
"""Those with a key of their own below ``addons``."""
NETWORKS: Final = ("bridge", "calico", "cilium", "flannel", "weave")

_ABOUT: Final[Mapping[str, str]] = {
    "bridge": "plain routes on one layer-2 segment; needs no image",
    "calico": "VXLAN, IPIP or BGP; enforces NetworkPolicy",
    "cilium": "eBPF; VXLAN or plain routes; enforces NetworkPolicy",
    "flannel": "VXLAN or plain routes; no NetworkPolicy",
    "weave": "a mesh that can encrypt; NetworkPolicy; no maker any more",
    "headlamp": "dashboard of the Kubernetes project",
    "kubernetes-dashboard": "dashboard of older books; archived by its makers",
    "kube-web-view": "plain read-only pages; its image is made of packages",
    "coredns": "settings of the cluster's DNS, which kubeadm installs",
    "metrics-server": "what kubectl top and autoscaling read",
    "local-path-provisioner": "volumes in a folder of the node",
    "metallb": "addresses for services of the type LoadBalancer",
    "gateway-api": "the kinds Gateway, HTTPRoute and others; a controller serves them",
    "traefik": "controller for Ingress and the Gateway API",
    "ingress-nginx": "controller for Ingress; retired by its maintainers in March 2026",
    "kube-prometheus-stack": "monitoring: Prometheus, Alertmanager, Grafana",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that can run in the cluster; ``version`` is empty where it has none, or none serves this Kubernetes.

    ``served``: whether this Kubernetes can have it. ``about`` is one line.
    """

    name: str
    kind: Kind
    enabled: bool
    served: bool
    version: str
    about: str


def offers(spec: ClusterSpec) -> tuple[Offer, ...]:
    """Everything that kprov knows to install, and what the cluster file has of its own."""
    dashboard = spec.addons.dashboard
    wanted = {spec.network.plugin, *enabled(spec), *([dashboard.kind] if dashboard else [])}
    kinds: Mapping[Kind, tuple[str, ...]] = {"network": NETWORKS, "dashboard": DASHBOARDS, "service": SERVICES}
    known = tuple(_offer(spec, name, kind, name in wanted) for kind, names in kinds.items() for name in names)
    return (
        *known,
        *(Offer(each.name, "own", True, True, "", _source(each)) for each in spec.addons.extra),
    )


def _source(extra: Extra) -> str:
    """Where a set of the user's own comes from."""
    given = extra.chart or extra
    return f"{'the chart ' if extra.chart else ''}{given.file or given.url}"


def enabled(spec: ClusterSpec) -> tuple[str, ...]:
    """The keys below ``addons`` that the cluster file asks for.

    >>> from kprov.spec.load import loads
    >>> nodes = "nodes: {m1: {address: 10.0.0.11, roles: [control-plane]}}"
    >>> enabled(loads(f"cluster: lab\\naddons: {{metrics-server: {{}}}}\\n{nodes}", "cluster.yaml").spec)
    ('metrics-server',)
    """
    given = spec.addons.model_dump(by_alias=True)
    return tuple(name for name in (DASHBOARD, *SERVICES) if given[name] is not None)


def _offer(spec: ClusterSpec, name: str, kind: Kind, wanted: bool) -> Offer:
    entry = catalog().get(name)
    version = spec.network.version if kind == "network" and wanted else None
    edition = entry.newest(minor_of(spec.kubernetes.version)) if entry else None
    found = version or (edition.version if edition else "")
    return Offer(name, kind, wanted, entry is None or edition is not None, found, _ABOUT[name])
