"""What the machines are meant to become, as far as the rules need to know it."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import catalog
from kprov.addons.model import OpenPort
from kprov.preflight.facts import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.addons.model import Addon
    from kprov.spec.addresses import IpNetwork
    from kprov.spec.model import ClusterSpec, NetworkPlugin

_KUBELET: Final = (OpenPort("tcp", 10250, "kubelet"),)
_CONTROL_PLANE: Final = (
    OpenPort("tcp", 6443, "kube-apiserver"),
    OpenPort("tcp", 10257, "kube-controller-manager"),
    OpenPort("tcp", 10259, "kube-scheduler"),
)
_ETCD: Final = (OpenPort("tcp", 2379, "etcd"), OpenPort("tcp", 2380, "etcd"))
"""Ports and who will listen there: kubernetes.io, Reference, Networking, Ports and Protocols."""


_PODS: Final[tuple[IpNetwork, ...]] = (IPv4Network("10.244.0.0/16"),)
_SERVICES: Final[tuple[IpNetwork, ...]] = (IPv4Network("10.96.0.0/16"),)


@dataclass(frozen=True, slots=True)
class Needs:
    """What an add-on needs of the kernel of every machine that runs pods, by its name.

    ``optional`` is what it uses where it is there. ``modes`` are a network's encapsulations, with what each of them
    needs; another one may do without what is missing.
    """

    addon: str
    kernel: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    modes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExpectedHost:
    """One machine as it is meant to be: its ports and who needs each, and what is needed of its kernel."""

    name: str
    address: str
    control_plane: bool
    etcd: bool
    ports: Mapping[OpenPort, str]
    needs: tuple[Needs, ...] = ()
    second_address: str = ""
    architecture: str = ""


@dataclass(frozen=True, slots=True)
class Expectations:
    """The cluster as it is meant to be.

    ``minor`` is Kubernetes' version up to the minor: ``(1, 36)``. ``shared_kernel``: the machines are containers; swap,
    clock, modules and hardware are the host's, and nothing of theirs. ``reach`` has, for each machine, the ports that
    it must reach on every other one. ``one_segment``: packets of pods go from machine to machine without a router.
    ``system_runtime``: containerd is the machine's own, not the bundle's. ``any_architecture``: the bundle can be for
    several at once.
    ``pods_mtu`` is what the cluster file says about the size of pods' packets.
    """

    cluster: str
    minor: tuple[int, int]
    plugin: NetworkPlugin
    shared_kernel: bool
    hosts: Mapping[str, ExpectedHost]
    reach: Mapping[str, Mapping[str, tuple[OpenPort, ...]]] = field(default_factory=dict)
    pods: tuple[IpNetwork, ...] = _PODS
    services: tuple[IpNetwork, ...] = _SERVICES
    domain: str = "cluster.local"
    one_segment: bool = False
    pods_mtu: int | None = None
    system_runtime: bool = False
    any_architecture: bool = True


def expect(
    spec: ClusterSpec,
    addons: Sequence[Addon] = (),
    *,
    shared_kernel: bool = False,
    system_runtime: bool | None = None,
) -> Expectations:
    """What a cluster file expects of its machines.

    Args:
        spec: the cluster file.
        addons: the add-ons that it asks for.
        shared_kernel: the fact of this name that the lab's provider tells; machines that exist already have their own.
        system_runtime: whether the bundle lacks containerd; None: there is no bundle yet, and its source tells.
    """
    by_upstream = "upstream" in spec.bundle.source
    major, minor, _patch = spec.kubernetes.version.split(".")
    return Expectations(
        cluster=spec.cluster,
        minor=(int(major), int(minor)),
        plugin=spec.network.plugin,
        shared_kernel=shared_kernel,
        hosts={name: _expected_host(spec, addons, name) for name in spec.nodes},
        reach={name: _reach(spec, addons, name) for name in spec.nodes},
        pods=spec.network.pods,
        services=spec.network.services,
        domain=spec.network.dns_domain,
        one_segment=spec.network.plugin == "bridge" or spec.network.encapsulation == "host-gw",
        pods_mtu=spec.network.mtu,
        system_runtime=not by_upstream if system_runtime is None else system_runtime,
        any_architecture=by_upstream,
    )


def _reach(spec: ClusterSpec, addons: Sequence[Addon], name: str) -> Mapping[str, tuple[OpenPort, ...]]:
    """Which ports one machine must reach on the others: kubernetes.io, Ports and Protocols, the column Used By."""
    planes, members = set(spec.control_planes), set(spec.etcd_members)
    run_pods = planes | set(spec.workers)
    between_pods = tuple(dict.fromkeys(port for addon in addons for port in addon.ports))

    def to(peer: str) -> tuple[OpenPort, ...]:
        ports: tuple[OpenPort, ...] = ()
        if peer in planes and name in run_pods:
            ports += _CONTROL_PLANE[:1]
        if peer in members and name in planes:
            ports += _ETCD[:1]
        if peer in members and name in members:
            ports += _ETCD[1:]
        if peer in run_pods and name in planes:
            ports += _KUBELET
        if peer in run_pods and name in run_pods:
            ports += between_pods
        return ports

    return {peer: to(peer) for peer in spec.nodes if peer != name}


def _expected_host(spec: ClusterSpec, addons: Sequence[Addon], name: str) -> ExpectedHost:
    control_plane = name in spec.control_planes
    etcd = name in spec.etcd_members
    runs_pods = control_plane or name in spec.workers
    ports: list[OpenPort] = []
    if runs_pods:
        ports += _KUBELET
        if spec.endpoint.mode == "node-local":
            ports.append(OpenPort("tcp", spec.endpoint_port, "haproxy"))
    if control_plane:
        ports += _CONTROL_PLANE
    if etcd:
        ports += _ETCD
    needed = {port: port.process for port in ports}
    if runs_pods:
        needed |= {port: addon.name for addon in addons for port in addon.ports}
    needs = tuple(_needs(addon) for addon in addons if addon.kernel or addon.kernel_optional) if runs_pods else ()
    node = spec.nodes[name]
    second = str(node.second_address or "")
    # As the bundle has it: what the cluster file does not say is this machine's own.
    architecture = node.architecture or ARCHITECTURES.get(platform.machine(), "")
    return ExpectedHost(name, str(node.address), control_plane, etcd, needed, needs, second, architecture)


def _needs(addon: Addon) -> Needs:
    entry = catalog().get(addon.name)
    modes = {name: (*entry.kernel, *mode.kernel) for name, mode in entry.modes.items()} if entry else {}
    return Needs(addon.name, addon.kernel, addon.kernel_optional, modes)
