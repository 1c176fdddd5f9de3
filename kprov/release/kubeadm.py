"""kubeadm's own configuration documents, one set per node, without any secret.

Sources: the kubeadm configuration reference of v1beta2 (1.20), v1beta3 and v1beta4 (1.31 on), the references of
kubelet.config.k8s.io/v1beta1 and kubeproxy.config.k8s.io/v1alpha1. The certificate key and the join token are put in on
the node, at the last moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from kprov.release.control_plane import settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.release.catalog import Release
    from kprov.spec.model import ClusterSpec, Node

Document: TypeAlias = "dict[str, object]"

API_PORT = 6443
DISCOVERY_FILE = "/run/kprov/discovery.conf"
"""Where the node finds the cluster while it joins; a tmpfs, removed after the join."""
_HEALTH_TIMEOUT = "4m0s"
_DISCOVERY_TIMEOUT = "1s"
"""kubeadm of the v1beta2 days waits for five seconds, at most its timeout, before it first looks for the cluster
(cmd/kubeadm/app/discovery/file/file.go, 1.20). The cluster is known to be there; where it is not, it is asked anew."""
_ETCD_TIMERS = {"heartbeat-interval": "250", "election-timeout": "5000"}
"""In milliseconds; etcd's own are 100 and 1000 (etcd v3.4, docs/tuning.md). A second member counts from the moment that
it is announced, some seconds before it runs; a leader that gives up in that time cuts off every client of the API."""


def extra_args(release: Release, args: Mapping[str, str]) -> object:
    """Arguments in the form of the API: a mapping up to v1beta3, a list of name and value from v1beta4 on."""
    if release.kubeadm_api == "v1beta4":
        return [{"name": name, "value": value} for name, value in sorted(args.items())]
    return dict(sorted(args.items()))


def cluster_configuration(spec: ClusterSpec, release: Release, audit_policy: Document | None = None) -> Document:
    """ClusterConfiguration: the same on every control plane; ``audit_policy`` is the user's own, where there is one."""
    api_server: Document = {"certSANs": list(_names(spec))}
    told = settings(spec, audit_policy)
    if told.args:
        api_server |= {"extraArgs": extra_args(release, told.args), "extraVolumes": list(told.volumes)}
    if release.kubeadm_api != "v1beta4":
        api_server["timeoutForControlPlane"] = _HEALTH_TIMEOUT
    return {
        "apiVersion": f"kubeadm.k8s.io/{release.kubeadm_api}",
        "kind": "ClusterConfiguration",
        "clusterName": spec.cluster,
        "kubernetesVersion": f"v{spec.kubernetes.version}",
        "imageRepository": release.image_repository,
        "controlPlaneEndpoint": f"{spec.endpoint_host}:{spec.endpoint_port}",
        "networking": {
            "podSubnet": str(spec.network.pods),
            "serviceSubnet": str(spec.network.services),
            "dnsDomain": spec.network.dns_domain,
        },
        "etcd": {"local": {"extraArgs": extra_args(release, _ETCD_TIMERS)}},
        "apiServer": api_server,
        "controllerManager": {
            "extraArgs": extra_args(release, {"node-cidr-mask-size": str(spec.network.node_prefix)}),
        },
    }


def _names(spec: ClusterSpec) -> Sequence[str]:
    """Every name and address that a client may use for an API server."""
    planes = [(name, str(spec.nodes[name].address)) for name in spec.control_planes]
    reached = [spec.nodes[name].ssh_address for name in spec.control_planes]
    given = [spec.endpoint_host, "localhost", "127.0.0.1", *(item for pair in planes for item in pair), *reached]
    return tuple(dict.fromkeys(item for item in given if item))


def _node_registration(release: Release, name: str, node: Node) -> Document:
    args = {"node-ip": str(node.address)}
    if node.labels:
        args["node-labels"] = ",".join(f"{key}={value}" for key, value in sorted(node.labels.items()))
    taints = [{"key": t.key, "effect": t.effect, **({"value": t.value} if t.value else {})} for t in node.taints]
    if "control-plane" in node.roles and "worker" not in node.roles:
        taints = [{"key": key, "effect": "NoSchedule"} for key in release.control_plane_taints] + taints
    return {
        "name": name,
        "criSocket": release.cri_socket,
        "kubeletExtraArgs": extra_args(release, args),
        "taints": taints,
    }


def _local_endpoint(node: Node) -> Document:
    return {"advertiseAddress": str(node.address), "bindPort": API_PORT}


def init_configuration(release: Release, name: str, node: Node) -> Document:
    """InitConfiguration of the control plane that founds the cluster."""
    document: Document = {
        "apiVersion": f"kubeadm.k8s.io/{release.kubeadm_api}",
        "kind": "InitConfiguration",
        "nodeRegistration": _node_registration(release, name, node),
        "localAPIEndpoint": _local_endpoint(node),
    }
    if release.kubeadm_api == "v1beta4":
        document["timeouts"] = {"controlPlaneComponentHealthCheck": _HEALTH_TIMEOUT}
    return document


def join_configuration(release: Release, name: str, node: Node) -> Document:
    """JoinConfiguration of any later node; a control plane carries its own endpoint."""
    discovery: Document = {"file": {"kubeConfigPath": DISCOVERY_FILE}}
    if release.kubeadm_api == "v1beta2":
        discovery["timeout"] = _DISCOVERY_TIMEOUT
    document: Document = {
        "apiVersion": f"kubeadm.k8s.io/{release.kubeadm_api}",
        "kind": "JoinConfiguration",
        "discovery": discovery,
        "nodeRegistration": _node_registration(release, name, node),
    }
    if "control-plane" in node.roles:
        document["controlPlane"] = {"localAPIEndpoint": _local_endpoint(node)}
    if release.kubeadm_api == "v1beta4":
        document["timeouts"] = {"controlPlaneComponentHealthCheck": _HEALTH_TIMEOUT}
    return document


def kubelet_configuration(spec: ClusterSpec, *, shared_kernel: bool) -> Document:
    """KubeletConfiguration: the same on every node.

    On machines that share the host's kernel the kubelet may not lower its own OOM score, and the swap it sees is the
    host's: it neither touches the one nor minds the other.
    """
    document: Document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "clusterDomain": spec.network.dns_domain,
        "clusterDNS": [str(spec.network.services[10])],
    }
    if shared_kernel:
        document |= {"oomScoreAdj": 0, "failSwapOn": False}
    return document


def kube_proxy_configuration(spec: ClusterSpec, *, shared_kernel: bool) -> Document:
    """KubeProxyConfiguration; on a shared kernel the connection tracking limits are the host's and stay as they are."""
    document: Document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": str(spec.network.pods),
    }
    if shared_kernel:
        document |= {"oomScoreAdj": 0, "conntrack": {"maxPerCore": 0, "min": 0}}
    return document
