from __future__ import annotations

import json

import pytest

from kprov.ansible.plugins.modules import kprov_manifests
from tests.unit.ansible.harness import converge

ROLE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


@pytest.fixture
def kubectl(tmp_path, monkeypatch, programs):
    """A kubectl that keeps what it is to apply, on a control plane of a cluster."""
    (tmp_path / "admin.conf").touch()
    monkeypatch.setattr(kprov_manifests, "ADMIN", str(tmp_path / "admin.conf"))
    monkeypatch.setattr(kprov_manifests, "APPLY", [str(programs.folder / "kubectl"), "apply", "-f", "-"])

    def answers(text, code=0):
        programs.add("kubectl", f"cat >{tmp_path}/applied\necho '{text}'\nexit {code}")

    return answers


@pytest.mark.parametrize(
    ("said", "changed"),
    [("namespace/shop created", True), ("namespace/shop configured", True), ("namespace/shop unchanged", False)],
)
def test_objects_are_applied_as_one_list(kubectl, tmp_path, said, changed):
    kubectl(said)
    answer = converge(kprov_manifests, manifests=[ROLE])
    assert (answer["changed"], answer["objects"]) == (changed, [said])
    assert json.loads((tmp_path / "applied").read_text())["items"] == [ROLE]


def test_a_refusal_is_told(kubectl, programs):
    programs.add("kubectl", "cat >/dev/null; echo 'error: forbidden' >&2; exit 1")
    assert converge(kprov_manifests, manifests=[ROLE])["msg"] == "kubectl apply: error: forbidden"


def test_check_mode_asks_the_server_and_changes_nothing(kubectl, programs):
    kubectl("namespace/shop created (server dry run)")
    assert converge(kprov_manifests, check=True, manifests=[ROLE])["changed"]
    assert programs.calls == ["kubectl apply -f - --dry-run=server"]


def test_check_mode_passes_where_there_is_no_cluster_yet(kubectl, programs, tmp_path):
    (tmp_path / "admin.conf").unlink()
    assert converge(kprov_manifests, check=True, manifests=[ROLE])["changed"]
    assert programs.calls == []


def test_without_objects_nothing_is_asked(programs):
    assert not converge(kprov_manifests, manifests=[])["changed"]
