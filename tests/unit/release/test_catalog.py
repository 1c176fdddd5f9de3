from __future__ import annotations

import re

import pytest
import yaml

from kprov.errors import SpecError
from kprov.release import catalog
from tests.unit.release.samples import cluster

MINORS = catalog.releases().items()

every_minor = pytest.mark.parametrize(("minor", "release"), MINORS, ids=[minor for minor, _ in MINORS])


@every_minor
def test_every_minor_version_is_complete_and_consistent(minor, release):
    assert release.patches
    assert all(re.fullmatch(rf"{re.escape(minor)}\.\d+", patch) for patch in release.patches)
    assert release.sources
    assert release.control_plane_taints
    assert re.fullmatch(r"\S+:\S+", release.pause_image)
    assert "/" not in release.pause_image


@every_minor
def test_every_minor_version_follows_the_rules_of_its_time(minor, release):
    number = int(minor.split(".")[1])
    assert release.kubeadm_api == ("v1beta4" if number >= 31 else "v1beta3" if number >= 22 else "v1beta2")
    assert release.image_repository == ("registry.k8s.io" if number >= 25 else "k8s.gcr.io")
    assert ("node-role.kubernetes.io/control-plane" in release.control_plane_taints) == (number >= 24)
    assert release.cri_socket.removeprefix("unix://") == "/run/containerd/containerd.sock"


@every_minor
def test_every_patch_can_be_asked_for(minor, release):
    for patch in release.patches:
        spec = cluster(patch, bundle={"source": release.sources[-1]})
        assert catalog.resolve(spec, file="cluster.yaml") == release


def test_minor_versions_stand_in_their_order():
    numbers = [int(minor.split(".")[1]) for minor in catalog.releases()]
    assert numbers == sorted(numbers)


def test_adding_a_version_is_a_change_to_data_alone(monkeypatch, tmp_path):
    text = catalog.files("kprov.release").joinpath("catalog.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    data["minors"]["1.37"] = {**data["minors"]["1.36"], "patches": ["1.37.0"]}
    (tmp_path / "catalog.yaml").write_text(yaml.safe_dump(data))
    monkeypatch.setattr(catalog, "files", lambda _package: tmp_path)
    catalog.releases.cache_clear()
    try:
        spec = cluster("1.37.0")
        assert catalog.resolve(spec, file="cluster.yaml").patches == ("1.37.0",)
    finally:
        monkeypatch.undo()
        catalog.releases.cache_clear()


def test_an_image_has_its_full_name():
    assert catalog.releases()["1.20"].image("pause:3.2") == "k8s.gcr.io/pause:3.2"


def refusal(spec):
    with pytest.raises(SpecError) as told:
        catalog.resolve(spec, file="cluster.yaml", line=3)
    assert told.value.exit_code == 2
    (problem,) = told.value.problems
    assert (problem.file, problem.line, problem.key) == ("cluster.yaml", 3, "kubernetes.version")
    return problem


def test_a_version_without_rules_is_refused_with_those_that_have_them():
    problem = refusal(cluster("1.99.0"))
    assert problem.wrong == "no rules for Kubernetes 1.99.0"
    assert "1.36.4" in problem.right


def test_a_version_that_the_source_does_not_have_is_refused_with_a_source_that_has_it():
    problem = refusal(cluster("1.20.2", bundle={"source": "upstream"}))
    assert problem.wrong == "Kubernetes 1.20.2 does not come from upstream"
    assert "bundle.source: packages" in problem.right


def test_one_source_of_several_suffices():
    spec = cluster("1.20.2", bundle={"source": ["upstream", "packages"]})
    assert catalog.resolve(spec, file="cluster.yaml").kubeadm_api == "v1beta2"
