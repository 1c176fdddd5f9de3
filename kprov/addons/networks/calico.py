"""Calico: addresses of its own, routes or tunnels between nodes, network policies; the Kubernetes API is its store.

What is changed, and why, follows docs.tigera.io for each version: Configuring calico/node, Overlay networking,
Configure IP autodetection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.addons.catalog import Catalogued, as_numbers
from kprov.addons.documents import changed, container, mapping, parse, set_env
from kprov.addons.finish import finished
from kprov.addons.shapes import thing
from kprov.spec.addresses import of_family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.addons.model import Document, OpenPort
    from kprov.spec.addresses import IpNetwork

_POOL: Final = {
    # Always, not CrossSubnet: between nodes of one subnet CrossSubnet sends pods' own addresses onto the wire, which
    # clouds and hypervisors that check sources drop, and one path has one MTU and one thing to verify.
    "vxlan": {"CALICO_IPV4POOL_IPIP": "Never", "CALICO_IPV4POOL_VXLAN": "Always"},
    "ipip": {"CALICO_IPV4POOL_IPIP": "Always", "CALICO_IPV4POOL_VXLAN": "Never"},
    "bgp": {"CALICO_IPV4POOL_IPIP": "Never", "CALICO_IPV4POOL_VXLAN": "Never"},
}
_IPAM: Final = '"type": "calico-ipam"'
"""Where the settings of a pod's network interface name who gives it addresses."""
_BIRD_PROBES: Final = ("-bird-live", "-bird-ready")
_POLICY_V1: Final = (1, 21)
"""policy/v1 and discovery.k8s.io/v1 came with this Kubernetes: the release notes of 1.21."""
SLICES_PORT: Final = 10261
"""Where a control plane serves EndpointSlices to its own API server (the role network, entry slices)."""
_SLICES: Final = "kprov-endpoint-slices"


@dataclass(frozen=True, slots=True)
class Calico(Catalogued):
    """Calico with the pod network, encapsulation and MTU of the cluster file; ``mtu`` None: Calico finds it out."""

    pods: tuple[IpNetwork, ...]
    encapsulation: str
    mtu: int | None

    @property
    def kernel(self) -> tuple[str, ...]:
        """What policies need, and what carries packets."""
        return (*self.entry.kernel, *self.entry.modes[self.encapsulation].kernel)

    @property
    def ports(self) -> tuple[OpenPort, ...]:
        """That of the tunnel or of BGP."""
        return self.entry.modes[self.encapsulation].ports

    @property
    def notes(self) -> tuple[str, ...]:
        """Where a version meets a Kubernetes that its makers do not test it with."""
        if lacks_slices(self.name, self.minor):
            note = (
                f"Calico {self.version} reads EndpointSlices of discovery.k8s.io/v1, which Kubernetes {self.minor} "
                f"does not serve: {_SLICES}.service on control planes does, out of the older version."
            )
            return (note,)
        return ()

    def objects(self, files: Mapping[str, bytes]) -> tuple[Document, ...]:
        """The manifest with this cluster's settings."""
        (source,) = self.upstream
        documents = parse(files[source.url], source.url)
        documents = changed(documents, "ConfigMap", "calico-config", self._configure)
        documents = changed(documents, "DaemonSet", "calico-node", self._edit_node)
        if lacks_slices(self.name, self.minor):
            documents = (*map(_of_policy_v1beta1, documents), *_slices())
        return finished(documents, self.name)

    def _configure(self, config: Document) -> None:
        data = mapping(config, "data")
        data["calico_backend"] = "vxlan" if self.encapsulation == "vxlan" else "bird"
        data["veth_mtu"] = str(self.mtu or 0)  # 0: of the interface, less what the tunnel takes
        if self._pods_v6:
            given = "true" if self._pods_v4 else "false"
            more = f'{_IPAM}, "assign_ipv4": "{given}", "assign_ipv6": "true"'
            # No JSON yet: the container that installs it puts numbers in where it has words.
            data["cni_network_config"] = str(data["cni_network_config"]).replace(_IPAM, more)

    @property
    def _pods_v4(self) -> IpNetwork | None:
        return of_family(self.pods, "IPv4")

    @property
    def _pods_v6(self) -> IpNetwork | None:
        return of_family(self.pods, "IPv6")

    def _edit_node(self, daemon_set: Document) -> None:
        node = container(daemon_set, "calico-node")
        for name, value in _POOL[self.encapsulation].items():
            set_env(node, name, value)
        # The node's address as the kubelet was told it: the first interface of a virtual machine is often its NAT.
        if self._pods_v4:
            set_env(node, "CALICO_IPV4POOL_CIDR", str(self._pods_v4))
            set_env(node, "IP_AUTODETECTION_METHOD", "kubernetes-internal-ip")
        if self._pods_v6:
            for name, value in self._settings_v6(self._pods_v6).items():
                set_env(node, name, value)
        if self.encapsulation == "vxlan":
            for probe in ("livenessProbe", "readinessProbe"):
                action = mapping(node, probe, "exec")
                command = action.get("command")
                action["command"] = (
                    [each for each in command if each not in _BIRD_PROBES] if isinstance(command, list) else []
                )

    def _settings_v6(self, pods: IpNetwork) -> Mapping[str, str]:
        """What docs.tigera.io, Configure dual stack or IPv6 only, adds; IPIP there is none of for IPv6."""
        # A router's number is its IPv4 address, where it has one.
        alone = {"IP": "none", "CALICO_ROUTER_ID": "hash", "CALICO_IPV4POOL_VXLAN": "Never"}
        return {
            "IP6": "autodetect",
            "IP6_AUTODETECTION_METHOD": "kubernetes-internal-ip",
            "FELIX_IPV6SUPPORT": "true",
            "CALICO_IPV6POOL_CIDR": str(pods),
            "CALICO_IPV6POOL_VXLAN": "Always" if self.encapsulation == "vxlan" else "Never",
            "CALICO_IPV6POOL_NAT_OUTGOING": "true",
            **({} if self._pods_v4 else alone),
        }


def lacks_slices(plugin: str, minor: str) -> bool:
    """Whether a network reads EndpointSlices in a version that this Kubernetes does not serve.

    Every Calico of the catalog does: from 3.23 on, says github.com/projectcalico/calico, issue 6129.

    >>> lacks_slices("calico", "1.20"), lacks_slices("calico", "1.33"), lacks_slices("flannel", "1.20")
    (True, False, False)
    """
    return plugin == "calico" and as_numbers(minor) < _POLICY_V1


def _slices() -> tuple[Document, ...]:
    """What leads requests for discovery.k8s.io/v1 to the server at each API server's own side.

    Its priority is the lowest, so that whoever has no wish gets the version that Kubernetes serves itself.
    """
    space = "kube-system"
    where: Document = {"type": "ExternalName", "externalName": "localhost"}
    spec: Document = {
        "group": "discovery.k8s.io",
        "version": "v1",
        "groupPriorityMinimum": 1,
        "versionPriority": 1,
        "insecureSkipTLSVerify": True,
        "service": {"name": _SLICES, "namespace": space, "port": SLICES_PORT},
    }
    return (
        thing("v1", "Service", _SLICES, space, {"spec": where}),
        thing("apiregistration.k8s.io/v1", "APIService", "v1.discovery.k8s.io", parts={"spec": spec}),
    )


def _of_policy_v1beta1(document: Document) -> Document:
    """A disruption budget in the API that Kubernetes before 1.21 has; its fields are the same."""
    if document["kind"] == "PodDisruptionBudget":
        return {**document, "apiVersion": "policy/v1beta1"}
    return document
