"""The section ``network`` of the cluster file: the plugin, and the networks of pods and services."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Literal, TypeAlias

from pydantic import Field

from kprov.spec.addon_types import AddonVersion, ChartValues
from kprov.spec.addons import Manifest
from kprov.spec.addresses import Family, IpNetwork, Networks, family
from kprov.spec.base import Model
from kprov.spec.types import Domain, FilePath

NetworkPlugin: TypeAlias = Literal["bridge", "calico", "cilium", "flannel", "weave", "none"]
Encapsulation: TypeAlias = Literal["vxlan", "ipip", "bgp", "host-gw"]


class Network(Model):
    """The cluster's networks."""

    plugin: NetworkPlugin = Field(default="calico", description="What connects pods: bridge needs no image at all.")
    version: AddonVersion | None = Field(
        default=None, description="Version of the plugin; absent: the newest that serves this Kubernetes."
    )
    mtu: int | None = Field(
        default=None, ge=576, le=9216, strict=True, description="MTU of pods; absent: the plugin finds it out."
    )
    encapsulation: Encapsulation | None = Field(
        default=None,
        description="How packets go between nodes: calico vxlan, ipip, bgp; flannel and cilium vxlan, host-gw.",
    )
    password_file: FilePath | None = Field(
        default=None, description="weave only: a file with the password that encrypts its traffic."
    )
    values: ChartValues = Field(default_factory=dict, description="cilium only: further values for its chart.")
    manifests: tuple[Manifest, ...] = Field(default=(), description="none only: the manifests of a network of yours.")
    pods: Networks = Field(
        default=(IPv4Network("10.244.0.0/16"),), description="Addresses of pods; two in dual stack, one of each family."
    )
    services: Networks = Field(
        default=(IPv4Network("10.96.0.0/16"),), description="Addresses of services; of the same families as pods."
    )
    dns_domain: Domain = Field(default="cluster.local", description="Domain of the cluster's DNS.")
    node_prefix: int = Field(
        default=24,
        ge=17,
        le=28,
        strict=True,
        description="Prefix length of one node's share of the pods' IPv4 network.",
    )
    node_prefix_v6: int = Field(
        default=64,
        ge=17,
        le=124,
        strict=True,
        description="Prefix length of one node's share of the pods' IPv6 network.",
    )

    @property
    def families(self) -> tuple[Family, ...]:
        """The families that pods and services have; the first is the primary one."""
        return tuple(map(family, self.pods))

    def prefix_of(self, pods: IpNetwork) -> int:
        """The prefix length of a node's share of one of the pods' networks."""
        return self.node_prefix if family(pods) == "IPv4" else self.node_prefix_v6
