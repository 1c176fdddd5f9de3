"""A real overlay network and add-ons: proven, switched off and on, broken so that the one check for it tells."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.e2e.conftest import ADDONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.made import Cluster

Bad = set[tuple[str, str, str]]

FLANNEL = "/etc/cni/net.d/10-flannel.conflist"
SUBNET = "/run/flannel/subnet.env"
PROBES = "kprov-verify-"
METRICS = "  metrics-server: {}\n"
PATIENCE_S = 240
"""How long something may take that takes seconds on a machine with nothing else to do."""
KINDS = (
    "apiservices,clusterrolebindings,clusterroles,configmaps,daemonsets,deployments,namespaces,podsecuritypolicies,"
    "rolebindings,roles,serviceaccounts,services,storageclasses"
)


def proof(cluster: Cluster, code: int = 0) -> list[dict[str, str]]:
    """Every check of a verification."""
    checks: list[dict[str, str]] = json.loads(cluster.kprov("verify", "-q", "-o", "json", code=code))["checks"]
    return checks


def failures(cluster: Cluster) -> tuple[Bad, str]:
    """What a verification of a broken cluster finds, and what it says of that."""
    bad = [each for each in proof(cluster, code=1) if each["outcome"] in ("failed", "error")]
    return {(each["suite"], each["name"], each["host"]) for each in bad}, "; ".join(each["message"] for each in bad)


def admin(cluster: Cluster, words: str) -> str:
    """What kubectl on the control plane prints."""
    return cluster.on("m1", f"kubectl --kubeconfig /etc/kubernetes/admin.conf {words}")


@contextmanager
def until_well(cluster: Cluster, heal: Callable[[], object]) -> Iterator[None]:
    """Break the cluster inside; heal it at the end, and wait until it has taken that in."""
    try:
        yield
    finally:
        heal()
        admin(cluster, f"-n kube-system rollout status ds/kube-flannel-ds --timeout {PATIENCE_S}s")
        admin(cluster, f"-n kube-system rollout status deployment/coredns --timeout {PATIENCE_S}s")
        admin(cluster, f"wait nodes --all --for condition=Ready --timeout {PATIENCE_S}s")


def restart_flannel(cluster: Cluster, node: str) -> None:
    """Have flannel's pod on a node made anew: it writes what it has written to the node."""
    admin(cluster, f"-n kube-system delete pod -l app=flannel --field-selector spec.nodeName={node}")


def objects(cluster: Cluster) -> dict[tuple[str, str, str], str]:
    """The uid of every object of the kinds that add-ons are made of, by kind, namespace and name.

    The namespaces of verifications are left out: they take some seconds to go.
    """
    items = cluster.kubectl("get", KINDS, "--all-namespaces")["items"]
    found = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in items}
    return {key: each["metadata"]["uid"] for key, each in found.items() if PROBES not in key[1] + key[2]}


def changed(cluster: Cluster) -> int:
    """How many tasks of the last run changed something."""
    return sum(statuses.count("changed") for statuses in cluster.tasks().values())


def switch(cluster: Cluster, old: str, new: str) -> None:
    """Edit the cluster file as a person would, and run `up`."""
    file = cluster.folder / "cluster.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    cluster.kprov("up")


def test_it_is_proven_with_its_network_and_add_ons(addons: Cluster) -> None:
    checks = proof(addons)
    assert {"network", "dns", "addons", "storage"} <= {each["suite"] for each in checks}
    passed = {(each["name"], each["host"]) for each in checks if each["outcome"] == "passed"}
    for node, other in (("m1", "w1"), ("w1", "m1")):
        assert {
            ("kube-flannel-ds runs", node),
            ("pods get their network from flannel", node),
            (f"its pod reaches the pod on {other}", node),
            (f"packets of its pod's MTU reach the pod on {other}", node),
            ("kubectl top knows what the node uses", node),
            ("the dashboard answers at port 31000", node),
        } <= passed
    assert ("a pod reads from a volume of local-path what another wrote", "") in passed
    skipped = {each["message"] for each in checks if each["outcome"] == "skipped"}
    assert skipped == {
        "the machine is a container: swap is its host's",
        "the network flannel enforces no NetworkPolicy",
    }


def test_kubectl_top_answers(addons: Cluster) -> None:
    assert re.findall(r"^(m1|w1) +\d+m ", admin(addons, "top nodes --no-headers"), re.MULTILINE) == ["m1", "w1"]


def test_a_second_run_changes_nothing(addons: Cluster) -> None:
    before = objects(addons)
    said = addons.kprov("up")
    assert changed(addons) == 0, said
    assert objects(addons) == before


def test_verification_leaves_nothing_behind(addons: Cluster) -> None:
    def left() -> list[str]:
        items = addons.kubectl("get", "namespaces,persistentvolumes")["items"]
        names = [(each["kind"], each["metadata"]["name"]) for each in items]
        return [name for kind, name in names if kind == "PersistentVolume" or PROBES in name]

    proof(addons)
    deadline = time.monotonic() + PATIENCE_S
    while left():
        assert time.monotonic() < deadline, left()
        time.sleep(2)


def test_a_disabled_add_on_goes_with_its_objects_and_nothing_else(addons: Cluster) -> None:
    before = objects(addons)
    label = addons.kubectl("get", KINDS, "--all-namespaces", "-l", "kprov.io/addon=metrics-server")["items"]
    its = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in label}
    assert ("Deployment", "kube-system", "metrics-server") in its
    try:
        switch(addons, METRICS, "")
        without = objects(addons)
        assert before.keys() - without.keys() == its | {("ConfigMap", "kube-system", "kprov-addon-metrics-server")}
        assert {key: before[key] for key in without} == without, "nothing else was touched, and nothing came"
        assert not [each for each in proof(addons) if "metrics-server" in each["name"] or "top" in each["name"]]
        addons.kprov("up")
        assert changed(addons) == 0, "switched off already"
    finally:
        if METRICS not in (addons.folder / "cluster.yaml").read_text():
            switch(addons, "addons:\n", "addons:\n" + METRICS)
    assert objects(addons).keys() == before.keys()
    assert "m1" in admin(addons, "top nodes")
    addons.kprov("up")
    assert changed(addons) == 0, "switched on already"
    assert ADDONS in (addons.folder / "cluster.yaml").read_text()


def test_the_networks_configuration_is_removed_on_a_node(addons: Cluster) -> None:
    with until_well(addons, lambda: restart_flannel(addons, "w1")):
        addons.on("w1", f"rm {FLANNEL}")
        bad, said = failures(addons)
    assert bad == {("network", "pods get their network from flannel", "w1")}
    assert f"{FLANNEL} is missing" in said


def test_the_networks_image_cannot_be_had(addons: Cluster) -> None:
    image = "quay.io/coreos/flannel:v0.0.0"
    with until_well(addons, lambda: addons.kprov("up", "--skip", "verify")):
        admin(addons, f"-n kube-system set image ds/kube-flannel-ds kube-flannel={image}")
        deadline = time.monotonic() + PATIENCE_S
        while "ImagePull" not in admin(addons, "-n kube-system get pods -l app=flannel"):
            assert time.monotonic() < deadline, "no pod ever asked for the image"
            time.sleep(1)
        bad, said = failures(addons)
    assert bad == {("network", "the images of flannel are there", "")}
    assert image in said


def test_the_network_crashes(addons: Cluster) -> None:
    edit = '[{"op": "replace", "path": "/spec/template/spec/containers/0/args/2", "value": "--iface=nowhere0"}]'
    with until_well(addons, lambda: addons.kprov("up", "--skip", "verify")):
        admin(addons, f"-n kube-system patch ds/kube-flannel-ds --type json -p '{edit}'")
        deadline = time.monotonic() + PATIENCE_S
        while "CrashLoop" not in admin(addons, "-n kube-system get pods -l app=flannel"):
            assert time.monotonic() < deadline, "no pod ever crashed"
            time.sleep(1)
        bad, said = failures(addons)
    assert {(suite, name) for suite, name, _ in bad} == {("network", "kube-flannel-ds runs")}
    assert "Failed to find interface" in said, "the log's own words"


def test_nodes_drop_each_others_packets(addons: Cluster) -> None:
    rule = "INPUT -p udp --dport 8472 -s 10.99.4.11 -j DROP"
    with until_well(addons, lambda: addons.on("w1", f"iptables -D {rule}")):
        addons.on("w1", f"iptables -I {rule}")
        bad, _ = failures(addons)
    assert bad == {
        ("network", "its pod reaches the pod on w1", "m1"),
        ("network", "its pod reaches the pod on m1", "w1"),
    }


def test_the_mtu_is_too_large(addons: Cluster) -> None:
    with until_well(addons, lambda: restart_flannel(addons, "w1")):
        assert "FLANNEL_MTU=1450" in addons.on("w1", f"sed -i.was s/=1450/=1500/ {SUBNET}; cat {SUBNET}.was")
        bad, said = failures(addons)
    assert bad == {("network", "packets of its pod's MTU reach the pod on m1", "w1")}
    assert "1500" in said


def test_the_clusters_dns_is_scaled_to_zero(addons: Cluster) -> None:
    with until_well(addons, lambda: admin(addons, "-n kube-system scale deployment coredns --replicas 2")):
        admin(addons, "-n kube-system scale deployment coredns --replicas 0")
        bad, _ = failures(addons)
    assert bad == {("dns", "the DNS servers run", "")}


def test_the_default_storage_class_is_missing(addons: Cluster) -> None:
    with until_well(addons, lambda: addons.kprov("up", "--skip", "verify")):
        admin(addons, "delete storageclass local-path")
        bad, said = failures(addons)
    assert bad == {("storage", "local-path is the one default StorageClass", "")}
    assert "there is no StorageClass local-path" in said


def test_everything_is_well_again(addons: Cluster) -> None:
    proof(addons)
