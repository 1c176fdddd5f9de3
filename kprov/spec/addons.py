"""The section ``addons`` of the cluster file, and manifests of the user's own."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import Field, model_validator

from kprov.spec.addon_types import AddonName, ChartValues, Folder, HostNames, NamespaceName, Pool, Sha256, Url
from kprov.spec.addresses import Address
from kprov.spec.base import Model
from kprov.spec.types import FilePath


class Manifest(Model):
    """Objects of the user's own: a file, or a URL with its sha256."""

    file: FilePath | None = Field(default=None, description="A manifest beside the cluster file.")
    url: Url | None = Field(default=None, description="A manifest that is fetched; its sha256 must be given.")
    sha256: Sha256 | None = Field(default=None, description="The sha256 of what is behind the url.")


class Chart(Manifest):
    """A Helm chart of the user's own; kprov renders it, Helm installs nothing."""

    file: FilePath | None = Field(default=None, description="The chart's archive, beside the cluster file: shop-1.tgz.")
    url: Url | None = Field(default=None, description="The chart's archive, fetched; its sha256 must be given.")
    namespace: NamespaceName | None = Field(
        default=None, description="Where it goes; absent: a namespace of the set's own name, which goes with it."
    )
    values: ChartValues = Field(
        default_factory=dict, description="Values for the chart; they go over those of the file."
    )
    values_file: FilePath | None = Field(default=None, description="A file with values, beside the cluster file.")


class Dashboard(Model):
    """A page in the browser that shows the cluster."""

    kind: Literal["headlamp", "kubernetes-dashboard", "kube-web-view"] = Field(description="Which dashboard.")
    access: Literal["token", "lab-open"] = Field(
        default="token", description="token: inside the cluster, by login; lab-open: from everywhere, without."
    )
    port: int = Field(
        default=31000, ge=30000, le=32767, strict=True, description="Port on the nodes, for access lab-open."
    )


class CoreDns(Model):
    """The cluster's DNS, which kubeadm installs."""

    replicas: int = Field(default=2, ge=1, le=20, strict=True, description="How many pods answer.")
    upstream: tuple[Address, ...] = Field(default=(), description="Servers for other names; absent: those of the node.")
    hosts: dict[Address, HostNames] = Field(default_factory=dict, description="Names of your own, by their address.")


class MetricsServer(Model):
    """What kubectl top and autoscaling read."""


class LocalPath(Model):
    """Volumes in a folder of the node that a pod runs on."""

    path: Folder = Field(default="/var/lib/kprov/local-path", description="The folder on every node.")
    default: bool = Field(default=True, strict=True, description="Whether it is the default StorageClass.")


class MetalLb(Model):
    """Addresses for services of the type LoadBalancer, announced on the nodes' network."""

    addresses: tuple[Pool, ...] = Field(min_length=1, description="Free addresses: 10.0.0.200-10.0.0.220.")


class Traefik(Model):
    """A controller for Ingress, and for the Gateway API where gateway-api is there."""

    default: bool = Field(default=True, strict=True, description="Whether its IngressClass is the default.")
    http_port: int = Field(default=30080, ge=30000, le=32767, strict=True, description="Port for HTTP on every node.")
    https_port: int = Field(default=30443, ge=30000, le=32767, strict=True, description="Port for HTTPS on every node.")
    values: ChartValues = Field(default_factory=dict, description="Further values for its chart.")


class GatewayApi(Model):
    """The kinds of the Gateway API: Gateway, HTTPRoute and others; a controller serves them."""


class IngressNginx(Model):
    """A controller for Ingress that its maintainers have retired."""

    default: bool = Field(default=True, strict=True, description="Whether its IngressClass is the default.")
    http_port: int = Field(default=30080, ge=30000, le=32767, strict=True, description="Port for HTTP on every node.")
    https_port: int = Field(default=30443, ge=30000, le=32767, strict=True, description="Port for HTTPS on every node.")


class PrometheusStack(Model):
    """Monitoring: Prometheus, Alertmanager and Grafana."""

    password_file: FilePath = Field(description="A file with the password of Grafana's account admin.")
    retention_days: int = Field(
        default=10, ge=1, le=3650, strict=True, description="How long Prometheus keeps figures."
    )
    volume_gib: int | None = Field(
        default=None, ge=1, strict=True, description="Size of Prometheus' volume; absent: its figures go with its pod."
    )
    values: ChartValues = Field(default_factory=dict, description="Further values for its chart.")


class Extra(Manifest):
    """Objects of the user's own under a name."""

    name: AddonName = Field(description="Name of this set of objects.")
    chart: Chart | None = Field(default=None, description="A Helm chart in the place of a manifest.")


class Addons(Model):
    """What runs in the cluster beside Kubernetes and its network; an absent key is not installed."""

    dashboard: Dashboard | None = Field(default=None, description="A dashboard.")
    coredns: CoreDns | None = Field(default=None, description="Settings of CoreDNS; absent: those of kubeadm.")
    metrics_server: MetricsServer | None = Field(
        default=None, alias="metrics-server", description="What kubectl top and autoscaling read."
    )
    local_path_provisioner: LocalPath | None = Field(
        default=None, alias="local-path-provisioner", description="Volumes in a folder of the node."
    )
    metallb: MetalLb | None = Field(default=None, description="Addresses for services of the type LoadBalancer.")
    gateway_api: GatewayApi | None = Field(
        default=None, alias="gateway-api", description="The kinds of the Gateway API, without a controller."
    )
    traefik: Traefik | None = Field(default=None, description="A controller for Ingress and the Gateway API.")
    ingress_nginx: IngressNginx | None = Field(
        default=None, alias="ingress-nginx", description="A controller for Ingress, retired by its maintainers."
    )
    kube_prometheus_stack: PrometheusStack | None = Field(
        default=None, alias="kube-prometheus-stack", description="Monitoring: Prometheus, Alertmanager and Grafana."
    )
    extra: tuple[Extra, ...] = Field(default=(), description="Manifests and charts of your own.")

    @model_validator(mode="before")
    @classmethod
    def _empty_is_wanted(cls, data: object) -> object:
        """A key without a value is an add-on with every default: ``metrics-server:``."""
        if not isinstance(data, dict):
            return data
        given = cast("dict[object, object]", data)
        return {key: {} if value is None and key != "extra" else value for key, value in given.items()}
