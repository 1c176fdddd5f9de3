"""What a version lacks is refused by its key, with what would be right; what it has is not."""

from __future__ import annotations

import pytest

from kprov.errors import SpecError
from kprov.release import catalog
from kprov.release.fit import refusals
from kprov.spec.load import loads
from tests.unit.release.samples import cluster, release

GATE = "kubernetes.feature_gates.{}"
BOTH = {
    "pods": ["10.244.0.0/16", "fd00:10:244::/56"],
    "services": ["10.96.0.0/16", "fd00:10:96::/112"],
    "plugin": "bridge",
}
REFUSED = [
    ("1.20.2", {"network": BOTH}, "network.pods dual stack of Kubernetes 1.20.2 is alpha: it is stable from 1.23 on"),
    ("1.36.4", {"api_server": {"args": {"insecure-port": 0}}}, "api_server.args.insecure-port"),
    ("1.36.4", {"api_server": {"args": {"target-ram-mb": 100}}}, "has no argument target-ram-mb"),
    ("1.36.4", {"api_server": {"args": {"profilling": False}}}, "Did you mean profiling?"),
    ("1.36.4", {"api_server": {"args": {"service-cluster-ip-range": "10.0.0.0/16"}}}, "Set network.services."),
    (
        "1.36.4",
        {"controller_manager": {"args": {"pod-eviction-timeout": "1m"}}},
        "no argument pod-eviction-timeout",
    ),
    ("1.20.2", {"controller_manager": {"args": {"concurrent-cron-job-syncs": 3}}}, "has no argument"),
    ("1.36.4", {"scheduler": {"args": {"port": 0}}}, "kube-scheduler of Kubernetes 1.36.4 has no argument port"),
    ("1.36.4", {"etcd": {"args": {"enable-v2": True}}}, "etcd of Kubernetes 1.36.4 has no argument enable-v2"),
    ("1.36.4", {"etcd": {"args": {"initial-cluster": "x"}}}, "decided by kprov"),
    ("1.36.4", {"kubernetes": {"feature_gates": {"NodeSwap": False}}}, "NodeSwap is true for good"),
    ("1.36.4", {"kubernetes": {"feature_gates": {"TTLAfterFinished": True}}}, GATE.format("TTLAfterFinished")),
    ("1.20.2", {"kubernetes": {"feature_gates": {"NodeSwap": True}}}, "knows no feature gate NodeSwap"),
    ("1.36.4", {"kubelet": {"config": {"maxPodz": 5}}}, "kubelet.config.maxPodz"),
    ("1.36.4", {"kubelet": {"config": {"clusterDomain": "x"}}}, "See network.dns_domain."),
    ("1.36.4", {"kubelet": {"config": {"evictionHard": {"memory.available": 5}}}}, "evictionHard.memory.available"),
    (
        "1.20.2",
        {"kubelet": {"config": {"shutdownGracePeriodByPodPriority": []}}},
        "is no field of Kubelet",
    ),
    ("1.20.2", {"kube_proxy": {"config": {"nftables": {"syncPeriod": "5s"}}}}, "kube_proxy.config.nftables"),
    ("1.20.2", {"kube_proxy": {"mode": "nftables"}}, "kube_proxy.mode"),
    ("1.20.2", {"kubelet": {"swap": "limited"}}, "kubelet.swap"),
    ("1.20.2", {"kubernetes": {"certificate_days": 30}}, "kubernetes.certificate_days"),
    ("1.20.2", {"kubernetes": {"patches": "patches"}}, "kubernetes.patches"),
    (
        "1.36.4",
        {"api_server": {"args": {"enable-admission-plugins": "PodSecurityPolicy"}}},
        "Use pod_security",
    ),
    (
        "1.20.2",
        {"api_server": {"args": {"enable-admission-plugins": "PodSecurity"}}},
        "no admission plugin PodSecurity",
    ),
]


def told(version, changes):
    changes = {**changes, "kubernetes": {**changes.get("kubernetes", {}), "version": version}}
    return [" ".join(refusal) for refusal in refusals(cluster(version, **changes), release(version))]


@pytest.mark.parametrize(("version", "changes", "said"), REFUSED, ids=[said for _, _, said in REFUSED])
def test_what_a_version_lacks_is_refused(version, changes, said):
    (only,) = told(version, changes)
    assert said in only


@pytest.mark.parametrize(
    ("version", "changes"),
    [
        ("1.20.2", {"api_server": {"args": {"audit-log-mode": "batch", "v": 4, "enable-swagger-ui": False}}}),
        ("1.36.4", {"kubernetes": {"feature_gates": {"AllBeta": True, "NodeSwap": True}}}),
        ("1.36.4", {"kubelet": {"config": {"evictionHard": {"memory.available": "5%"}, "registryPullQPS": 0}}}),
        ("1.36.4", {"network": BOTH}),
        ("1.20.2", {"network": {**BOTH, "pods": "fd00:10:244::/56", "services": "fd00:10:96::/112"}}),
        ("1.33.13", {"kube_proxy": {"mode": "nftables"}, "kubelet": {"swap": "limited"}}),
        ("1.33.13", {"etcd": {"args": {"experimental-watch-progress-notify-interval": "5s"}}}),
    ],
)
def test_what_a_version_has_is_taken(version, changes):
    assert told(version, changes) == []


def test_a_refusal_names_the_line():
    node = "m1: {address: 10.0.0.11, roles: [control-plane]}"
    text = f"cluster: lab\nnodes: {{{node}}}\nkubernetes: {{version: 1.36.4}}\napi_server:\n  args:\n    port: 1\n"
    loaded = loads(text, "cluster.yaml")

    def line(key):
        return int(loaded.origins.get(key, ":0").rpartition(":")[2])

    with pytest.raises(SpecError) as error:
        catalog.resolve(loaded.spec, file="cluster.yaml", line_of=line)
    (problem,) = error.value.problems
    assert (problem.line, problem.key) == (6, "api_server.args.port")
