from __future__ import annotations

import copy
import hashlib
import json

import pytest

from kprov.ansible.plugins.modules import kprov_manifests
from tests.unit.ansible.harness import converge


def thing(name, kind="ConfigMap", api="v1", namespace="shop", **fields):
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": meta, **fields}


SHOP = thing("shop", "Namespace", namespace="")
CONFIG = thing("config", data={"colour": "red"})


class FakeApi:
    """An API server as kubectl shows it: objects by their identity, and kinds that it does not know."""

    def __init__(self):
        self.objects = {}
        self.unknown = set()
        self.errors = []
        self.fails_on = ""
        self.calls = []
        self.applied = []

    def run_command(self, command, data=None):
        words = command[len(kprov_manifests.KUBECTL) :]
        items = json.loads(data)["items"] if data else []
        self.calls.append((words[0], "--dry-run=server" in words))
        if words[0] == "get" and "configmaps" in words:
            kept = [each for each in self.objects.values() if kprov_manifests.SET in each["metadata"].get("labels", {})]
            return self._answer(kept)
        missing = [each["kind"] for each in items if each["kind"] in self.unknown]
        if missing:
            return 1, "", f'error: unable to recognize "STDIN": no matches for kind "{missing[0]}" in version "v1"'
        if words[0] == "get":
            found = (self.objects.get(kprov_manifests.ref(each)) for each in items)
            return self._answer([each for each in found if each])
        if self.errors:
            return 1, "", self.errors.pop(0)
        if words[0] == "delete":
            for each in items:
                self.objects.pop(kprov_manifests.ref(each), None)
            return 0, "", ""
        self.applied.append(words)
        return self._answer([self._apply(each, dry="--dry-run=server" in words) for each in items])

    def _apply(self, document, *, dry):
        if document["metadata"]["name"] == self.fails_on:
            raise InterruptedError
        known = self.objects.get(kprov_manifests.ref(document))
        version = int(known["metadata"]["resourceVersion"]) + 1 if known else 1
        meta = {**document["metadata"], "resourceVersion": str(version), "uid": "u"}
        made = {**copy.deepcopy(document), "metadata": meta, "status": {"seen": version}}
        if not dry:
            self.objects[kprov_manifests.ref(document)] = made
        return made

    @staticmethod
    def _answer(items):
        return 0, json.dumps({"apiVersion": "v1", "kind": "List", "items": items}), ""

    def names(self, kind):
        return sorted(name for _, found, _, name in self.objects if found == kind)


@pytest.fixture
def api(monkeypatch, tmp_path):
    """A control plane of a running cluster."""
    fake = FakeApi()
    (tmp_path / "admin.conf").touch()
    monkeypatch.setattr(kprov_manifests, "ADMIN", str(tmp_path / "admin.conf"))
    monkeypatch.setattr(kprov_manifests, "PAUSE_S", 0)
    monkeypatch.setattr(
        kprov_manifests.AnsibleModule,
        "run_command",
        lambda _module, command, data=None: fake.run_command(command, data),
    )
    return fake


@pytest.fixture
def have(api, tmp_path):
    """Converge sets, given as objects by name, and return the answer."""

    def run(check=False, known=(), secrets=(), **sets):
        entries = []
        for name, documents in sets.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps({"kind": "List", "items": documents}))
            entries.append({"name": name, "file": str(path)})
        return converge(kprov_manifests, check=check, sets=entries, known=list(known), secrets=list(secrets))

    return run


def test_objects_are_made_and_told(api, have):
    said = have(shop=[CONFIG, SHOP])
    assert said["changed"]
    assert said["objects"] == ["Namespace shop created", "ConfigMap shop/config created"]
    assert api.names("Namespace") == ["shop"]


def test_a_second_time_nothing_changes(api, have):
    have(shop=[SHOP, CONFIG])
    said = have(shop=[SHOP, CONFIG])
    assert (said["changed"], said["objects"]) == (False, [])


def test_a_changed_object_is_told_and_the_others_are_not(have):
    have(shop=[SHOP, CONFIG])
    assert have(shop=[SHOP, {**CONFIG, "data": {"colour": "blue"}}])["objects"] == ["ConfigMap shop/config configured"]


def test_what_somebody_else_changed_is_put_right(api, have):
    have(shop=[SHOP, CONFIG])
    api.objects["", "ConfigMap", "shop", "config"]["data"] = {"colour": "green"}
    assert have(shop=[SHOP, CONFIG])["objects"] == ["ConfigMap shop/config configured"]


def test_an_object_that_the_set_no_longer_has_is_deleted_and_nothing_else(api, have):
    other = thing("other")
    have(shop=[SHOP, CONFIG, thing("old")], tea=[other])
    api.objects["", "ConfigMap", "shop", "mine"] = thing("mine")
    assert have(shop=[SHOP, CONFIG], tea=[other])["objects"] == ["ConfigMap shop/old deleted"]
    assert {"config", "mine", "other"} <= set(api.names("ConfigMap"))
    assert have(shop=[SHOP, CONFIG], tea=[other])["objects"] == []


def test_a_set_that_is_gone_is_removed_with_its_record(api, have):
    have(shop=[SHOP, CONFIG], tea=[thing("other")])
    assert have(tea=[thing("other")], known=["tea"])["objects"] == [
        "Namespace shop deleted",
        "ConfigMap shop/config deleted",
    ]
    assert api.names("ConfigMap") == ["kprov-addon-tea", "other"]
    assert api.names("Namespace") == []


def test_without_the_names_of_all_sets_none_is_removed(api, have):
    have(shop=[SHOP, CONFIG])
    assert have(tea=[thing("other")])["objects"] == ["ConfigMap shop/other created"]
    assert "config" in api.names("ConfigMap")


def test_a_new_version_of_an_api_is_the_same_object(api, have):
    have(shop=[thing("pdb", "PodDisruptionBudget", "policy/v1beta1")])
    assert have(shop=[thing("pdb", "PodDisruptionBudget", "policy/v1")])["objects"] == [
        "PodDisruptionBudget shop/pdb configured"
    ]
    assert api.names("PodDisruptionBudget") == ["pdb"]


def test_what_belongs_to_others_is_changed_but_never_deleted(api, have):
    dns = thing("coredns")
    dns["metadata"]["annotations"] = {kprov_manifests.KEEP: "true"}
    have(coredns=[dns])
    assert api.names("ConfigMap") == ["coredns", "kprov-addon-coredns"]
    assert have(coredns=[dns])["changed"] is False
    assert have(known=["shop"])["objects"] == ["coredns is not looked after any more"]
    assert api.names("ConfigMap") == ["coredns"]


def test_the_rest_of_an_object_that_is_only_tuned_is_not_missed(api, have):
    dns = thing("coredns", "Deployment", "apps/v1", "kube-system", spec={"replicas": 3})
    dns["metadata"]["annotations"] = {kprov_manifests.KEEP: "true"}
    have(coredns=[dns], shop=[CONFIG])
    assert [("--validate=false" in words) for words in api.applied] == [False, False, False, True]


def node(name, **labels):
    meta = {"name": name, "labels": labels, "annotations": {kprov_manifests.KEEP: kprov_manifests.RELEASE}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta}


@pytest.mark.parametrize("still", [{"other": [thing("tea")]}, {"rr": [SHOP]}])
def test_what_belongs_to_others_loses_what_its_set_gave_it_and_is_never_deleted(api, have, still):
    have(rr=[SHOP, node("m1", reflects="true"), node("gone")])
    del api.objects["", "Node", "", "gone"]
    said = have(known=list(still), **still)["objects"]
    assert "Node m1 released" in said
    assert not [each for each in said if "Node" in each and "deleted" in each]
    assert api.names("Node") == ["m1"]
    meta = api.objects["", "Node", "", "m1"]["metadata"]
    assert "labels" not in meta
    assert "annotations" not in meta
    assert have(known=list(still), **still)["objects"] == []


def test_in_check_mode_nothing_is_released(api, have):
    have(rr=[node("m1", reflects="true")])
    assert have(check=True, known=["other"])["objects"] == ["Node m1 released"]
    assert api.objects["", "Node", "", "m1"]["metadata"]["labels"] == {"reflects": "true"}


def test_what_is_about_to_be_made_is_written_down_before(api, have):
    have(shop=[SHOP])
    api.fails_on = "late"
    with pytest.raises(InterruptedError):
        have(shop=[SHOP, thing("late")])
    kept = json.loads(api.objects["", "ConfigMap", "kube-system", "kprov-addon-shop"]["data"]["objects"])
    assert [each["metadata"]["name"] for each in kept] == ["shop", "late"]


def test_a_webhook_that_does_not_answer_yet_is_tried_again(api, have):
    have(shop=[SHOP])
    api.errors = ['Internal error occurred: failed calling webhook "pool": connection refused']
    assert have(shop=[SHOP])["objects"] == []
    assert api.errors == []


def test_a_refusal_is_told_at_once(api, have):
    have(shop=[SHOP])
    api.errors = ["error: forbidden"]
    assert have(shop=[SHOP])["msg"] == "kubectl: error: forbidden"


def test_a_kind_that_never_comes_ends_in_an_error(api, tmp_path):
    api.unknown = {"Pool"}
    path = tmp_path / "pools.json"
    path.write_text(json.dumps({"items": [thing("pool", "Pool", "made.example/v1")]}))
    said = converge(kprov_manifests, sets=[{"name": "pools", "file": str(path)}], timeout_s=0)
    assert 'no matches for kind "Pool"' in said["msg"]


def test_a_set_whose_kinds_are_gone_can_still_be_removed(api, have):
    have(pools=[thing("pool", "Pool", "made.example/v1")])
    api.unknown = {"Pool"}
    assert have(shop=[SHOP], known=["shop"])["changed"]
    api.unknown = set()


def test_check_mode_tells_and_changes_nothing(api, have):
    have(shop=[SHOP, CONFIG, thing("old")])
    before = copy.deepcopy(api.objects)
    said = have(check=True, shop=[SHOP, {**CONFIG, "data": {}}, thing("new")])
    assert said["objects"] == [
        "ConfigMap shop/config configured",
        "ConfigMap shop/new created",
        "ConfigMap shop/old deleted",
    ]
    assert api.objects == before


def test_an_api_service_is_applied_by_the_client(api, have):
    said = have(metrics=[thing("v1beta1.metrics.k8s.io", "APIService", "apiregistration.k8s.io/v1", ""), CONFIG])
    assert len(said["objects"]) == 2
    assert [words for words in api.applied if "--server-side" not in words] == [kprov_manifests.APPLY_OLD]


def test_check_mode_passes_where_there_is_no_cluster_yet(api, tmp_path):
    said = converge(kprov_manifests, check=True, sets=[{"name": "shop", "file": str(tmp_path / "none.json")}])
    assert said["changed"]
    assert api.calls == []


def test_check_mode_knows_that_an_earlier_task_fetches_another_file(api, have, tmp_path):
    have(shop=[SHOP])
    text = (tmp_path / "shop.json").read_bytes()
    entry = {"name": "shop", "file": str(tmp_path / "shop.json")}
    same = {**entry, "sha256": hashlib.sha256(text).hexdigest()}
    assert not converge(kprov_manifests, check=True, sets=[same])["changed"]
    assert converge(kprov_manifests, check=True, sets=[{**entry, "sha256": "0" * 64}])["changed"]
    assert not converge(kprov_manifests, sets=[{**entry, "sha256": "0" * 64}])["changed"], "a run reads what is there"


def test_without_a_cluster_nothing_is_told_of_no_sets(api):
    assert not converge(kprov_manifests, check=True, sets=[])["changed"]


def test_a_secret_is_in_its_set_and_in_no_answer(api, have):
    secret = {"set": "weave", "namespace": "kube-system", "name": "weave-passwd", "key": "key", "value": "s3cr3t!"}
    said = have(weave=[thing("net", "DaemonSet", "apps/v1", "kube-system")], secrets=[secret])
    assert api.objects["", "Secret", "kube-system", "weave-passwd"]["stringData"] == {"key": "s3cr3t!"}
    assert "s3cr3t!" not in json.dumps(said)
    assert have(known=["none"])["changed"]
    assert api.names("Secret") == []
