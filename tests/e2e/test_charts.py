"""A Helm chart of the user's own on a real cluster: rendered by a Helm out of the bundle, applied, changed, removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.bundle import lockfile
from tests.e2e.made import Cluster
from tests.e2e.shop import pack

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = """\
  m1: {address: "{net}.11", roles: [control-plane, etcd]}
  w1: {address: "{net}.101", roles: [worker]}
"""
EXTRA = """\
addons:
  extra:
    - {name: shop, chart: {file: shop-0.1.0.tgz, values: {greeting: hello}}}
    - {name: marks, file: marks.yaml}
"""
# An object of another's, as route reflectors mark nodes.
MARKS = """\
apiVersion: v1
kind: Node
metadata: {name: w1, labels: {tests.example/marked: "yes"}, annotations: {kprov.io/keep: release}}
"""
ADMIN = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
KINDS = "namespaces,configmaps,deployments,jobs,services,serviceaccounts,nodes"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One control plane and one worker, whose file asks for the chart."""
    folder = tmp_path_factory.mktemp("charts")
    Cluster.of(folder, "e2e-charts", 1, NODES + EXTRA)
    file = folder / "cluster.yaml"
    file.write_text(file.read_text().replace("10.99.1.", "10.102.1."))
    pack(folder / "shop-0.1.0.tgz")
    (folder / "marks.yaml").write_text(MARKS)
    made = Cluster(folder, "e2e-charts", "10.102.1.0/24")
    build = made.start("bundle", "build")
    said = build.communicate(timeout=3000)[0]
    if build.returncode == 3:
        pytest.skip(f"needs a Go module proxy: {said[said.find('error:') :].strip()}")
    assert build.returncode == 0, said
    made.kprov("lab", "down")
    try:
        made.kprov("up")
        yield made
    finally:
        made.kprov("lab", "down")


def objects(cluster: Cluster) -> dict[tuple[str, str, str], str]:
    """The uid of every object of these kinds, by kind, namespace and name; those of verifications are left out."""
    items = cluster.kubectl("get", KINDS, "--all-namespaces")["items"]
    found = {(each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each for each in items}
    return {key: each["metadata"]["uid"] for key, each in found.items() if "kprov-verify-" not in key[1] + key[2]}


def labels(cluster: Cluster) -> dict[str, str]:
    """What is marked on the worker."""
    return cluster.kubectl("get", "node", "w1")["metadata"]["labels"]


def changed(cluster: Cluster) -> int:
    """How many tasks of the last run changed something."""
    return sum(statuses.count("changed") for statuses in cluster.tasks().values())


def edit(cluster: Cluster, old: str, new: str) -> None:
    """Edit the cluster file as a person would."""
    file = cluster.folder / "cluster.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_the_chart_is_there_as_plain_objects_and_runs(shop: Cluster) -> None:
    found = [key for key in objects(shop) if "shop" in key[1:]]
    assert {("Namespace", "", "shop"), ("ConfigMap", "shop", "shop-page"), ("Deployment", "shop", "shop")} <= set(found)
    (job,) = [name for kind, _, name in found if kind == "Job"]
    assert job.startswith("shop-prepare-")
    shop.on("m1", f"{ADMIN} -n shop wait --for=condition=complete job/{job} --timeout=50s")
    assert shop.kubectl("get", "deployment", "-n", "shop", "shop")["status"]["readyReplicas"] == 1
    pods = shop.kubectl("get", "pods", "-n", "shop")["items"]
    assert "shop-test" not in {each["metadata"]["name"] for each in pods}
    secrets = shop.kubectl("get", "secrets", "--all-namespaces")["items"]
    assert not [each for each in secrets if each["type"].startswith("helm.sh/")]
    assert labels(shop)["tests.example/marked"] == "yes"
    (helm,) = [
        each for each in lockfile.read(shop.folder / "artifacts/bundle.lock.yaml").artifacts if each.name == "helm"
    ]
    assert helm.targets == ("controller",)


def test_a_second_run_changes_nothing(shop: Cluster) -> None:
    before = objects(shop)
    said = shop.kprov("up")
    assert changed(shop) == 0, said
    assert objects(shop) == before


def test_a_chart_that_makes_up_a_password_is_refused_before_anything_is_touched(shop: Cluster) -> None:
    before = objects(shop)
    pack(shop.folder / "shop-0.1.0.tgz", restless=True)
    said = shop.kprov("up", code=2)
    assert "makes something else each time, the first in shop/templates/all.yaml" in said
    pack(shop.folder / "shop-0.1.0.tgz")
    assert objects(shop) == before


def test_another_value_changes_what_it_is_for(shop: Cluster) -> None:
    before = objects(shop)
    edit(shop, "{greeting: hello}", "{greeting: bye, replicas: 2}")
    shop.kprov("up")
    assert shop.kubectl("get", "configmap", "-n", "shop", "shop-page")["data"] == {"index.html": "bye"}
    assert shop.kubectl("get", "deployment", "-n", "shop", "shop")["status"]["readyReplicas"] == 2
    assert objects(shop) == before


def test_without_it_its_objects_are_gone_and_nothing_else(shop: Cluster) -> None:
    before = objects(shop)
    edit(shop, EXTRA.replace("{greeting: hello}", "{greeting: bye, replicas: 2}"), "")
    shop.kprov("up")
    shop.on("m1", f"{ADMIN} wait --for=delete namespace/shop --timeout=110s")
    after = objects(shop)
    gone = before.keys() - after.keys()
    records = {("ConfigMap", "kube-system", f"kprov-addon-{name}") for name in ("shop", "marks")}
    assert gone == records | {key for key in before if "shop" in (key[1], key[2])}
    assert {key: uid for key, uid in before.items() if key in after} == after
    assert "tests.example/marked" not in labels(shop)
