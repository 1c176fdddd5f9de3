"""The main job: three control planes and a worker, made, proven, repeated, hurt, removed."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.made import Cluster, podman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODES = """\
  m[1:3]: {address: "{net}.[11:13]", roles: [control-plane, etcd]}
  w1: {address: "{net}.101", roles: [worker]}
"""
PODS, SERVICES = "10.99.128.0/20", "10.99.144.0/20"
ALL = {"m1", "m2", "m3", "w1"}
# A bootstrap token, a certificate key, a private key, a client key in a kubeconfig.
SECRETS = re.compile(
    r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b|(?<![0-9a-f:])[0-9a-f]{64}(?![0-9a-f])|BEGIN [A-Z ]*PRIVATE KEY|client-key-data"
)


def on_the_host() -> dict[str, str]:
    """What of the lab is on this host."""
    return {
        "containers": podman("ps", "-aq", "--filter", "label=kprov.cluster=e2e"),
        "networks": podman("network", "ls", "-q", "--filter", "label=kprov.cluster=e2e"),
        "routes": "".join(
            subprocess.run(["ip", "route", "show", "root", net], capture_output=True, text=True, check=True).stdout
            for net in ("10.99.1.0/24", PODS, SERVICES)
        ),
    }


def volumes() -> set[str]:
    """The volumes of the lab's machines."""
    made = podman("ps", "-aq", "--filter", "label=kprov.cluster=e2e").split()
    return {mount["Name"] for one in json.loads(podman("inspect", *made)) for mount in one["Mounts"] if "Name" in mount}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    network = f"plugin: bridge, pods: {PODS}, services: {SERVICES}"
    made = Cluster.of(tmp_path_factory.mktemp("e2e"), "e2e", 1, NODES, network=network)
    made.kprov("lab", "down")
    try:
        made.kprov("up")
        yield made
    finally:
        made.kprov("lab", "down")


def test_every_node_is_ready(cluster: Cluster) -> None:
    assert cluster.ready() == dict.fromkeys(ALL, True)


def test_the_kubeconfig_is_for_its_owner_alone(cluster: Cluster) -> None:
    assert (cluster.folder / "artifacts").stat().st_mode & 0o777 == 0o700
    assert (cluster.folder / "artifacts/kubeconfig").stat().st_mode & 0o777 == 0o600


def test_no_secret_is_kept_where_it_should_not_be(cluster: Cluster) -> None:
    for path in (cluster.folder / "artifacts/runs").rglob("*"):
        if path.is_file():
            assert not SECRETS.search(path.read_text()), path
    for folder in ("group_vars", "host_vars"):
        for path in (cluster.folder / folder).iterdir():
            text = re.sub(r"sha256: '?[0-9a-f]{64}'?|parts/\S+", "", path.read_text())
            assert not SECRETS.search(text), path
    for node in ("m1", "m2", "w1"):
        assert cluster.on(node, "ls /run/kprov").split() in ([], ["kubeadm.lock"])
        assert cluster.on(node, "stat -c %a /var/log/kprov").strip() == "700"
        assert not SECRETS.search(cluster.on(node, "cat /var/log/kprov/*.log"))


def test_what_nodes_joined_with_is_taken_back(cluster: Cluster) -> None:
    secrets = cluster.kubectl("get", "secrets", "-n", "kube-system")["items"]
    names = [item["metadata"]["name"] for item in secrets if item["type"] == "bootstrap.kubernetes.io/token"]
    assert names == []
    assert "kubeadm-certs" not in [item["metadata"]["name"] for item in secrets]


def test_a_second_run_changes_nothing_in_few_tasks(cluster: Cluster) -> None:
    said = cluster.kprov("up")
    tasks = cluster.tasks()
    assert set(tasks) == ALL
    assert {host: statuses.count("changed") for host, statuses in tasks.items()} == dict.fromkeys(ALL, 0), said
    assert len(tasks["w1"]) <= 60
    assert len(tasks["m1"]) <= 90


@pytest.mark.parametrize("words", [(), ("--check",)])
def test_ansible_alone_finds_nothing_to_do_either(cluster: Cluster, words: tuple[str, ...]) -> None:
    recap = cluster.playbook(*words).partition("PLAY RECAP")[2]
    assert re.findall(r"(\w+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", recap) == [
        (host, "0", "0", "0") for host in ("localhost", "m1", "m2", "m3", "w1")
    ]


@pytest.mark.parametrize("strategy", ["linear", "mitogen"])
def test_both_strategies_find_the_same(cluster: Cluster, strategy: str) -> None:
    cluster.kprov("up", "--strategy", strategy, "--skip", "verify")
    tasks = cluster.tasks()
    assert {host: statuses.count("changed") for host, statuses in tasks.items()} == dict.fromkeys(ALL, 0)


def test_the_proof_is_told_to_programs_too(cluster: Cluster, tmp_path: Path) -> None:
    junit = tmp_path / "verify.xml"
    said = json.loads(cluster.kprov("verify", "-q", "-o", "json", "--junit", str(junit)))
    assert said["ok"]
    assert said["totals"]["failed"] == 0
    cases = ET.parse(junit).getroot().findall(".//testcase")
    assert len(cases) == len(said["checks"]) > 100


def test_a_broken_node_fails_the_checks_that_name_it(cluster: Cluster) -> None:
    cluster.on("w1", "systemctl stop kprov-api-endpoint")
    try:
        said = cluster.kprov("verify", "--nodes", "w1", code=1)
    finally:
        cluster.on("w1", "systemctl start kprov-api-endpoint")
    assert re.search(r"failed +\S.* w1 ", said)


def test_a_killed_node_comes_back(cluster: Cluster) -> None:
    container = podman("ps", "-q", "--filter", "label=kprov.cluster=e2e", "--filter", "name=m2").strip()
    podman("kill", container)
    cluster.kprov("up")
    assert cluster.ready() == dict.fromkeys(ALL, True)


def test_the_shell_on_a_control_plane_knows_k(cluster: Cluster) -> None:
    said = cluster.on("m1", "bash -lic 'alias k; complete -p k; k get nodes -o name; knodes --no-headers' 2>/dev/null")
    assert "alias k='kubectl'" in said
    assert "complete -F __kprov_complete k" in said
    assert "containerd://" in said
    assert "node/w1" in said


def test_a_second_driver_is_refused(cluster: Cluster) -> None:
    first = cluster.start("up", "--until", "inventory")
    said = ""
    while "machine" not in said:
        said += first.stdout.readline()
    refused = cluster.kprov("up", code=2)
    assert "another kprov is at work on this cluster" in refused
    first.communicate(timeout=120)
    assert first.returncode == 0


def test_down_leaves_nothing_behind(cluster: Cluster) -> None:
    made = volumes()
    assert made
    assert all(on_the_host().values())
    cluster.kprov("lab", "down")
    assert on_the_host() == {"containers": "", "networks": "", "routes": ""}
    assert made.isdisjoint(podman("volume", "ls", "-q").split())
    left = {path.relative_to(cluster.folder).parts[:2] for path in cluster.folder.rglob("*") if path.is_file()}
    assert left == {("cluster.yaml",), ("artifacts", "runs")}
