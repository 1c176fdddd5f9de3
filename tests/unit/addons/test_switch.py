"""What people may call add-ons and their settings, and what is offered to them."""

from __future__ import annotations

import pytest

from kprov.addons.catalog import catalog
from kprov.addons.offers import NETWORKS, Offer, offers
from kprov.addons.switch import NAMES, disable, enable, settings_of
from kprov.errors import InputError
from kprov.spec.addons import Addons
from kprov.spec.load import loads

FILE = "cluster: shop\nnodes: {m1: {address: 10.0.0.11, roles: [control-plane]}}\n"


def offered(more: str, kubernetes: str = "1.34.9") -> dict[str, Offer]:
    text = f"{FILE}kubernetes: {{version: {kubernetes}}}\n{more}"
    return {offer.name: offer for offer in offers(loads(text, "cluster.yaml").spec)}


def test_everything_of_the_catalog_and_every_key_of_the_cluster_file_is_offered() -> None:
    assert set(catalog()) <= set(offered(""))
    keys = {field.alias or name for name, field in Addons.model_fields.items()}
    assert keys - {"extra"} <= set(NAMES)
    assert set(NAMES) - {"dashboard"} | set(NETWORKS) == set(offered(""))
    assert all(offer.about for offer in offered("").values())


def test_what_the_cluster_file_asks_for_is_enabled_with_the_version_that_serves_it() -> None:
    found = offered("network: {plugin: calico}\naddons: {metrics-server: {}, dashboard: {kind: headlamp}}\n")
    assert {name for name, offer in found.items() if offer.enabled} == {"calico", "metrics-server", "headlamp"}
    assert (found["calico"].version, found["headlamp"].version) == ("3.32.1", "0.45.0")


def test_a_version_that_is_asked_for_is_shown() -> None:
    assert offered("network: {plugin: calico, version: 3.31.7}\n")["calico"].version == "3.31.7"


def test_what_does_not_serve_this_kubernetes_is_told_apart_from_what_has_no_version() -> None:
    found = offered("", kubernetes="1.20.2")
    assert (found["metallb"].served, found["metallb"].version) == (False, "")
    assert (found["coredns"].served, found["coredns"].version) == (True, "")


def test_manifests_of_ones_own_are_listed() -> None:
    offer = offered("addons: {extra: [{name: till, file: till.yaml}]}\n")["till"]
    assert (offer.kind, offer.enabled, offer.about) == ("own", True, "till.yaml")


def test_a_kind_of_dashboard_is_short_for_the_dashboard_and_takes_the_place_of_another() -> None:
    first = enable(FILE, "headlamp", {"access": "lab-open"}, "c")
    assert first.endswith("addons:\n  dashboard: {kind: headlamp, access: lab-open}\n")
    second = enable(first, "kube-web-view", {}, "c")
    assert second.endswith("  dashboard: {kind: kube-web-view, access: lab-open}\n")


def test_disabling_another_kind_of_dashboard_than_the_one_that_is_there_changes_nothing() -> None:
    text = enable(FILE, "headlamp", {}, "c")
    assert disable(text, "kube-web-view", "c") == text
    assert "dashboard" not in disable(text, "headlamp", "c")
    assert "dashboard" not in disable(text, "dashboard", "c")


@pytest.mark.parametrize("name", ["metrics-server", "coredns", "headlamp"])
def test_twice_is_once(name: str) -> None:
    once = enable(FILE, name, {}, "c")
    assert enable(once, name, {}, "c") == once
    off = disable(once, name, "c")
    assert disable(off, name, "c") == off


@pytest.mark.parametrize(
    ("name", "words", "settings"),
    [
        ("metallb", ["addresses=10.0.0.224/28"], {"addresses": ["10.0.0.224/28"]}),
        ("coredns", ["upstream=9.9.9.9, 1.1.1.1", "replicas=2"], {"upstream": ["9.9.9.9", "1.1.1.1"], "replicas": 2}),
        ("coredns", ["upstream=[9.9.9.9]"], {"upstream": ["9.9.9.9"]}),
        ("coredns", ["hosts={10.0.0.5: [db.example]}"], {"hosts": {"10.0.0.5": ["db.example"]}}),
        ("headlamp", ["access=token"], {"access": "token"}),
        ("local-path-provisioner", ["default=false", "path=/srv"], {"default": False, "path": "/srv"}),
    ],
)
def test_settings_are_values_of_the_cluster_file(name: str, words: list[str], settings: object) -> None:
    assert settings_of(name, words) == settings


@pytest.mark.parametrize(
    ("name", "words", "told"),
    [
        ("coredns", ["replicas"], "KEY=VALUE"),
        ("coredns", ["=3"], "KEY=VALUE"),
        ("coredns", ["replicas=1", "replicas=2"], "Give it once"),
        ("coredns", ["hosts={"], "as it would stand in the cluster file"),
        ("metric-server", ["a=1"], "metrics-server"),
        ("calico", ["a=1"], "network.plugin: calico"),
        ("shop", ["a=1"], "addons.extra"),
    ],
)
def test_what_is_no_setting_and_no_add_on_is_refused_with_what_would_be(name: str, words: list[str], told: str) -> None:
    with pytest.raises(InputError) as refused:
        settings_of(name, words)
    assert told in refused.value.remedy
