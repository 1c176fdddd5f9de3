"""From a cluster file to the add-ons of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.addons.catalog import as_numbers, catalog
from kprov.addons.networks.bridge import Bridge
from kprov.addons.networks.calico import Calico
from kprov.addons.networks.flannel import Flannel
from kprov.addons.networks.none import none
from kprov.addons.networks.weave import Weave
from kprov.errors import Problem, SpecError
from kprov.release.catalog import minor_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.addons.catalog import Edition
    from kprov.addons.model import Addon
    from kprov.spec.model import ClusterSpec

_FLANNEL_MTU = (0, 20)
"""flannel takes an MTU from here on; before, it was calculated and could not be changed (its configuration.md)."""


def _nowhere(_key: str) -> int:
    return 0


def chosen(spec: ClusterSpec, *, file: str, line_of: Callable[[str], int] = _nowhere) -> tuple[Addon, ...]:
    """What runs in the cluster beside Kubernetes, in the order in which it is installed: the network first.

    Args:
        spec: the cluster file.
        file: its path, for messages.
        line_of: the line of a dotted key in it; 0 where it has none.

    Raises:
        SpecError: a version that the catalog does not have, or none that serves this Kubernetes.
    """
    return (_network(spec, file, line_of),)


def _network(spec: ClusterSpec, file: str, line_of: Callable[[str], int]) -> Addon:
    network, minor = spec.network, minor_of(spec.kubernetes.version)
    if network.plugin == "none":
        return none(network)
    if network.plugin == "bridge":
        return Bridge()
    key = "network.version" if network.version else "network.plugin"
    edition = _edition(network.plugin, network.version, spec.kubernetes.version, file, line_of(key))
    match network.plugin:
        case "weave":
            return Weave("weave", edition, minor, network.pods, network.mtu, network.password_file)
        case "flannel":
            if network.mtu and as_numbers(edition.version) < _FLANNEL_MTU:
                wrong = f"flannel {edition.version} takes no MTU: it calculates its own"
                problem = Problem(file, line_of("network.mtu"), "network.mtu", wrong, "Remove it.")
                raise SpecError([problem])
            return Flannel("flannel", edition, minor, network.pods, _mode(spec), network.mtu)
        case _:
            return Calico("calico", edition, minor, network.pods, _mode(spec), network.mtu)


def _mode(spec: ClusterSpec) -> str:
    """The encapsulation of the cluster file, else the plugin's first."""
    return spec.network.encapsulation or next(iter(catalog()[spec.network.plugin].modes))


def _edition(name: str, wanted: str | None, kubernetes: str, file: str, line: int) -> Edition:
    """The version that was asked for, else the newest that serves this Kubernetes."""
    entry, minor = catalog().get(name), minor_of(kubernetes)
    key = "network.version" if wanted else "network.plugin"
    if entry is None:
        raise SpecError(
            [Problem(file, line, key, f"`{name}` is not in this version", f"one of {', '.join(catalog())}")]
        )
    served = [edition.version for edition in entry.versions if edition.serves(minor)]
    right = f"one of {', '.join(served)}" if served else "another network, or another kubernetes.version"
    edition = entry.version(wanted) if wanted else entry.newest(minor)
    if edition is None:
        known = ", ".join(f"{each.version} (Kubernetes {each.range})" for each in entry.versions)
        wrong = (
            f"{name} {wanted} is not known" if wanted else f"no {name} serves Kubernetes {kubernetes}; known: {known}"
        )
        raise SpecError([Problem(file, line, key, wrong, right)])
    if not edition.serves(minor):
        wrong = f"{name} {edition.version} serves Kubernetes {edition.range}, not {kubernetes}"
        raise SpecError([Problem(file, line, key, wrong, right)])
    return edition
