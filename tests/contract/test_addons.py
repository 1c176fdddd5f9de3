"""The catalog of add-ons, the cluster file, the bundle and the API of Kubernetes agree with each other."""

from __future__ import annotations

import re
from typing import get_args

import kubernetes_validate
import pytest

from kprov.addons.catalog import Edition, Entry, as_numbers, catalog
from kprov.addons.documents import images_of
from kprov.addons.model import LABEL
from kprov.addons.services.local_path import PROBE
from kprov.bundle.packages import images
from kprov.release.catalog import releases
from kprov.spec.addon_types import SHA256, URL
from kprov.spec.addons import Dashboard
from kprov.spec.model import NetworkPlugin
from kprov.spec.rules.plugins import ENCAPSULATIONS
from tests.unit.addons.made import addons, objects

ENTRIES = list(catalog().items())
EDITIONS = [(name, edition) for name, entry in ENTRIES for edition in entry.versions]
each_entry = pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[name for name, _ in ENTRIES])
each_edition = pytest.mark.parametrize(("name", "edition"), EDITIONS, ids=[f"{n} {e.version}" for n, e in EDITIONS])

NETWORKS = ["calico", "weave", "flannel", "cilium"]
KINDS = get_args(Dashboard.model_fields["kind"].annotation)
SERVICES = (
    "metrics-server: {}, local-path-provisioner: {}, metallb: {addresses: [10.0.0.224/28]}, gateway-api: {}, "
    "traefik: {}, ingress-nginx: {default: false, http_port: 30081, https_port: 30444}, "
    "kube-prometheus-stack: {password_file: pw}"
)
SCHEMAS = ["1.33.0", "1.34.0", "1.35.0", "1.36.0", "1.37.0"]


@each_entry
def test_versions_are_listed_newest_first(name: str, entry: Entry) -> None:
    versions = [as_numbers(edition.version) for edition in entry.versions]
    assert versions == sorted(versions, reverse=True)


@each_edition
def test_a_version_is_pinned_by_url_and_sha256_or_has_no_file(name: str, edition: Edition) -> None:
    assert (edition.url is None) == (edition.sha256 is None)
    if edition.url and edition.sha256:
        assert re.fullmatch(URL, edition.url)
        assert f"v{edition.version}/" in edition.url or edition.url.endswith(f"-{edition.version}.tgz")
        assert re.fullmatch(SHA256, edition.sha256)
    assert edition.newest is None or as_numbers(edition.oldest) <= as_numbers(edition.newest)


@each_edition
def test_what_replaces_an_image_has_the_version(name: str, edition: Edition) -> None:
    tags = [image.rpartition(":")[2].removeprefix("v") for image in edition.images.values()]
    assert all(re.fullmatch(r"[0-9]+(\.[0-9]+)+", tag) for tag in tags)


@pytest.mark.parametrize("minor", releases())
@pytest.mark.parametrize("name", NETWORKS)
def test_every_kubernetes_has_every_network(name: str, minor: str) -> None:
    assert catalog()[name].newest(minor) or (name, minor) == ("cilium", "1.20")


def test_what_is_published_as_a_chart_is_an_archive() -> None:
    assert {name for name, entry in ENTRIES if entry.chart} == {
        name for name, edition in EDITIONS if (edition.url or "").endswith(".tgz")
    }


def test_the_cluster_file_offers_what_the_catalog_has() -> None:
    assert {name: tuple(entry.modes) for name, entry in ENTRIES if entry.modes} == ENCAPSULATIONS
    assert set(NETWORKS) == set(get_args(NetworkPlugin)) & set(catalog())
    assert set(KINDS) <= set(catalog())


def test_the_helper_of_volumes_is_the_image_that_the_bundle_makes() -> None:
    assert images.PROBE == PROBE


@pytest.fixture(scope="module")
def everything() -> list[dict]:
    """The objects of all add-ons, from small manifests where their makers have some."""
    made = [*(addons(f"network: {{plugin: {name}}}", "1.36.4")[name] for name in NETWORKS)]
    for kind in KINDS:
        for access in ("token", "lab-open"):
            rest = f"network: {{plugin: bridge}}\naddons: {{dashboard: {{kind: {kind}, access: {access}}}}}"
            made.append(addons(rest, "1.36.4")["dashboard"])
    made += addons(f"network: {{plugin: bridge}}\naddons: {{coredns: {{}}, {SERVICES}}}", "1.36.4").values()
    return [document for addon in made for document in objects(addon)]


@pytest.mark.parametrize("version", SCHEMAS)
def test_objects_are_what_the_api_of_this_kubernetes_takes(everything: list[dict], version: str) -> None:
    """Strictly: an unknown or misplaced field fails. What is left out has no schema, or is a part of an object."""
    checked = 0
    for document in everything:
        custom = document["apiVersion"] in ("metallb.io/v1beta1", "monitoring.coreos.com/v1")
        tuned = document["metadata"]["labels"][LABEL] == "coredns" and document["kind"] == "Deployment"
        if not custom and not tuned and document["kind"] != "CustomResourceDefinition":
            kubernetes_validate.validate(document, version, strict=True)
            checked += 1
    assert checked > 80


def test_a_misplaced_field_would_be_seen(everything: list[dict]) -> None:
    (deployment, *_) = [each for each in everything if each["kind"] == "Deployment" and "template" in each["spec"]]
    wrong = {**deployment, "spec": {**deployment["spec"], "tolerations": []}}
    with pytest.raises(kubernetes_validate.ValidationError, match="tolerations"):
        kubernetes_validate.validate(wrong, SCHEMAS[0], strict=True)


def test_every_image_has_a_registry_and_a_version_and_no_object_two_owners(everything: list[dict]) -> None:
    for image in images_of(everything):
        assert re.fullmatch(r"[a-z0-9.-]+\.[a-z]+/[a-z0-9./-]+:v?[0-9][a-z0-9.-]*", image), image
    owners: dict[tuple[str, ...], set[str]] = {}
    for document in everything:
        meta = document["metadata"]
        place = (document["apiVersion"], document["kind"], meta.get("namespace", ""), meta["name"])
        owners.setdefault(place, set()).add(meta["labels"][LABEL])
    assert {place: owner for place, owner in owners.items() if len(owner) > 1} == {}
