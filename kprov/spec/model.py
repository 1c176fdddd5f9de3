"""The cluster file as data: every key, its type, its one default and its help. No other room has defaults of its own.

Models are frozen and forbid unknown keys. What one field alone cannot tell (duplicates, overlaps, counts) is checked in
``rules.py``; how a file becomes a model, with line numbers, is in ``load.py``.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Role: TypeAlias = Literal["control-plane", "etcd", "worker"]
EndpointMode: TypeAlias = Literal["node-local", "vip", "external", "single"]
NetworkPlugin: TypeAlias = Literal["bridge", "calico", "cilium", "flannel", "weave", "none"]
SourceName: TypeAlias = Literal["upstream", "packages", "directory"]

_DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_DNS_NAME = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"

Port: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
Version: TypeAlias = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class Model(BaseModel):
    """The base of all parts: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Kubernetes(Model):
    """Which Kubernetes."""

    version: Version = Field(default="1.20.2", description="Version of Kubernetes, in full: 1.36.4.")


class Taint(Model):
    """A taint that a node registers with."""

    key: str = Field(description="Key of the taint.")
    value: str = Field(default="", description="Value of the taint.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(description="What the taint does.")


class Node(Model):
    """One machine. Names and addresses may be ranges in the file; here they are expanded."""

    address: IPv4Address = Field(description="Address on which the other nodes reach this one; a range: 10.0.0.[11:13].")
    roles: tuple[Role, ...] = Field(min_length=1, description="What the node is: control-plane, etcd, worker.")
    ssh_address: str = Field(default="", description="Where SSH reaches the node, if not at its address.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels that the node registers with.")
    taints: tuple[Taint, ...] = Field(default=(), description="Taints beside those that its roles bring.")


class Ssh(Model):
    """How the machines are reached."""

    user: str = Field(default="root", min_length=1, description="Login name; another than root needs sudo.")
    port: Port = Field(default=22, description="Port of sshd.")
    key: str | None = Field(default=None, description="Private key; absent: one of the cluster's own is made.")
    bastion: str | None = Field(default=None, description="Jump host, as user@host:port.")


class Endpoint(Model):
    """How clients and nodes find the API servers."""

    mode: EndpointMode = Field(
        default="node-local", description="node-local: a HAProxy on every node; vip, external, single: see the docs."
    )
    address: str | None = Field(default=None, description="Address or name of the endpoint, for vip and external.")
    port: Port | None = Field(default=None, description="Port of the endpoint; 8443 for node-local, else 6443.")


class Network(Model):
    """The cluster's networks."""

    plugin: NetworkPlugin = Field(default="calico", description="What connects pods: bridge needs no image at all.")
    pods: IPv4Network = Field(default=IPv4Network("10.244.0.0/16"), description="Addresses of pods.")
    services: IPv4Network = Field(default=IPv4Network("10.96.0.0/16"), description="Addresses of services.")
    dns_domain: str = Field(default="cluster.local", pattern=_DNS_NAME, description="Domain of the cluster's DNS.")
    node_prefix: int = Field(default=24, ge=17, le=28, description="Prefix length of one node's share of the pods' network.")


class Etcd(Model):
    """Where etcd runs."""

    topology: Literal["stacked", "external"] = Field(
        default="stacked", description="stacked: on the control planes; external: on nodes with the role etcd alone."
    )


class Runtime(Model):
    """What runs containers."""

    name: Literal["containerd"] = Field(default="containerd", description="Container runtime.")


class Bundle(Model):
    """Where everything that a cluster is made of comes from."""

    source: tuple[SourceName, ...] = Field(
        default=("upstream",), min_length=1, description="upstream, packages or directory; a list is tried in order."
    )
    directory: str | None = Field(default=None, description="The folder, for the source directory.")


class Lab(Model):
    """Machines that kprov makes; absent: the machines exist already."""

    provider: Literal["podman", "docker", "vagrant"] = Field(description="What makes the machines.")
    subnet: IPv4Network | None = Field(default=None, description="The lab's network; absent: the /24 of the nodes.")
    cpus: int = Field(default=2, ge=1, le=64, description="Processors of a machine (virtual machines only).")
    memory_mib: int = Field(default=2048, ge=512, description="Memory of a machine in MiB (virtual machines only).")


class ClusterSpec(Model):
    """The whole cluster file, ranges expanded and defaults filled in."""

    cluster: str = Field(pattern=_DNS_LABEL, max_length=30, description="Name of the cluster: a DNS label.")
    kubernetes: Kubernetes = Field(default_factory=Kubernetes, description="Which Kubernetes.")
    nodes: dict[str, Node] = Field(min_length=1, description="The machines by name; w[101:106]-k8s names six.")
    ssh: Ssh = Field(default_factory=Ssh, description="How the machines are reached.")
    endpoint: Endpoint = Field(default_factory=Endpoint, description="How the API servers are found.")
    network: Network = Field(default_factory=Network, description="The cluster's networks.")
    etcd: Etcd = Field(default_factory=Etcd, description="Where etcd runs.")
    runtime: Runtime = Field(default_factory=Runtime, description="What runs containers.")
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
