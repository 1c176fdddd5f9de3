"""Asking a cluster: which control plane is taken, what is waited for, and that nothing is left behind."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kprov.verify import cluster
from kprov.verify.answers import NoControlPlaneError, ProbeError
from kprov.verify.cluster import ClusterUnderTest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import FakeCluster

REFUSED = ["The connection to the server api.book.internal:8443 was refused", 1]


@contextmanager
def under_test(fake: FakeCluster) -> Iterator[ClusterUnderTest]:
    fake.save()
    asked = ClusterUnderTest(fake.settings)
    try:
        yield asked
    finally:
        asked.close()


def deletions(fake: FakeCluster) -> list[tuple[str, str]]:
    return [(host, question) for host, question in fake.asked if question.startswith("delete.")]


def test_the_next_control_plane_is_asked_where_kubectl_fails_on_the_first(fake: FakeCluster) -> None:
    fake.world["answers"] = {"m1": {"nodes": REFUSED}}
    with under_test(fake) as asked:
        assert set(asked.view.nodes) == {"m1", "m2", "w1"}
        assert asked.probe.reached["w1"]["pod/m1"].text == "m1"
    assert [host for host, _ in deletions(fake)] == ["m2"]


def test_without_any_api_server_every_control_plane_is_quoted(fake: FakeCluster) -> None:
    fake.world["answers"] = {"m1": {"nodes": REFUSED}}
    fake.world["silent"] = {"m2": "ssh: connect to host 10.0.0.12 port 22: No route to host"}
    with under_test(fake) as asked:
        with pytest.raises(NoControlPlaneError, match=r"m1: The connection .* was refused; m2: .* No route to host"):
            _ = asked.view
        with pytest.raises(NoControlPlaneError):
            _ = asked.probe
        assert asked.answer("w1", "kubelet").text == "Kubernetes v1.20.2", "the machines are asked all the same"


def test_an_api_server_that_refuses_the_probe_is_quoted_and_what_was_made_is_removed(fake: FakeCluster) -> None:
    fake.world["answers"] = {"m1": {"create.1": ["Error from server (Forbidden): exceeded quota", 1]}}
    with under_test(fake) as asked:
        with pytest.raises(ProbeError, match="exceeded quota"):
            _ = asked.probe
        assert asked.view.nodes
    assert len(deletions(fake)) == 1


def test_a_service_without_pods_behind_it_is_not_asked(fake: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "DEADLINE_S", 0.0)
    fake.world["answers"] = {"m1": {"endpoints": ["Error from server (NotFound)", 1]}}
    with under_test(fake) as asked:
        assert asked.probe.behind == frozenset()
        assert "service" not in asked.probe.reached["w1"]
        assert asked.probe.reached["w1"]["pod/m2"].ok


def test_the_namespace_of_a_run_that_died_is_removed_too(fake: FakeCluster) -> None:
    old = '{"items": [{"metadata": {"name": "kprov-verify-old", "labels": {"kprov.io/verify": "gone-1"},'
    fake.world["answers"] = {"m1": {"stale": [old + ' "creationTimestamp": "2026-01-01T00:00:00Z"}}]}', 0]}}
    with under_test(fake) as asked:
        assert asked.probe.service
    assert ("m1", "delete.kprov-verify-old") in deletions(fake)


def test_closing_early_still_removes_the_probe(fake: FakeCluster) -> None:
    with under_test(fake):
        pass
    made = [question for _, question in fake.asked if question == "create.1"]
    assert len(made) == len(deletions(fake))
