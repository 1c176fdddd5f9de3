"""What is made of a chart's output, and how values are laid over each other."""

from __future__ import annotations

import pytest
import yaml

from kprov.addons.charts import contradictions, left_out, merged, objects_of, values_of
from kprov.addons.finish import finished
from kprov.addons.model import KEEP, LABEL, Chart
from kprov.addons.together import check_together
from kprov.errors import InputError

CHART = Chart("shop-1.0.0.tgz", "shop", "shop", "1.20.2")
JOB = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"ttlSecondsAfterFinished": 5, "template": {"spec": {}}}}


def thing(kind: str, api: str = "v1", hook: str = "", name: str = "a", **meta: object) -> dict:
    annotations = {"helm.sh/hook": hook, "helm.sh/hook-weight": "1"} if hook else {}
    metadata = {"name": name, **meta, **({"annotations": annotations} if hook else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata}


def made(*documents: dict, namespace: str = "shop") -> list[dict]:
    chart = Chart("shop-1.0.0.tgz", "shop", namespace, "1.20.2")
    return list(objects_of(yaml.safe_dump_all(documents).encode(), chart, "shop"))


@pytest.mark.parametrize(
    ("document", "namespace"),
    [
        (thing("ConfigMap"), "shop"),
        (thing("ConfigMap", namespace="kube-system"), "kube-system"),
        (thing("ClusterRole", "rbac.authorization.k8s.io/v1"), None),
        (thing("GatewayClass", "gateway.networking.k8s.io/v1"), None),
        (thing("Gateway", "gateway.networking.k8s.io/v1"), "shop"),
        (thing("Certificate", "cert-manager.io/v1"), "shop"),
        (thing("ClusterIssuer", "cert-manager.io/v1"), None),
    ],
)
def test_what_has_a_namespace_is_in_the_charts_unless_it_names_another(document, namespace) -> None:
    space, found = made(document)
    assert (space["kind"], space["metadata"]["name"]) == ("Namespace", "shop")
    assert found["metadata"].get("namespace") == namespace


def test_a_kind_that_the_chart_defines_has_a_namespace_if_its_definition_says_so() -> None:
    names = {"kind": "Realm"}
    definition = thing("CustomResourceDefinition", "apiextensions.k8s.io/v1", name="realms.shop.example.com")
    definition["spec"] = {"group": "shop.example.com", "scope": "Cluster", "names": names}
    *_, found = made(definition, thing("Realm", "shop.example.com/v1"))
    assert "namespace" not in found["metadata"]
    definition["spec"]["scope"] = "Namespaced"
    *_, found = made(definition, thing("Realm", "shop.example.com/v1"))
    assert found["metadata"]["namespace"] == "shop"


@pytest.mark.parametrize(
    ("namespace", "spaces"),
    [("kube-system", []), ("default", []), ("shop", [("shop", None)]), ("market", [("market", {KEEP: "true"})])],
)
def test_a_namespace_of_the_sets_own_name_goes_with_it_and_any_other_stays(namespace, spaces) -> None:
    found = [each for each in made(thing("ConfigMap"), namespace=namespace) if each["kind"] == "Namespace"]
    assert [(each["metadata"]["name"], each["metadata"].get("annotations")) for each in found] == spaces


def test_a_namespace_that_the_chart_makes_itself_is_made_once() -> None:
    assert [each["kind"] for each in made(thing("Namespace", name="shop"), thing("ConfigMap"))] == [
        "Namespace",
        "ConfigMap",
    ]


def test_two_charts_may_share_a_namespace_that_is_neithers() -> None:
    sets = {name: finished(made(thing("ConfigMap", name=name), namespace="market"), name) for name in ("a", "b")}
    check_together(sets)
    space, config = sets["a"]
    assert LABEL not in space["metadata"].get("labels", {})
    assert config["metadata"]["labels"] == {LABEL: "a"}


def test_two_add_ons_whose_own_namespace_is_the_same_are_refused() -> None:
    with pytest.raises(InputError, match="two add-ons have the Namespace shop"):
        check_together({name: finished(made(thing("ConfigMap", name=name)), name) for name in ("shop", "other")})


@pytest.mark.parametrize(
    ("hook", "kept", "told"),
    [
        ("test", False, False),
        ("test-success", False, False),
        ("pre-delete", False, True),
        ("post-upgrade, post-rollback", False, True),
        ("pre-install,pre-upgrade", True, False),
        ("post-install", True, False),
        ("crd-install", True, False),
    ],
)
def test_of_hooks_only_those_of_an_install_become_objects(hook, kept, told) -> None:
    documents = (thing("ConfigMap", hook=hook, name="hooked"), thing("ConfigMap"))
    names = [each["metadata"]["name"] for each in made(*documents)]
    assert ("hooked" in names) == kept
    words = left_out(yaml.safe_dump_all(documents).encode(), CHART)
    assert [word.partition(" (")[0] for word in words] == (["ConfigMap hooked"] if told else [])


def test_what_only_helm_reads_is_taken_away_and_what_it_keeps_is_kept() -> None:
    keep = thing("ConfigMap", hook="pre-install")
    keep["metadata"]["annotations"] |= {"helm.sh/resource-policy": "keep", "mine": "yes"}
    assert made(keep)[1]["metadata"]["annotations"] == {KEEP: "true", "mine": "yes"}
    assert "annotations" not in made(thing("ConfigMap", hook="pre-install"))[1]["metadata"]


def test_a_job_is_named_by_its_content_and_stays_when_it_is_done() -> None:
    (_, one), (_, again) = made({**JOB, "metadata": {"name": "n" * 60}}), made({**JOB, "metadata": {"name": "n" * 60}})
    other = {**JOB, "spec": {"template": {"spec": {"restartPolicy": "Never"}}}, "metadata": {"name": "n" * 60}}
    assert one == again
    assert one["metadata"]["name"] != made(other)[1]["metadata"]["name"]
    assert len(one["metadata"]["name"]) <= 63
    assert "ttlSecondsAfterFinished" not in one["spec"]


def test_values_are_laid_over_values_and_neither_is_changed() -> None:
    below, above = {"a": {"b": 1, "c": [1]}, "d": {}}, {"a": {"c": [2], "e": None}, "d": 5}
    assert merged(below, above) == {"a": {"b": 1, "c": [2], "e": None}, "d": 5}
    assert below == {"a": {"b": 1, "c": [1]}, "d": {}}


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"ipam": {"mode": "eni"}}, ["ipam.mode"]),
        ({"ipam": {"mode": "kubernetes"}, "MTU": 1}, []),
        ({"ipam": {"operator": {}}}, []),
        ({"ipam": None}, ["ipam"]),
    ],
)
def test_a_value_that_is_decided_elsewhere_is_a_contradiction_only_if_it_differs(given, found) -> None:
    assert list(contradictions({"ipam": {"mode": "kubernetes"}}, given)) == found


@pytest.mark.parametrize(
    ("content", "told"), [(b"- a\n", "no mapping"), (b"a: [", "cannot read"), (b"5", "no mapping")]
)
def test_a_file_without_values_is_refused(content, told) -> None:
    with pytest.raises(InputError, match=told) as caught:
        values_of(content, "mine.yaml")
    assert (caught.value.where, caught.value.exit_code) == ("mine.yaml", 2)
    assert values_of(b"# nothing\n", "mine.yaml") == {}
