"""What the machines are meant to become, as far as the rules need to know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.spec.model import ClusterSpec, NetworkPlugin

_CONTROL_PLANE_PORTS: Final = {6443: "kube-apiserver", 10257: "kube-controller-manager", 10259: "kube-scheduler"}
_ETCD_PORTS: Final = {2379: "etcd", 2380: "etcd"}
_KUBELET_PORTS: Final = {10250: "kubelet"}
"""Ports and who will listen there: kubernetes.io, Reference, Networking, Ports and Protocols."""


@dataclass(frozen=True, slots=True)
class ExpectedHost:
    """One machine as it is meant to be. ``ports`` maps each TCP port it needs to the process that will listen there."""

    name: str
    address: str
    control_plane: bool
    etcd: bool
    ports: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Expectations:
    """The cluster as it is meant to be.

    ``minor`` is Kubernetes' version up to the minor: ``(1, 36)``. ``shared_kernel``: the machines are containers; swap,
    clock, modules and hardware are the host's, and nothing of theirs.
    """

    cluster: str
    minor: tuple[int, int]
    plugin: NetworkPlugin
    shared_kernel: bool
    hosts: Mapping[str, ExpectedHost]


def expect(spec: ClusterSpec, *, shared_kernel: bool = False) -> Expectations:
    """What a cluster file expects of its machines.

    Args:
        spec: the cluster file.
        shared_kernel: the fact of this name that the lab's provider tells; machines that exist already have their own.
    """
    major, minor, _patch = spec.kubernetes.version.split(".")
    return Expectations(
        cluster=spec.cluster,
        minor=(int(major), int(minor)),
        plugin=spec.network.plugin,
        shared_kernel=shared_kernel,
        hosts={name: _expected_host(spec, name) for name in spec.nodes},
    )


def _expected_host(spec: ClusterSpec, name: str) -> ExpectedHost:
    control_plane = name in spec.control_planes
    etcd = name in spec.etcd_members
    ports: dict[int, str] = {}
    if control_plane or name in spec.workers:
        ports |= _KUBELET_PORTS
        if spec.endpoint.mode == "node-local":
            ports[spec.endpoint_port] = "haproxy"
    if control_plane:
        ports |= _CONTROL_PLANE_PORTS
    if etcd:
        ports |= _ETCD_PORTS
    return ExpectedHost(name, str(spec.nodes[name].address), control_plane, etcd, dict(sorted(ports.items())))
