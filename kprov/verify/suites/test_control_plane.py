"""The API server, the controllers and the scheduler, on each control plane."""

import json

import pytest

from kprov.verify.cluster import NoControlPlaneError
from kprov.verify.questions import HEALTH, version_in
from kprov.verify.view import STATIC_PODS


def test_kubectl_answers(cluster):
    """kubectl answers on a control plane"""
    try:
        assert cluster.view.nodes, "the cluster has no nodes"
    except NoControlPlaneError as error:
        pytest.fail(str(error))


@pytest.mark.parametrize("state", ["livez", "readyz"])
def test_api_server_is_well(control_plane, state, evidence):
    """the API server's /{state} is ok"""
    answer = control_plane.text(f"api.{state}")
    evidence(answer)
    failed = [line for line in answer.splitlines() if line.startswith("[-]")]
    assert f"{state} check passed" in answer, "; ".join(failed) or answer.splitlines()[-1]


def test_api_server_version(control_plane, settings):
    """the API server has the version of the cluster file"""
    if not control_plane.ask("api.livez").ok:
        pytest.skip("the API server does not answer")
    found = version_in(json.loads(control_plane.text("api.version")).get("gitVersion", ""))
    assert found == settings.kubernetes, f"it is {found}, not {settings.kubernetes}"


@pytest.mark.parametrize("component", HEALTH)
def test_component_is_well(control_plane, component):
    """{component} is healthy"""
    answer = control_plane.text(f"health.{component}")
    assert answer == "ok", f"/healthz answered {answer}"


@pytest.mark.parametrize("component", STATIC_PODS)
def test_static_pod(control_plane, component, static_pod):
    """{component} runs"""
    static_pod(f"{component}-{control_plane.name}")
