"""kubeadm's own configuration documents, without any secret.

Sources: the kubeadm configuration references of v1beta2 (to 1.21), v1beta3 (1.22 to 1.30) and v1beta4 (1.31 on). The
certificate key and the join token are put in on the node, at the last moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from kprov.release import etcd
from kprov.release.control_plane import NO_FILES, OwnFiles, component, gates, settings
from kprov.spec.addresses import family, host_port, joined

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.release.catalog import Release
    from kprov.spec.model import ClusterSpec, Node

Document: TypeAlias = "dict[str, object]"

API_PORT = 6443
DISCOVERY_FILE = "/run/kprov/discovery.conf"
"""Where the node finds the cluster while it joins; a tmpfs, removed after the join."""
PATCHES = "/etc/kubernetes/kprov/patches"
"""Where control planes have the user's own patches."""
_USUAL_PODS = (8, 24)
"""Prefix lengths of pods' networks of IPv4 that kubeadm lets pass by its own /24 for a node (1.36)."""
_ETCD_HEALTH = "http://127.0.0.1:2381"
_HEALTH_TIMEOUT = "4m0s"
_DISCOVERY_TIMEOUT = "1s"
"""kubeadm of the v1beta2 days waits for five seconds, at most its timeout, before it first looks for the cluster
(cmd/kubeadm/app/discovery/file/file.go, 1.20). The cluster is known to be there; where it is not, it is asked anew."""
_CGROUP_CHECK = "SystemVerification"
"""The check of kubeadm that refuses cgroup v1 from 1.35 on (k8s.io/system-validators, cgroup_validator_linux.go)."""


def extra_args(release: Release, args: Mapping[str, str]) -> object:
    """Arguments in the form of the API: a mapping up to v1beta3, a list of name and value from v1beta4 on."""
    if release.kubeadm_api == "v1beta4":
        return [{"name": name, "value": value} for name, value in sorted(args.items())]
    return dict(sorted(args.items()))


def cluster_configuration(spec: ClusterSpec, release: Release, own: OwnFiles = NO_FILES) -> Document:
    """ClusterConfiguration: the same on every control plane; ``own`` is what the user's own files say."""
    told = settings(spec, own)
    api_server: Document = {"certSANs": list(_names(spec)), **_told(release, told.args, told.volumes)}
    if release.kubeadm_api != "v1beta4":
        api_server["timeoutForControlPlane"] = _HEALTH_TIMEOUT
    manager = component(spec.controller_manager, {**_shares(spec, release), **gates(spec)})
    scheduler = component(spec.scheduler, gates(spec))
    document: Document = {
        "apiVersion": f"kubeadm.k8s.io/{release.kubeadm_api}",
        "kind": "ClusterConfiguration",
        "clusterName": spec.cluster,
        "kubernetesVersion": f"v{spec.kubernetes.version}",
        "imageRepository": spec.kubernetes.image_repository or release.image_repository,
        "controlPlaneEndpoint": host_port(spec.endpoint_host, spec.endpoint_port),
        "networking": {
            "podSubnet": joined(spec.network.pods),
            "serviceSubnet": joined(spec.network.services),
            "dnsDomain": spec.network.dns_domain,
        },
        "etcd": _etcd(spec, release),
        "apiServer": api_server,
        "controllerManager": _told(release, manager.args, manager.volumes),
    }
    if scheduler.args or scheduler.volumes:
        document["scheduler"] = _told(release, scheduler.args, scheduler.volumes)
    for key, days in (
        ("certificateValidityPeriod", spec.kubernetes.certificate_days),
        ("caCertificateValidityPeriod", spec.kubernetes.ca_certificate_days),
    ):
        if days:
            document[key] = f"{days * 24}h0m0s"
    return document


def _told(release: Release, args: Mapping[str, str], volumes: Sequence[Document]) -> Document:
    """A component's ``extraArgs`` and ``extraVolumes``, where there are any."""
    told: Document = {"extraArgs": extra_args(release, args)} if args else {}
    return told | ({"extraVolumes": list(volumes)} if volumes else {})


def _shares(spec: ClusterSpec, release: Release) -> Mapping[str, str]:
    """How large each node's share of the pods' network is; in dual stack, of each of the two.

    kubeadm holds a network of pods against the argument of its family, or /24 and /64 (its apis/kubeadm/validation,
    1.36). The controller manager takes that for a single family too, but not the one of 1.20 (its app/core.go).
    """
    pods = spec.network.pods
    usual = family(pods[0]) == "IPv4" and _USUAL_PODS[0] <= pods[0].prefixlen <= _USUAL_PODS[1]
    if len(pods) == 1 and (usual or release.kubeadm_api == "v1beta2"):
        return {"node-cidr-mask-size": str(spec.network.prefix_of(pods[0]))}
    return {f"node-cidr-mask-size-{family(each).lower()}": str(spec.network.prefix_of(each)) for each in pods}


def _etcd(spec: ClusterSpec, release: Release) -> Document:
    """How API servers reach etcd, or with what kubeadm starts it on control planes."""
    if spec.etcd.topology == "external":
        return {"external": {"endpoints": list(etcd.endpoints(spec)), **etcd.CLIENT_FILES}}
    return {"local": {"extraArgs": extra_args(release, {**etcd.TIMERS, **_metrics(spec), **spec.etcd.args})}}


def _metrics(spec: ClusterSpec) -> Mapping[str, str]:
    """etcd's health where all components have theirs: of a node of IPv6 kubeadm would have it on ::1 instead."""
    return {"listen-metrics-urls": _ETCD_HEALTH} if spec.network.families[0] == "IPv6" else {}


def _names(spec: ClusterSpec) -> Sequence[str]:
    """Every name and address that a client may use for an API server."""
    planes = [(name, *map(str, spec.nodes[name].addresses)) for name in spec.control_planes]
    reached = [spec.nodes[name].ssh_address for name in spec.control_planes]
    given = [spec.endpoint_host, "localhost", "127.0.0.1", *(item for plane in planes for item in plane), *reached]
    return tuple(dict.fromkeys(item for item in given if item))


def _node_registration(spec: ClusterSpec, release: Release, name: str, *, shared_kernel: bool) -> Document:
    node = spec.nodes[name]
    args = {"node-ip": ",".join(map(str, node.addresses))}
    if node.labels:
        args["node-labels"] = ",".join(f"{key}={value}" for key, value in sorted(node.labels.items()))
    taints = [{"key": t.key, "effect": t.effect, **({"value": t.value} if t.value else {})} for t in node.taints]
    if "control-plane" in node.roles and "worker" not in node.roles:
        taints = [{"key": key, "effect": "NoSchedule"} for key in release.control_plane_taints] + taints
    document: Document = {
        "name": name,
        "criSocket": release.cri_socket,
        "kubeletExtraArgs": extra_args(release, args),
        "taints": taints,
    }
    if release.refuses_cgroup_v1 and (shared_kernel or spec.kubelet.cgroup_v1):
        document["ignorePreflightErrors"] = [_CGROUP_CHECK]
    return document


def _local_endpoint(node: Node) -> Document:
    return {"advertiseAddress": str(node.address), "bindPort": API_PORT}


def _common(spec: ClusterSpec, release: Release, node: Node) -> Document:
    """What both operations are told from v1beta3 and v1beta4 on."""
    document: Document = {}
    if release.kubeadm_api == "v1beta4":
        document["timeouts"] = {"controlPlaneComponentHealthCheck": _HEALTH_TIMEOUT}
    if spec.kubernetes.patches and "control-plane" in node.roles:
        document["patches"] = {"directory": PATCHES}
    return document


def init_configuration(spec: ClusterSpec, release: Release, name: str, *, shared_kernel: bool) -> Document:
    """InitConfiguration of the control plane that founds the cluster."""
    node = spec.nodes[name]
    return {
        "apiVersion": f"kubeadm.k8s.io/{release.kubeadm_api}",
        "kind": "InitConfiguration",
        "nodeRegistration": _node_registration(spec, release, name, shared_kernel=shared_kernel),
        "localAPIEndpoint": _local_endpoint(node),
        **_common(spec, release, node),
    }


def join_configuration(spec: ClusterSpec, release: Release, name: str, *, shared_kernel: bool) -> Document:
    """JoinConfiguration of any later node; a control plane carries its own endpoint."""
    node = spec.nodes[name]
    discovery: Document = {"file": {"kubeConfigPath": DISCOVERY_FILE}}
    if release.kubeadm_api == "v1beta2":
        discovery["timeout"] = _DISCOVERY_TIMEOUT
    document: Document = {
        "apiVersion": f"kubeadm.k8s.io/{release.kubeadm_api}",
        "kind": "JoinConfiguration",
        "discovery": discovery,
        "nodeRegistration": _node_registration(spec, release, name, shared_kernel=shared_kernel),
    }
    if "control-plane" in node.roles:
        document["controlPlane"] = {"localAPIEndpoint": _local_endpoint(node)}
    return {**document, **_common(spec, release, node)}
