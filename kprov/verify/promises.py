"""What is promised of the network and of the add-ons, read from the cluster file and the objects that are applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kprov.addons.dashboards.common import NAME as DASHBOARD
from kprov.addons.documents import items, mapping, name_of
from kprov.addons.networks.route_reflectors import NAME as ROUTE_REFLECTORS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kprov.addons.model import Document
    from kprov.spec.model import ClusterSpec

KINDS: Final = ("DaemonSet", "Deployment", "StatefulSet")
"""What keeps pods running; all are of the API apps/v1."""
_OPERATED: Final = {"Prometheus": "prometheus", "Alertmanager": "alertmanager"}
"""Kinds of the Prometheus operator, and how the StatefulSets are called that it makes of them."""
METRICS: Final = "metrics-server"
_LOCAL_PATH: Final = "local-path-provisioner"
_PLUGINS: Final = {
    "bridge": ("10-kprov.conflist", False),
    "calico": ("10-calico.conflist", True),
    "cilium": ("05-cilium.conflist", True),
    "flannel": ("10-flannel.conflist", False),
    "weave": ("10-weave.conflist", True),
}
"""The file that each puts into ``/etc/cni/net.d``, as its makers' manifest (weave: launch.sh) names it, and whether it
enforces NetworkPolicy."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One object that keeps pods running; ``addon`` is the set that it belongs to."""

    addon: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Network:
    """What connects pods.

    ``configuration`` is its file in ``/etc/cni/net.d``; empty where the user brought a network of which nothing is
    known. ``mtu`` of pods, in bytes; None: the plugin finds it out. ``enforces``: it enforces NetworkPolicy.
    """

    plugin: str
    configuration: str = ""
    mtu: int | None = None
    enforces: bool = False

    def __str__(self) -> str:
        return self.plugin


@dataclass(frozen=True, slots=True)
class Storage:
    """A StorageClass of an add-on; ``default``: it is meant to be the cluster's only default."""

    addon: str
    name: str
    default: bool

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Door:
    """Where the dashboard answers: a service, and with ``open`` also ``port`` of every node, by ``scheme``."""

    namespace: str
    service: str
    scheme: str
    open: bool
    port: int


@dataclass(frozen=True, slots=True)
class Promises:
    """Everything beside Kubernetes itself that the cluster is held to.

    ``pools`` are the addresses that services of the type LoadBalancer are given, as ranges or networks.
    ``sets`` are the names of the add-ons, the network's among them where it has objects; ``workloads`` are all theirs.
    """

    network: Network = field(default_factory=lambda: Network("none"))
    sets: tuple[str, ...] = ()
    workloads: tuple[Workload, ...] = ()
    storage: tuple[Storage, ...] = ()
    doors: tuple[Door, ...] = ()
    metrics: bool = False
    pools: tuple[str, ...] = ()

    @property
    def plugin_workloads(self) -> tuple[Workload, ...]:
        """What the network consists of."""
        return tuple(each for each in self.workloads if each.addon == network_set(self.network.plugin))

    @property
    def services(self) -> tuple[Workload, ...]:
        """What all other add-ons consist of."""
        return tuple(each for each in self.workloads if each.addon != network_set(self.network.plugin))


def network_set(plugin: str) -> str:
    """The name of the network's set of objects: the plugin's own, or that of the user's manifests."""
    return "network" if plugin == "none" else plugin


def promises(spec: ClusterSpec, objects: Mapping[str, Sequence[Document]]) -> Promises:
    """What a cluster file promises beside Kubernetes itself.

    Args:
        spec: the cluster file.
        objects: what was made of it: the objects of each set, by its name. Sets that the file does not ask for are
            nobody's promise; of those that were never made nothing but their name is known.
    """
    network, wanted = spec.network, tuple(_sets(spec))
    configuration, enforces = _PLUGINS.get(network.plugin, ("", False))
    made = {name: objects.get(name, ()) for name in wanted}
    return Promises(
        network=Network(network.plugin, configuration, network.mtu, enforces),
        sets=wanted,
        workloads=tuple(workload for name, documents in made.items() for workload in _workloads(name, documents)),
        storage=tuple(_storage(made.get(_LOCAL_PATH, ()), default=_is_default(spec))),
        doors=tuple(_doors(spec, made.get(DASHBOARD, ()))),
        metrics=METRICS in wanted,
        pools=tuple(map(str, spec.addons.metallb.addresses)) if spec.addons.metallb else (),
    )


def _sets(spec: ClusterSpec) -> Iterator[str]:
    if spec.network.plugin != "bridge" and (spec.network.plugin != "none" or spec.network.manifests):
        yield network_set(spec.network.plugin)
    addons = spec.addons
    named = {
        ROUTE_REFLECTORS: spec.route_reflectors,
        "coredns": addons.coredns,
        METRICS: addons.metrics_server,
        _LOCAL_PATH: addons.local_path_provisioner,
        "metallb": addons.metallb,
        "gateway-api": addons.gateway_api,
        "traefik": addons.traefik,
        "ingress-nginx": addons.ingress_nginx,
        "kube-prometheus-stack": addons.kube_prometheus_stack,
        DASHBOARD: addons.dashboard,
    }
    yield from (name for name, wanted in named.items() if wanted)
    yield from (each.name for each in addons.extra)


def _is_default(spec: ClusterSpec) -> bool:
    return spec.addons.local_path_provisioner is not None and spec.addons.local_path_provisioner.default


def _workloads(addon: str, documents: Sequence[Document]) -> Iterator[Workload]:
    """What keeps pods running; of what an operator makes later the name is known by now."""
    for each in documents:
        if each["kind"] in _OPERATED and mapping(each, "spec").get("replicas") != 0:
            namespace = str(mapping(each, "metadata").get("namespace") or "default")
            yield Workload(addon, "StatefulSet", namespace, f"{_OPERATED[str(each['kind'])]}-{name_of(each)}")
        if each["kind"] in KINDS and mapping(each, "spec").get("replicas") != 0:
            namespace = str(mapping(each, "metadata").get("namespace") or "default")
            yield Workload(addon, str(each["kind"]), namespace, name_of(each))


def _storage(documents: Sequence[Document], *, default: bool) -> Iterator[Storage]:
    yield from (Storage(_LOCAL_PATH, name_of(each), default) for each in documents if each["kind"] == "StorageClass")


def _doors(spec: ClusterSpec, documents: Sequence[Document]) -> Iterator[Door]:
    wanted = spec.addons.dashboard
    for each in documents:
        if wanted and each["kind"] == "Service" and name_of(each) == DASHBOARD:
            ports = items(mapping(each, "spec"), "ports")
            scheme = "https" if any(port.get("name") == "https" for port in ports) else "http"
            namespace = str(mapping(each, "metadata").get("namespace", ""))
            yield Door(namespace, DASHBOARD, scheme, wanted.access == "lab-open", wanted.port)
