"""Cilium: eBPF in the kernel instead of a bridge and iptables; network policies, also by names and HTTP.

By its chart, and not by its command line tool: that would install from this machine into the cluster by itself, from a
chart that it carries, and nothing of that could be looked at, pruned or carried into a room without a registry.
Values: the chart's values.yaml of 1.19 and 1.20; docs.cilium.io, IP Address Management, Routing, Kubernetes without
kube-proxy, System Requirements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.addons.charted import Charted
from kprov.spec.addresses import family

if TYPE_CHECKING:
    from kprov.addons.model import Document, OpenPort
    from kprov.spec.addresses import IpNetwork


@dataclass(frozen=True, slots=True)
class Cilium(Charted):
    """Cilium with the pod network, encapsulation and MTU of the cluster file; ``nodes`` is how many run pods."""

    pods: tuple[IpNetwork, ...]
    encapsulation: str
    mtu: int | None
    nodes: int

    @property
    def kernel(self) -> tuple[str, ...]:
        """What its programs need, and what carries packets."""
        return (*self.entry.kernel, *self.entry.modes[self.encapsulation].kernel)

    @property
    def ports(self) -> tuple[OpenPort, ...]:
        """That of its health checks, and that of the tunnel."""
        return (*self.entry.ports, *self.entry.modes[self.encapsulation].ports)

    @property
    def defaults(self) -> Document:
        """Nothing that makes up certificates, and images by their tags: archives that people bring have no digests."""
        by_tag: Document = {"useDigest": False}
        return {
            "hubble": {"enabled": False},
            "image": dict(by_tag),
            "envoy": {"image": dict(by_tag)},
            # Two by default, never on one node: the second of a single node would wait for ever.
            "operator": {"replicas": min(2, self.nodes), "image": dict(by_tag)},
        }

    @property
    def decided(self) -> Document:
        """Each node has the share of the pods' network that Kubernetes gives it, and kube-proxy stays kubeadm's."""
        tunnel: Document = {"routingMode": "tunnel", "tunnelProtocol": "vxlan"}
        routes: Document = {
            "routingMode": "native",
            "autoDirectNodeRoutes": True,
            **{f"{family(each).lower()}NativeRoutingCIDR": str(each) for each in self.pods},
        }
        mtu: Document = {"MTU": self.mtu} if self.mtu else {}
        return {
            "ipam": {"mode": "kubernetes"},
            "k8s": {f"require{family(each)}PodCIDR": True for each in self.pods},
            **self._families(),
            "kubeProxyReplacement": "false",
            **(routes if self.encapsulation == "host-gw" else tunnel),
            **mtu,
        }

    def _families(self) -> Document:
        """IPv4 is the chart's default, and what tunnels between nodes are made of."""
        families = tuple(map(family, self.pods))
        if "IPv6" not in families:
            return {}
        without: Document = {"ipv4": {"enabled": False}, "underlayProtocol": "ipv6"}
        return {"ipv6": {"enabled": True}, **({} if "IPv4" in families else without)}
