"""The cluster file as data: every key, its type, its one default and its help. No other room has defaults of its own.

Models are frozen and forbid unknown keys. What one field alone cannot tell (duplicates, overlaps, counts) is checked in
``rules.py``; how a file becomes a model, with line numbers, is in ``load.py``.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Literal, TypeAlias

from pydantic import Field

from kprov.spec.addon_types import Mirror, MirroredHost
from kprov.spec.addons import Addons, Manifest
from kprov.spec.addresses import Address, Host, IpAddress, SshAddress, neighbourhood
from kprov.spec.base import Model
from kprov.spec.components import Arguments, Component, Gates, Kubelet, KubeProxy, Oidc
from kprov.spec.control_plane import Audit, Encryption, PodSecurity
from kprov.spec.lab import Hardware, Lab, Vagrant
from kprov.spec.network import Encapsulation, Network, NetworkPlugin
from kprov.spec.types import (
    Bastion,
    ClusterName,
    FilePath,
    LabelKey,
    LabelValue,
    Port,
    Repository,
    Role,
    Roles,
    SourceName,
    Sources,
    User,
    Version,
)

__all__ = [
    "Addons",
    "Audit",
    "Bundle",
    "ClusterSpec",
    "Component",
    "Encapsulation",
    "Encryption",
    "Endpoint",
    "EndpointMode",
    "Etcd",
    "Hardware",
    "KubeProxy",
    "Kubelet",
    "Kubernetes",
    "Lab",
    "Manifest",
    "Model",
    "Network",
    "NetworkPlugin",
    "Node",
    "Oidc",
    "PodSecurity",
    "Role",
    "Runtime",
    "SourceName",
    "Ssh",
    "Taint",
    "Vagrant",
]

EndpointMode: TypeAlias = Literal["node-local", "vip", "external", "single"]
TaintEffect: TypeAlias = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class Kubernetes(Model):
    """Which Kubernetes, and what holds for all of its parts."""

    version: Version = Field(
        default="1.20.2", description="Version of Kubernetes in full, 1.36.4; or newest: the sources' newest."
    )
    image_repository: Repository | None = Field(
        default=None, description="Where Kubernetes' own images are; absent: the release's registry."
    )
    feature_gates: Gates = Field(default_factory=dict, description="Feature gates of all components: NAME: true.")
    patches: FilePath | None = Field(
        default=None, description="A folder with kubeadm's patches, beside this file: kube-apiserver0+merge.yaml."
    )
    certificate_days: int | None = Field(
        default=None, ge=1, le=36500, strict=True, description="How long certificates are valid; absent: 365 days."
    )
    ca_certificate_days: int | None = Field(
        default=None,
        ge=1,
        le=36500,
        strict=True,
        description="How long the cluster's CAs are valid; absent: 3650 days.",
    )


class Taint(Model):
    """A taint that a node registers with."""

    key: LabelKey = Field(description="Key of the taint.")
    value: LabelValue = Field(default="", description="Value of the taint.")
    effect: TaintEffect = Field(description="What the taint does.")


class Node(Model):
    """One machine. Names and addresses may be ranges in the file; here they are expanded.

    ``address`` is of the cluster's primary family: what the nodes reach one another by.
    """

    address: Address = Field(description="Address on which the other nodes reach this one; a range: 10.0.0.[11:13].")
    second_address: Address | None = Field(
        default=None, description="Its address of the other family, in dual stack; a range: fd00::[11:13]."
    )
    roles: Roles = Field(description="What the node is: control-plane, etcd, worker, route-reflector.")
    architecture: Literal["amd64", "arm64"] | None = Field(
        default=None, description="Architecture of the machine; absent: that of the machine which runs kprov."
    )
    ssh_address: SshAddress = Field(default="", description="Where SSH reaches the node, if not at its address.")
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict, description="Labels that the node registers with.")
    taints: tuple[Taint, ...] = Field(default=(), description="Taints beside those that its roles bring.")
    machine: Hardware | None = Field(
        default=None, description="What its machine has other than lab says (machines that kprov makes only)."
    )

    @property
    def addresses(self) -> tuple[IpAddress, ...]:
        """All addresses of the node, that of the primary family first."""
        return (self.address, self.second_address) if self.second_address else (self.address,)


class Ssh(Model):
    """How the machines are reached."""

    user: User = Field(default="root", description="Login name; another than root needs sudo.")
    port: Port = Field(default=22, description="Port of sshd.")
    key: FilePath | None = Field(default=None, description="Private key; absent: one of the cluster's own is made.")
    bastion: Bastion | None = Field(default=None, description="Jump host, as user@host:port.")


class Endpoint(Model):
    """How clients and nodes find the API servers."""

    mode: EndpointMode = Field(
        default="node-local", description="node-local: a HAProxy on every node; vip, external, single: see the docs."
    )
    address: Host | None = Field(default=None, description="Address or name of the endpoint, for vip and external.")
    port: Port | None = Field(default=None, description="Port of the endpoint; 8443 for node-local, else 6443.")


class Etcd(Model):
    """Where etcd runs."""

    topology: Literal["stacked", "external"] = Field(
        default="stacked", description="stacked: on the control planes; external: on nodes with the role etcd alone."
    )
    args: Arguments = Field(default_factory=dict, description="Arguments of etcd by name, without dashes.")


class Runtime(Model):
    """What runs containers."""

    name: Literal["containerd"] = Field(default="containerd", description="Container runtime.")


class Bundle(Model):
    """Where everything that a cluster is made of comes from."""

    source: Sources = Field(
        default=("upstream",), description="upstream, packages or directory; a list is tried in order."
    )
    directory: FilePath | None = Field(default=None, description="The folder, for the source directory.")
    mirrors: dict[MirroredHost, Mirror] = Field(
        default_factory=dict,
        description="Where files of a host are fetched instead; '*': a base to which /<host>/<path> is added.",
    )


class ClusterSpec(Model):
    """The whole cluster file, ranges expanded and defaults filled in."""

    cluster: ClusterName = Field(description="Name of the cluster: a DNS label.")
    kubernetes: Kubernetes = Field(default_factory=Kubernetes, description="Which Kubernetes.")
    nodes: dict[str, Node] = Field(min_length=1, description="The machines by name; w[101:106]-k8s names six.")
    ssh: Ssh = Field(default_factory=Ssh, description="How the machines are reached.")
    endpoint: Endpoint = Field(default_factory=Endpoint, description="How the API servers are found.")
    network: Network = Field(default_factory=Network, description="The cluster's networks.")
    etcd: Etcd = Field(default_factory=Etcd, description="Where etcd runs.")
    runtime: Runtime = Field(default_factory=Runtime, description="What runs containers.")
    encryption: Encryption | None = Field(
        default=None, description="How objects are encrypted before they are stored; absent: they are not."
    )
    audit: Audit | None = Field(default=None, description="What API servers write down; absent: nothing.")
    pod_security: PodSecurity | None = Field(
        default=None, description="What pods may do where nothing else is said; absent: everything."
    )
    oidc: Oidc | None = Field(default=None, description="Logins by tokens of an OpenID Connect provider; absent: none.")
    api_server: Component = Field(default_factory=Component, description="What API servers are told beyond that.")
    controller_manager: Component = Field(
        default_factory=Component, description="What controller managers are told beyond what kprov tells them."
    )
    scheduler: Component = Field(
        default_factory=Component, description="What schedulers are told beyond what kprov tells them."
    )
    kubelet: Kubelet = Field(default_factory=Kubelet, description="What every kubelet is told.")
    kube_proxy: KubeProxy = Field(default_factory=KubeProxy, description="What every kube-proxy is told.")
    addons: Addons = Field(default_factory=Addons, description="What runs in the cluster beside Kubernetes.")
    bundle: Bundle = Field(default_factory=Bundle, description="Where the parts come from.")
    lab: Lab | None = Field(default=None, description="Machines that kprov makes; absent: they exist already.")

    def named(self, role: Role) -> tuple[str, ...]:
        """The names of the nodes with this role, in the order of the file."""
        return tuple(name for name, node in self.nodes.items() if role in node.roles)

    @property
    def control_planes(self) -> tuple[str, ...]:
        """The names of the control planes, in the order of the file; the first is where kubeadm init runs."""
        return self.named("control-plane")

    @property
    def etcd_members(self) -> tuple[str, ...]:
        """The names of the nodes that run etcd: stacked, the control planes; external, those with the role alone."""
        return self.control_planes if self.etcd.topology == "stacked" else self.named("etcd")

    @property
    def workers(self) -> tuple[str, ...]:
        """The names of the nodes that carry workloads."""
        return self.named("worker")

    @property
    def route_reflectors(self) -> tuple[str, ...]:
        """The names of the nodes that pass on Calico's routes, in the order of the file."""
        return self.named("route-reflector")

    @property
    def endpoint_host(self) -> str:
        """The name or address in ``controlPlaneEndpoint``."""
        match self.endpoint.mode:
            case "node-local":
                return f"api.{self.cluster}.internal"
            case "single":
                return str(self.nodes[self.control_planes[0]].address)
            case _:
                return self.endpoint.address or ""

    @property
    def endpoint_port(self) -> int:
        """The port in ``controlPlaneEndpoint``: node-local needs one that the API servers do not take themselves."""
        return self.endpoint.port or (8443 if self.endpoint.mode == "node-local" else 6443)

    @property
    def lab_subnet(self) -> IPv4Network | None:
        """The lab's network, the stated one or else the /24 of the first node; None without a lab, or without IPv4."""
        if self.lab is None:
            return None
        around = neighbourhood(next(iter(self.nodes.values())).address)
        return self.lab.subnet or (around if isinstance(around, IPv4Network) else None)
