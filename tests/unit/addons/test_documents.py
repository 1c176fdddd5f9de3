"""Manifests are read as Kubernetes reads them, and written so that they read the same again."""

from __future__ import annotations

from copy import deepcopy

import pytest

from kprov.addons.documents import changed, container, find, images_of, parse, to_text
from kprov.errors import InputError
from tests.unit.addons.made import CALICO, LOCAL_PATH, TEXTS, WEAVE


def pod(image: str) -> dict:
    return {"containers": [{"name": "a", "image": image}]}


def workload(kind: str, spec: dict) -> dict:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": kind.lower()}, "spec": spec}


def test_a_list_is_unfolded_and_empty_documents_are_left_out():
    text = "---\n# nothing\n---\n" + WEAVE + "---\n"
    assert [(each["kind"], each["metadata"]["name"]) for each in parse(text.encode(), "weave.yaml")] == [
        ("ServiceAccount", "weave-net"),
        ("DaemonSet", "weave-net"),
    ]


def test_a_custom_resource_whose_name_ends_in_list_is_an_object():
    text = b"apiVersion: example.com/v1\nkind: AllowList\nmetadata: {name: a}\nspec: {}\n"
    assert parse(text, "a.yaml")[0]["metadata"] == {"name": "a"}


def test_what_only_a_server_writes_is_taken_away():
    crd = find(parse(CALICO.encode(), "calico.yaml"), "CustomResourceDefinition", "ippools.crd.projectcalico.org")
    assert "status" not in crd
    assert "creationTimestamp" not in crd["metadata"]


def test_dates_and_octal_modes_are_what_kubernetes_takes_them_for():
    text = b"kind: A\napiVersion: v1\nmetadata: {name: a}\nday: 2021-01-31\nmode: 0644\n"
    (document,) = parse(text, "a.yaml")
    assert (document["day"], document["mode"]) == ("2021-01-31", 420)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: [", "this is no manifest"),
        ("\xff", "this is no manifest"),
        ("just a text", "a document in it is no object of Kubernetes"),
        ("kind: Pod\nmetadata: {name: a}\n", "a document in it is no object of Kubernetes"),
        ("kind: Pod\napiVersion: v1\nmetadata: {}\n", "a Pod in it has no name"),
        ("kind: List\napiVersion: v1\nitems: [5]\n", "a document in it is no object of Kubernetes"),
        ("---\n---\n", "the manifest is empty"),
        ("<html></html>", "a document in it is no object of Kubernetes"),
    ],
)
def test_what_is_no_manifest_is_refused_by_name(text, what):
    with pytest.raises(InputError) as caught:
        parse(text.encode("latin-1"), "https://example.com/a.yaml")
    assert (caught.value.what, caught.value.where) == (what, "https://example.com/a.yaml")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("name", TEXTS)
def test_text_reads_the_same_again(name):
    documents = parse(TEXTS[name].encode(), name)
    assert parse(to_text(documents).encode(), name) == documents
    assert to_text(documents) == to_text(deepcopy(documents))


def test_a_change_leaves_everything_else_as_it_was():
    documents = parse(CALICO.encode(), "calico.yaml")
    before = deepcopy(documents)
    after = changed(documents, "ConfigMap", "calico-config", lambda copy: copy["data"].clear())
    assert documents == before
    assert after[1]["data"] == {}
    assert [each for each in after if each["kind"] != "ConfigMap"] == [
        each for each in before if each["kind"] != "ConfigMap"
    ]


def test_a_manifest_without_the_expected_object_is_refused():
    documents = parse(CALICO.encode(), "calico.yaml")
    with pytest.raises(InputError, match="the manifest has no Secret a"):
        find(documents, "Secret", "a")
    with pytest.raises(InputError, match="there is no container typha"):
        container(find(documents, "DaemonSet", "calico-node"), "typha")


def test_the_images_of_every_kind_of_workload_are_found():
    kinds = ["DaemonSet", "Deployment", "StatefulSet", "ReplicaSet", "Job"]
    documents = [workload(kind, {"template": {"spec": pod(f"{kind.lower()}:1")}}) for kind in kinds]
    documents.append(workload("CronJob", {"jobTemplate": {"spec": {"template": {"spec": pod("quay.io/cron:1")}}}}))
    spec = {"initContainers": [{"name": "i", "image": "x.io/init:1"}], **pod("a/pod:1")}
    documents.append(workload("Pod", spec))
    documents.append(workload("ConfigMap", pod("no.workload/a:1")))
    documents.append(workload("Pod", pod("a/pod:1")))
    assert images_of(documents) == (
        *(f"docker.io/library/{kind.lower()}:1" for kind in kinds),
        "quay.io/cron:1",
        "x.io/init:1",
        "docker.io/a/pod:1",
    )


def test_a_pod_that_a_config_map_keeps_counts():
    assert images_of(parse(LOCAL_PATH.encode(), "a.yaml")) == (
        "docker.io/rancher/local-path-provisioner:v0.0.37",
        "docker.io/library/busybox",
    )


def test_a_deployment_of_which_only_the_replicas_are_given_starts_nothing():
    assert images_of([workload("Deployment", {"replicas": 2})]) == ()
