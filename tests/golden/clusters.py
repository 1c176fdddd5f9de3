"""The clusters whose documents are rendered for every version: 3 control planes, 2 workers, and what may differ."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from kprov.release.catalog import catalog, minor_of
from kprov.release.control_plane import OwnFiles
from kprov.release.documents import node_documents
from kprov.spec.model import ClusterSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.release.kubeadm import Document

VERSIONS = ("1.20.2", "1.33.13", "1.34.11", "1.35.8", "1.36.4")
ENDPOINTS: dict[str, dict[str, Any]] = {
    "node-local": {"mode": "node-local"},
    "vip": {"mode": "vip", "address": "10.0.0.10"},
    "external": {"mode": "external", "address": "api.example.org", "port": 443},
}
TOPOLOGIES = ("stacked", "external")
SETTINGS = ("defaults", "tuned")
FAMILIES: dict[str, dict[str, Any]] = {
    "dual-stack": {
        "pods": ["10.244.0.0/16", "fd00:10:244::/56"],
        "services": ["10.96.0.0/16", "fd00:10:96::/112"],
        "node_prefix": 25,
    },
    "ipv6": {"pods": "fd00:10:244::/104", "services": "fd00:10:96::/112", "node_prefix_v6": 120},
}
"""Settings beside the two others: families other than IPv4 alone, which 1.20 is not asked for."""
CASES = (
    *product(VERSIONS, TOPOLOGIES, ENDPOINTS, SETTINGS),
    *product(VERSIONS[1:], TOPOLOGIES, ("node-local",), FAMILIES),
)

OWN = OwnFiles(oidc_ca="-----BEGIN CERTIFICATE-----\nMII...\n-----END CERTIFICATE-----\n")

_TUNED: dict[str, Any] = {
    "encryption": {"provider": "secretbox", "resources": ["secrets", "configmaps"]},
    "audit": {"policy": "metadata", "max_age_days": 7, "max_backups": 3, "max_size_mib": 50},
    "oidc": {
        "issuer_url": "https://login.example.org/realms/book",
        "client_id": "kubernetes",
        "username_claim": "email",
        "username_prefix": "oidc:",
        "groups_claim": "groups",
        "groups_prefix": "oidc:",
        "ca_file": "issuer.crt",
    },
    "api_server": {
        "args": {"profiling": False, "max-requests-inflight": 800, "enable-admission-plugins": "NodeRestriction"},
        "volumes": [
            {"name": "zoneinfo", "host_path": "/usr/share/zoneinfo", "mount_path": "/usr/share/zoneinfo"},
            {
                "name": "audit-extra",
                "host_path": "/var/log/extra",
                "mount_path": "/var/log/extra",
                "read_only": False,
                "path_type": "DirectoryOrCreate",
            },
        ],
    },
    "controller_manager": {
        "args": {"terminated-pod-gc-threshold": 500, "bind-address": "0.0.0.0"},
        "volumes": [{"name": "zoneinfo", "host_path": "/usr/share/zoneinfo", "mount_path": "/usr/share/zoneinfo"}],
    },
    "scheduler": {"args": {"bind-address": "0.0.0.0", "profiling": False}},
    "network": {
        "pods": "10.128.0.0/14",
        "services": "10.112.0.0/16",
        "dns_domain": "book.example",
        "node_prefix": 25,
        "plugin": "calico",
    },
    "kubelet": {
        "max_pods": 60,
        "swap": "ignore",
        "cgroup_v1": True,
        "config": {
            "systemReserved": {"cpu": "100m", "memory": "256Mi"},
            "evictionHard": {"memory.available": "200Mi", "nodefs.available": "10%"},
            "serializeImagePulls": False,
            "containerLogMaxSize": "20Mi",
            "nodeStatusUpdateFrequency": "5s",
            "registryPullQPS": 10,
        },
    },
    "kube_proxy": {
        "mode": "ipvs",
        "config": {"ipvs": {"scheduler": "rr", "syncPeriod": "15s"}, "metricsBindAddress": "0.0.0.0:10249"},
    },
}


def tuned(version: str) -> dict[str, Any]:
    """Every tunable that the version has."""
    old = version.startswith("1.20.")
    kubernetes: dict[str, Any] = {
        "image_repository": "registry.example.org:5000/k8s",
        "feature_gates": {"AnyVolumeDataSource": True} if old else {"InPlacePodVerticalScaling": True},
    }
    etcd = {"snapshot-count": 5000, "quota-backend-bytes": 4294967296, "heartbeat-interval": 300}
    changes = {**_TUNED, "kubernetes": kubernetes, "etcd": {"args": etcd}}
    if not old:
        kubernetes |= {"certificate_days": 730, "ca_certificate_days": 7300, "patches": "patches"}
        changes["pod_security"] = {"enforce": "restricted", "exempt_namespaces": ["kube-system", "storage"]}
        changes["kubelet"] = {**_TUNED["kubelet"], "swap": "limited"}
        changes["kube_proxy"] = {"mode": "nftables", "config": {"nftables": {"syncPeriod": "15s"}}}
    return changes


def cluster(version: str, topology: str, endpoint: str, settings: str, **changes: Any) -> ClusterSpec:
    """One of the clusters, as a person would write it."""
    nodes: dict[str, Any] = {
        f"m{n}": {"address": f"10.0.0.1{n}", "ssh_address": f"203.0.113.1{n}", "roles": ["control-plane"]}
        for n in (1, 2, 3)
    }
    nodes |= {f"w{n}": {"address": f"10.0.0.10{n}", "roles": ["worker"]} for n in (1, 2)}
    if settings == "tuned":
        nodes["w2"] |= {"labels": {"disk": "ssd"}, "taints": [{"key": "gpu", "value": "yes", "effect": "NoExecute"}]}
    if topology == "external":
        nodes |= {f"e{n}": {"address": f"10.0.0.2{n}", "roles": ["etcd"]} for n in (1, 2, 3)}
    given: dict[str, Any] = tuned(version) if settings == "tuned" else {}
    if settings in FAMILIES:
        given["network"] = FAMILIES[settings]
        nodes = {name: {**node, **_addresses(node["address"], settings)} for name, node in nodes.items()}
    given = {**given, **changes}
    source = "packages" if version.startswith("1.20.") else "directory"
    bundle = {"source": source, **({"directory": "parts"} if source == "directory" else {})}
    return ClusterSpec.model_validate(
        {
            "cluster": "book",
            "bundle": bundle,
            **given,
            "kubernetes": {**given.get("kubernetes", {}), "version": version},
            "etcd": {**given.get("etcd", {}), "topology": topology},
            "endpoint": ENDPOINTS[endpoint],
            "nodes": nodes,
        }
    )


def _addresses(address: str, settings: str) -> dict[str, str]:
    """The addresses of a node in a cluster of these families, made of that of IPv4 alone."""
    second = f"fd00::{address.rpartition('.')[2]}"
    return {"address": address, "second_address": second} if settings == "dual-stack" else {"address": second}


def documents(spec: ClusterSpec) -> Iterator[tuple[str, str, Document]]:
    """Node, file and document: all that a cluster's nodes are given."""
    release = catalog().minors[minor_of(spec.kubernetes.version)]
    for name in spec.nodes:
        for file, found in node_documents(spec, release, name, own=OWN).items():
            for document in found:
                yield name, file, document
