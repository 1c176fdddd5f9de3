"""From a cluster file to the add-ons of the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import as_numbers, catalog
from kprov.addons.dashboards.common import NAME as DASHBOARD
from kprov.addons.dashboards.headlamp import Headlamp
from kprov.addons.dashboards.kube_web_view import KubeWebView
from kprov.addons.dashboards.kubernetes_dashboard import KubernetesDashboard
from kprov.addons.model import Chart
from kprov.addons.networks.bridge import Bridge
from kprov.addons.networks.calico import Calico
from kprov.addons.networks.cilium import Cilium
from kprov.addons.networks.flannel import Flannel
from kprov.addons.networks.none import none
from kprov.addons.networks.route_reflectors import RouteReflectors
from kprov.addons.networks.weave import Weave
from kprov.addons.own import Own
from kprov.addons.services.coredns import CoreDns
from kprov.addons.services.local_path import BUSYBOX, PROBE, LocalPath
from kprov.addons.services.metallb import MetalLb
from kprov.addons.services.metrics_server import MetricsServer
from kprov.addons.services.prometheus_stack import PrometheusStack
from kprov.addons.services.published import GatewayApi, IngressNginx
from kprov.addons.services.traefik import Traefik
from kprov.errors import Problem, SpecError
from kprov.release.catalog import minor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from kprov.addons.catalog import Edition, Entry
    from kprov.addons.charted import Charted
    from kprov.addons.model import Addon
    from kprov.release.catalog import Release
    from kprov.spec.model import ClusterSpec

_FLANNEL_MTU: Final = (0, 20)
"""flannel takes an MTU from here on; before, it was calculated and could not be changed (its configuration.md)."""
_FLANNEL_IPV6: Final = (0, 20)
_DASHBOARDS: Final[Mapping[str, type[Headlamp | KubernetesDashboard | KubeWebView]]] = {
    "headlamp": Headlamp,
    "kubernetes-dashboard": KubernetesDashboard,
    "kube-web-view": KubeWebView,
}


def _nowhere(_key: str) -> int:
    return 0


def chosen(
    spec: ClusterSpec, release: Release, *, file: str, line_of: Callable[[str], int] = _nowhere
) -> tuple[Addon, ...]:
    """What runs in the cluster beside Kubernetes, in the order in which it is installed: the network first.

    Args:
        spec: the cluster file.
        release: the rules of its Kubernetes.
        file: the path of the cluster file, for messages.
        line_of: the line of a dotted key in it; 0 where it has none.

    Raises:
        SpecError: with every version that the catalog does not have, or that does not serve this Kubernetes.
    """
    choice = _Choice(spec, release, file, line_of)
    addons: list[Addon] = []
    problems: list[Problem] = []
    for pick in (choice.network, choice.services, choice.dashboard, choice.extras):
        try:
            addons += pick()
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return tuple(addons)


@dataclass(frozen=True, slots=True)
class _Choice:
    """The parts of the answer, each of which may refuse."""

    spec: ClusterSpec
    release: Release
    file: str
    line_of: Callable[[str], int]

    def network(self) -> Iterator[Addon]:
        network = self.spec.network
        if network.plugin == "none":
            yield none(network, self._where("network.manifests"))
            return
        if network.plugin == "bridge":
            yield Bridge()
            return
        key = "network.version" if network.version else "network.plugin"
        entry, edition = self._edition(network.plugin, key, network.version)
        mode: str = network.encapsulation or next(iter(entry.modes), "")
        match network.plugin:
            case "weave":
                yield Weave("weave", entry, edition, self._minor, network.pods, network.mtu, network.password_file)
            case "flannel":
                if "IPv6" in network.families and as_numbers(edition.version) < _FLANNEL_IPV6:
                    wrong = f"flannel {edition.version} is too old for IPv6, which kprov sets up from 0.20 on"
                    raise self._refusal("network.pods", wrong, "Write IPv4 networks alone, or choose another plugin.")
                if network.mtu and as_numbers(edition.version) < _FLANNEL_MTU:
                    wrong = f"flannel {edition.version} takes no MTU: it calculates its own"
                    raise self._refusal("network.mtu", wrong, "Remove it.")
                runs = set(self.spec.control_planes) | set(self.spec.workers)
                having = (node.addresses for name, node in self.spec.nodes.items() if name in runs)
                yield Flannel(
                    "flannel", entry, edition, self._minor, network.pods, mode, network.mtu, tuple(chain(*having))
                )
            case "cilium":
                runs = set(self.spec.control_planes) | set(self.spec.workers)
                yield self._agreed(
                    Cilium(
                        *("cilium", entry, edition, self._minor, self.spec.kubernetes.version, network.values),
                        *(network.pods, mode, network.mtu, len(runs)),
                    ),
                    "network.values",
                )
            case _:
                yield Calico("calico", entry, edition, self._minor, network.pods, mode, network.mtu)
                if self.spec.route_reflectors:
                    runs = set(self.spec.control_planes) | set(self.spec.workers)
                    yield RouteReflectors(
                        tuple(name for name in self.spec.nodes if name in runs), self.spec.route_reflectors
                    )

    def services(self) -> Iterator[Addon]:
        wanted = self.spec.addons
        if wanted.coredns:
            yield CoreDns(wanted.coredns, self.spec.network.dns_domain)
        if wanted.metrics_server:
            yield MetricsServer(*self._catalogued("metrics-server"))
        if wanted.local_path_provisioner:
            settings = wanted.local_path_provisioner
            helper = PROBE if "packages" in self.spec.bundle.source else BUSYBOX
            yield LocalPath(*self._catalogued("local-path-provisioner"), settings.path, settings.default, helper)
        if wanted.metallb:
            yield MetalLb(*self._catalogued("metallb"), wanted.metallb.addresses)
        if wanted.gateway_api:
            yield GatewayApi(*self._catalogued("gateway-api"))
        yield from self._ingress()
        if wanted.kube_prometheus_stack:
            stack, name = wanted.kube_prometheus_stack, "kube-prometheus-stack"
            yield self._agreed(PrometheusStack(*self._charted(name), stack.values, stack), f"addons.{name}.values")

    def _ingress(self) -> Iterator[Addon]:
        wanted = self.spec.addons
        if wanted.traefik:
            there = wanted.gateway_api is not None, wanted.metallb is not None
            traefik = Traefik(*self._charted("traefik"), wanted.traefik.values, wanted.traefik, *there)
            yield self._agreed(traefik, "addons.traefik.values")
        if wanted.ingress_nginx:
            yield IngressNginx(*self._catalogued("ingress-nginx"), wanted.ingress_nginx)

    def _charted(self, name: str) -> tuple[str, Entry, Edition, str, str]:
        """What every add-on of a chart is made of, but for the user's values."""
        return *self._catalogued(name), self.spec.kubernetes.version

    def _agreed(self, addon: Charted, key: str) -> Charted:
        """The add-on, unless the user's values say something else than the cluster file does elsewhere."""
        wrong, right = "is decided by other keys of the cluster file", "Leave it out of the values, and set those keys."
        places = [f"{key}.{path}" for path in addon.contradictions]
        if places:
            raise SpecError([Problem(self.file, self.line_of(place), place, wrong, right) for place in places])
        return addon

    def dashboard(self) -> Iterator[Addon]:
        wanted = self.spec.addons.dashboard
        if wanted:
            entry, edition = self._edition(wanted.kind, "addons.dashboard.kind")
            opened, taints = wanted.access == "lab-open", self.release.control_plane_taints
            yield _DASHBOARDS[wanted.kind](DASHBOARD, entry, edition, self._minor, opened, wanted.port, taints)

    def extras(self) -> Iterator[Addon]:
        for index, each in enumerate(self.spec.addons.extra):
            where = self._where("addons.extra", f"[{index}]")
            if each.chart is None:
                yield Own(each.name, (each,), where)
                continue
            chart = Chart(
                source=each.chart.file or each.chart.url or "",
                release=each.name,
                namespace=each.chart.namespace or each.name,
                kubernetes=self.spec.kubernetes.version,
                values=each.chart.values,
                values_file=each.chart.values_file or "",
                where=f"{where}.chart",
            )
            yield Own(each.name, (each.chart,), f"{where}.chart", charts=(chart,))

    def _where(self, key: str, item: str = "") -> str:
        """A place in the cluster file, for messages; of a list only its first line is known."""
        line = self.line_of(key)
        return f"{self.file}:{line}: {key}{item}" if line else f"{self.file}: {key}{item}"

    @property
    def _minor(self) -> str:
        return minor_of(self.spec.kubernetes.version)

    def _catalogued(self, name: str) -> tuple[str, Entry, Edition, str]:
        """What every add-on of the catalog is made of."""
        entry, edition = self._edition(name, f"addons.{name}")
        return name, entry, edition, self._minor

    def _edition(self, name: str, key: str, wanted: str | None = None) -> tuple[Entry, Edition]:
        """The version that was asked for, else the newest that serves this Kubernetes."""
        entry, kubernetes = catalog().get(name), self.spec.kubernetes.version
        if entry is None:
            raise self._refusal(key, f"`{name}` is not in this version of kprov", f"one of {', '.join(catalog())}")
        served = [edition.version for edition in entry.versions if edition.serves(self._minor)]
        right = f"one of {', '.join(served)}" if served else "Leave it out, or choose another kubernetes.version."
        edition = entry.version(wanted) if wanted else entry.newest(self._minor)
        if edition is None and wanted:
            raise self._refusal(key, f"{name} {wanted} is not in the catalog", right)
        if edition is None:
            known = ", ".join(f"{each.version} serves {each.range}" for each in entry.versions)
            raise self._refusal(key, f"no {name} serves Kubernetes {kubernetes}: {known}", right)
        if not edition.serves(self._minor):
            wrong = f"{name} {edition.version} serves Kubernetes {edition.range}, not {kubernetes}"
            raise self._refusal(key, wrong, right)
        return entry, edition

    def _refusal(self, key: str, wrong: str, right: str) -> SpecError:
        return SpecError([Problem(self.file, self.line_of(key), key, wrong, right)])
