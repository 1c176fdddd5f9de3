"""Rules on what a network plugin takes and what only another one would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.spec.flaw import ANY, Flaw, Loc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kprov.spec.model import ClusterSpec, Encapsulation, Manifest, NetworkPlugin

_PLUGIN: Loc = ("network", "plugin")

ENCAPSULATIONS: Final[Mapping[NetworkPlugin, tuple[Encapsulation, ...]]] = {
    "calico": ("vxlan", "ipip", "bgp"),
    "cilium": ("vxlan", "host-gw"),
    "flannel": ("vxlan", "host-gw"),
}
"""By plugin, the default first."""

_TAKEN_BY: Final[Mapping[str, tuple[NetworkPlugin, ...]]] = {
    "version": ("calico", "weave", "flannel", "cilium"),
    "mtu": ("calico", "weave", "flannel", "cilium"),
    "encapsulation": tuple(ENCAPSULATIONS),
    "password_file": ("weave",),
    "manifests": ("none",),
    "values": ("cilium",),
}


def plugin_settings(spec: ClusterSpec) -> Iterator[Flaw]:
    """No setting that the plugin does not take."""
    network = spec.network
    for key, plugins in _TAKEN_BY.items():
        if getattr(network, key) and network.plugin not in plugins:
            wrong = f"is not used: network.plugin {network.plugin} does not take it"
            right = f"Remove it, or set network.plugin to {' or '.join(plugins)}."
            yield Flaw(("network", key), wrong, right, None, (_PLUGIN,))
    can = ENCAPSULATIONS.get(network.plugin, ())
    at: Loc = ("network", "encapsulation")
    if network.encapsulation and can and network.encapsulation not in can:
        wrong = f"{network.encapsulation} is nothing that {network.plugin} does"
        yield Flaw(at, wrong, f"Write {' or '.join(can)}.", None, (_PLUGIN,))
    if network.mtu and network.plugin == "flannel" and network.encapsulation == "host-gw":
        wrong = f"{network.mtu} is not used: with encapsulation host-gw packets have the MTU of the nodes' interfaces"
        yield Flaw(("network", "mtu"), wrong, "Remove it.", None, (_PLUGIN, at))


def route_reflectors(spec: ClusterSpec) -> Iterator[Flaw]:
    """Route reflectors are nodes that run Calico, where it tells routes by BGP."""
    network, by_bgp = spec.network, ("ipip", "bgp")
    needs: tuple[Loc, ...] = (_PLUGIN, ("network", "encapsulation"))
    for name in spec.route_reflectors:
        at: Loc = ("nodes", name, "roles")
        if not {"control-plane", "worker"} & set(spec.nodes[name].roles):
            wrong = f"{name} reflects routes but runs no pods, and Calico runs as pods"
            yield Flaw(at, wrong, "Add worker; a taint keeps other pods away.")
        if network.plugin != "calico":
            wrong = f"{name} has the role route-reflector, and network.plugin {network.plugin} has none"
            yield Flaw(at, wrong, "Remove it, or set network.plugin to calico.", None, needs)
        elif network.encapsulation not in by_bgp:
            wrong = f"{name} has the role route-reflector, and with encapsulation vxlan no routes are told by BGP"
            yield Flaw(at, wrong, f"Remove it, or set network.encapsulation to {' or '.join(by_bgp)}.", None, needs)


def manifests(spec: ClusterSpec) -> Iterator[Flaw]:
    """Each manifest is a file, or a URL with the sha256 of what is there."""
    yield from _each(("network", "manifests"), spec.network.manifests)
    for index, extra in enumerate(spec.addons.extra):
        at: Loc = ("addons", "extra", index)
        if extra.chart is None:
            yield from _one(at, extra)
        elif extra.file or extra.url:
            right = "Leave one of the two out."
            yield Flaw(at, "names a manifest and a chart", right, None, (("addons", ANY),))
        else:
            yield from _one((*at, "chart"), extra.chart)


def _each(loc: Loc, given: Sequence[Manifest]) -> Iterator[Flaw]:
    for index, each in enumerate(given):
        yield from _one((*loc, index), each)


def _one(at: Loc, each: Manifest) -> Iterator[Flaw]:
    needs: tuple[Loc, ...] = ((at[0], ANY),)
    if bool(each.file) == bool(each.url):
        wrong = "names a file and a URL" if each.file else "names neither a file nor a URL"
        yield Flaw(at, wrong, "Write {file: PATH}, or {url: URL, sha256: SUM}.", None, needs)
    elif each.url and not each.sha256:
        right = "Add sha256: what sha256sum prints for the file that you have read and trust."
        yield Flaw(at, f"{each.url} has no sha256", right, None, needs)
    elif each.file and each.sha256:
        wrong = f"the sha256 is not used: {each.file} is a file beside the cluster file"
        yield Flaw(at, wrong, "Remove it.", None, needs)
