"""Clusters as a person would write them."""

from __future__ import annotations

from kprov.release import catalog
from kprov.spec.model import ClusterSpec

NODES = {
    "m1": {"address": "10.0.0.11", "ssh_address": "203.0.113.11", "roles": ["control-plane", "etcd"]},
    "m2": {"address": "10.0.0.12", "roles": ["control-plane", "etcd"]},
    "w1": {
        "address": "10.0.0.101",
        "roles": ["worker"],
        "labels": {"zone": "b", "disk": "ssd"},
        "taints": [{"key": "gpu", "value": "yes", "effect": "NoExecute"}, {"key": "slow", "effect": "NoSchedule"}],
    },
    "a1": {"address": "10.0.0.201", "roles": ["control-plane", "etcd", "worker"]},
}


def cluster(version="1.36.4", **changes):
    return ClusterSpec.model_validate(
        {
            "cluster": "book",
            "kubernetes": {"version": version},
            "nodes": NODES,
            "network": {"plugin": "bridge"},
            **changes,
        }
    )


def release(version="1.36.4"):
    return catalog.releases()[catalog.minor_of(version)]
