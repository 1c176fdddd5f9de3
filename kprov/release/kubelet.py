"""What kubelets and kube-proxies are configured with.

Sources: the references of kubelet.config.k8s.io/v1beta1 and kubeproxy.config.k8s.io/v1alpha1; for cgroup v1 the release
notes of 1.35, for swap those of 1.22 (memorySwap) and 1.28 (LimitedSwap in its present form).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.spec.addresses import joined

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.release.catalog import Release
    from kprov.release.kubeadm import Document
    from kprov.spec.model import ClusterSpec

KUBELET_DECIDES: Final[Mapping[str, str]] = {
    "cgroupDriver": "containerd, which kprov configures to match",
    "clusterDNS": "network.services",
    "clusterDomain": "network.dns_domain",
    "failCgroupV1": "kubelet.cgroup_v1",
    "failSwapOn": "kubelet.swap",
    "featureGates": "kubernetes.feature_gates",
    "maxPods": "kubelet.max_pods",
    "memorySwap": "kubelet.swap",
    "staticPodPath": "kubeadm",
}
"""Fields that have another place in the cluster file, or none."""
PROXY_DECIDES: Final[Mapping[str, str]] = {
    "clusterCIDR": "network.pods",
    "featureGates": "kubernetes.feature_gates",
    "mode": "kube_proxy.mode",
}


def kubelet_configuration(spec: ClusterSpec, release: Release, *, shared_kernel: bool) -> Document:
    """KubeletConfiguration: the same on every node.

    On machines that share the host's kernel the kubelet may not lower its own OOM score, and the swap and the cgroups
    that it sees are the host's: it neither touches the one nor minds the others.
    """
    document: Document = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "systemd",
        "clusterDomain": spec.network.dns_domain,
        "clusterDNS": [str(spec.network.services[0][10])],
    }
    if shared_kernel:
        document["oomScoreAdj"] = 0
    if release.refuses_cgroup_v1 and (shared_kernel or spec.kubelet.cgroup_v1):
        document["failCgroupV1"] = False
    if spec.kubelet.swap != "refuse" and (shared_kernel or spec.kubelet.swap):
        document["failSwapOn"] = False
    if spec.kubelet.swap == "limited":
        document["memorySwap"] = {"swapBehavior": "LimitedSwap"}
    if spec.kubelet.max_pods:
        document["maxPods"] = spec.kubelet.max_pods
    return {**document, **_gates(spec), **spec.kubelet.config}


def kube_proxy_configuration(spec: ClusterSpec, *, shared_kernel: bool) -> Document:
    """KubeProxyConfiguration; on a shared kernel the connection tracking limits are the host's and stay as they are."""
    document: Document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": spec.kube_proxy.mode,
        "clusterCIDR": joined(spec.network.pods),
    }
    if shared_kernel:
        document |= {"oomScoreAdj": 0, "conntrack": {"maxPerCore": 0, "min": 0}}
    return {**document, **_gates(spec), **spec.kube_proxy.config}


def _gates(spec: ClusterSpec) -> Document:
    gates = spec.kubernetes.feature_gates
    return {"featureGates": dict(sorted(gates.items()))} if gates else {}
