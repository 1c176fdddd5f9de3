"""The API server, the controllers and the scheduler, on each control plane."""

import json

import pytest

from kprov.verify.answers import NoControlPlaneError
from kprov.verify.certificates import certificates
from kprov.verify.pods import pod_ready
from kprov.verify.questions import HEALTH, member_is_well, version_in
from kprov.verify.view import STATIC_PODS

API_CERTIFICATE = "/etc/kubernetes/pki/apiserver.crt"
UNTRUSTED = (51, 60)
"""curl's exit codes for a certificate that is not for the name, or not valid (curl.1)."""


def test_kubectl_answers(cluster):
    """kubectl answers on a control plane"""
    try:
        assert cluster.view.nodes, "the cluster has no nodes"
    except NoControlPlaneError as error:
        pytest.fail(str(error))


def test_admin(control_plane):
    """kubectl is let in by its admin.conf"""
    answer = control_plane.ask("admin")
    if not answer.ok and control_plane.ask("endpoint").text != "ok":
        pytest.skip("the API does not answer through the endpoint")
    control_plane.text("admin")


def test_names(control_plane, settings, evidence):
    """the API server's certificate is for every name of it"""
    answer = control_plane.ask("api.livez")
    assert answer.rc not in UNTRUSTED, f"{control_plane.name}: {answer.text.splitlines()[0]}"
    found = [each for each in certificates(control_plane.text("certificates")) if each.file == API_CERTIFICATE]
    names = {name for each in found for name in each.names}
    evidence(" ".join(sorted(names)))
    wanted = [settings.endpoint_host, control_plane.target.address, f"kubernetes.default.svc.{settings.dns_domain}"]
    missing = [name for name in wanted if name not in names]
    assert not missing, f"{API_CERTIFICATE} is not for {', '.join(missing)}"


@pytest.fixture
def spare_api(control_plane, settings):
    """A function that skips the test where the API server cannot be well, for a reason that another test tells."""

    def check():
        if control_plane.ask("api.livez").rc in UNTRUSTED:
            pytest.skip("its certificate is not for its address, or not valid")
        if settings.stacked_etcd and not member_is_well(control_plane.ask("etcd.health")):
            pytest.skip(f"the etcd member on {control_plane.name} is not well")

    return check


@pytest.mark.parametrize("state", ["livez", "readyz"])
def test_api_server_is_well(control_plane, state, evidence, spare_api):
    """the API server's /{state} is ok"""
    answer = control_plane.ask(f"api.{state}")
    if not answer.ok or f"{state} check passed" not in answer.text:
        spare_api()
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
    if control_plane.ask(f"health.{component}").text != "ok" and not control_plane.ask("api.livez").ok:
        pytest.skip(f"the API server on {control_plane.name} does not answer")
    answer = control_plane.text(f"health.{component}")
    assert answer == "ok", f"/healthz answered {answer}"


@pytest.mark.parametrize("component", STATIC_PODS)
def test_static_pod(control_plane, component, cluster, static_pod, spare_api):
    """{component} runs"""
    pod = cluster.view.system_pods.get(f"{component}-{control_plane.name}")
    if pod is None or not pod_ready(pod):
        spare_api()
        if component != STATIC_PODS[0] and not control_plane.ask("api.livez").ok:
            pytest.skip(f"the API server on {control_plane.name} does not answer")
    static_pod(f"{component}-{control_plane.name}")
