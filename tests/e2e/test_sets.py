"""Every set of objects, on trial at a real API server: it is asked what it would make of them, and makes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kprov.ansible.plugins.modules import kprov_manifests as module
from tests.golden.test_addons import REAL, WRITTEN, given, made

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.e2e.made import Cluster

SETS = {**REAL, **WRITTEN}


@pytest.fixture(scope="module")
def served(addons: Cluster) -> set[tuple[str, str]]:
    """What this API server knows: versions of APIs, each with its kinds."""

    def got(path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(addons.on("m1", kubectl(f"get --raw {path}")))
        return found

    versions = [version["groupVersion"] for group in got("/apis")["groups"] for version in group["versions"]]
    paths = {"v1": "/api/v1", **{version: f"/apis/{version}" for version in versions}}
    return {(version, each["kind"]) for version, path in paths.items() for each in got(path)["resources"]}


@pytest.fixture
def housed(addons: Cluster) -> Iterator[Callable[[list[dict[str, Any]]], None]]:
    """A function that has the namespaces of objects until the end of the test, those that are not there already."""
    there = {item["metadata"]["name"] for item in addons.kubectl("get", "namespaces")["items"]}  # type: ignore[attr-defined]
    made: set[str] = set()

    def have(documents: list[dict[str, Any]]) -> None:
        wanted = {each["metadata"].get("namespace", "default") for each in documents} - there
        for name in wanted:
            made.add(name)
            addons.on("m1", kubectl(f"create namespace {name}"))

    yield have
    if made:
        addons.on("m1", kubectl(f"delete namespace {' '.join(made)}"))


def kubectl(words: str) -> str:
    return f"kubectl --kubeconfig /etc/kubernetes/admin.conf {words}"


def own_kinds(documents: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """The kinds that a set defines itself, which a server knows once it has the definitions."""
    specs = [each["spec"] for each in documents if each["kind"] == "CustomResourceDefinition"]
    return {(f"{spec['group']}/{each['name']}", spec["names"]["kind"]) for spec in specs for each in spec["versions"]}


@pytest.mark.parametrize("name", SETS)
def test_the_api_server_would_take_what_it_knows_of_the_set(
    addons: Cluster,
    served: set[tuple[str, str]],
    housed: Callable[[list[dict[str, Any]]], None],
    name: str,
    record_property: Any,
) -> None:
    addon = made(*SETS[name])
    documents = list(addon.objects(given(addon)))
    known = [each for each in documents if (each["apiVersion"], each["kind"]) in served]
    foreign = {(each["apiVersion"], each["kind"]) for each in documents} - served - own_kinds(documents)
    if SETS[name][1] == "1.20.2":
        assert not foreign, "it is made for this very Kubernetes"
    else:  # newer definitions hold rules in CEL, a field that this server refuses
        known = [each for each in known if each["kind"] != "CustomResourceDefinition"]
        foreign |= {(each["apiVersion"], each["kind"]) for each in documents if each not in known}
    record_property("not asked for here", sorted(foreign))
    assert known
    housed(known)
    ways = {"server": module.APPLY, "part": module.APPLY_PART, "client": module.APPLY_OLD}
    for way, words in ways.items():
        its = [each for each in known if way == way_of(each)]
        if its:
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": its})
            said = json.loads(addons.on("m1", kubectl(" ".join([*words, "--dry-run=server"])), text))
            assert len(said.get("items", [said])) == len(its)


def way_of(document: dict[str, Any]) -> str:
    """How the module applies an object."""
    if document["kind"] in module.CLIENT_SIDE:
        return "client"
    return "part" if module.kept(document) else "server"
