from __future__ import annotations

import re

import pytest

from kprov.errors import SpecError
from kprov.release import catalog
from kprov.spec.load import loads
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


def test_a_version_whose_files_cannot_be_checked_is_refused_with_those_that_can():
    problem = refusal(cluster("1.33.13", bundle={"source": "upstream"}))
    assert problem.wrong == "no sha256 is known for Kubernetes 1.33.13, and what cannot be checked is not downloaded"
    assert "1.33.8; or bundle.source: directory" in problem.right
    assert "1.33.13" not in problem.right


def test_a_version_that_was_never_published_is_not_downloaded_either():
    assert "no sha256" in refusal(cluster("1.36.99", bundle={"source": "upstream"})).wrong


def loaded(version, source):
    node = "m1: {address: 10.0.0.11, roles: [control-plane]}"
    text = f"cluster: lab\nnodes: {{{node}}}\nkubernetes:\n  version: {version}\nbundle: {{source: {source}}}"
    return loads(text, "cluster.yaml")


def test_the_newest_version_is_that_of_the_sources():
    assert catalog.settled(loaded("newest", "packages")).spec.kubernetes.version == "1.20.2"
    newest = catalog.settled(loaded("newest", "[packages, upstream]")).spec.kubernetes.version
    assert newest == catalog.releases()["1.36"].patches[-1]


def test_what_was_chosen_before_stays_and_a_stated_version_is_as_it_is():
    assert catalog.settled(loaded("newest", "upstream"), "1.35.7").spec.kubernetes.version == "1.35.7"
    assert catalog.settled(loaded("1.34.11", "upstream"), "1.35.7").spec.kubernetes.version == "1.34.11"


def test_a_source_that_does_not_know_its_newest_is_said_to_be_so(monkeypatch):
    monkeypatch.setattr(catalog, "newest", lambda sources: "1.36.4" if "upstream" in sources else None)
    with pytest.raises(SpecError) as told:
        catalog.settled(loaded("newest", "packages"))
    (problem,) = told.value.problems
    assert (problem.line, problem.key) == (4, "kubernetes.version")
    assert problem.wrong == "which is the newest of packages?"
