"""What a cluster file chooses, and what is refused, all at once and by line."""

from __future__ import annotations

import pytest

from kprov.errors import SpecError
from tests.unit.addons.made import addons

ALL = """\
network: {plugin: flannel}
addons:
  extra: [{name: shop, file: shop.yaml}]
  metallb: {addresses: ["10.0.0.200-10.0.0.220"]}
  dashboard: {kind: headlamp}
  local-path-provisioner:
  metrics-server:
  coredns: {}
"""


def refused(rest: str, kubernetes: str = "1.20.2"):
    with pytest.raises(SpecError) as caught:
        addons(rest, kubernetes)
    return caught.value.problems


def test_the_network_comes_first_and_the_users_own_last():
    assert list(addons(ALL, "1.36.4")) == [
        *("flannel", "coredns", "metrics-server", "local-path-provisioner", "metallb", "dashboard", "shop"),
    ]


def test_nothing_runs_that_was_not_asked_for():
    assert list(addons("network: {plugin: bridge}")) == ["bridge"]


@pytest.mark.parametrize(
    ("settings", "kubernetes", "version"),
    [
        ("plugin: calico", "1.20.2", "3.24.5"),
        ("plugin: calico", "1.34.11", "3.32.1"),
        ("plugin: calico", "1.36.4", "3.32.1"),
        ("plugin: calico, version: 3.31.7", "1.35.8", "3.31.7"),
        ("plugin: flannel", "1.20.2", "0.15.1"),
        ("plugin: flannel", "1.36.4", "0.28.9"),
        ("plugin: weave, version: 2.8.1", "1.20.2", "2.8.1"),
    ],
)
def test_the_version_is_the_newest_that_serves_this_kubernetes_or_the_one_asked_for(settings, kubernetes, version):
    (addon,) = addons(f"network: {{{settings}}}", kubernetes).values()
    assert addon.version == version
    assert all(version in each.url and each.version == version for each in addon.upstream)


@pytest.mark.parametrize(("kubernetes", "version"), [("1.20.2", "0.0.30"), ("1.36.4", "0.0.37")])
def test_an_addon_has_a_version_for_old_and_new(kubernetes, version):
    assert addons("addons: {local-path-provisioner: {}}", kubernetes)["local-path-provisioner"].version == version


@pytest.mark.parametrize(
    ("settings", "kubernetes", "key", "wrong", "right"),
    [
        (
            "plugin: calico, version: 3.31.7",
            "1.20.2",
            "network.version",
            "calico 3.31.7 serves Kubernetes 1.32 to 1.35, not 1.20.2",
            "one of 3.24.5",
        ),
        (
            "plugin: calico, version: 3.99.0",
            "1.36.4",
            "network.version",
            "calico 3.99.0 is not in the catalog",
            "one of 3.32.1",
        ),
        (
            "plugin: weave, version: 2.8.1",
            "1.36.4",
            "network.version",
            "serves Kubernetes 1.20 to 1.24",
            "one of 2.9.0",
        ),
        ("plugin: cilium", "1.20.2", "network.plugin", "no cilium serves Kubernetes 1.20.2", "Leave it out"),
        ("plugin: cilium, version: 1.19.6", "1.36.4", "network.version", "serves Kubernetes 1.32 to 1.35", "one of"),
        (
            "plugin: cilium, values: {ipam: {mode: eni}}",
            "1.36.4",
            "network.values.ipam.mode",
            "is decided by other keys",
            "Leave it out",
        ),
        ("plugin: cilium, mtu: 1450, values: {MTU: 1400}", "1.36.4", "network.values.MTU", "is decided", "Leave it"),
        ("plugin: flannel, mtu: 1400", "1.20.2", "network.mtu", "flannel 0.15.1 takes no MTU", "Remove it."),
    ],
)
def test_a_network_that_does_not_fit_is_refused_by_line(settings, kubernetes, key, wrong, right):
    (problem,) = refused(f"network: {{{settings}}}", kubernetes)
    assert (problem.line, problem.key) == (7, key)
    assert wrong in problem.wrong
    assert problem.right.startswith(right)


def test_everything_that_does_not_fit_is_told_at_once():
    rest = "network: {plugin: calico, version: 9.9.9}\naddons: {metallb: {addresses: [10.0.0.224/28]}}"
    first, second = refused(rest)
    assert {first.key, second.key} == {"network.version", "addons.metallb"}
    assert "no metallb serves Kubernetes 1.20.2: 0.16.1 serves 1.25 and newer" in {first.wrong, second.wrong}
