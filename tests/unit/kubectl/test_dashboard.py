"""The way to the dashboard: found, opened, and told clearly where there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kprov.errors import CheckFailed, InputError, UnreachableError
from kprov.kubectl.client import Said
from kprov.kubectl.dashboard import Door, find, node_urls, opened, request_token, wanted
from kprov.kubectl.fakes import FakeKubectl
from kprov.spec.addons import Dashboard
from kprov.spec.load import loads

if TYPE_CHECKING:
    from kprov.spec.model import ClusterSpec

TOKEN_PATH = "/api/v1/namespaces/kprov-dashboard/serviceaccounts/{}/token"
HEADLAMP = Dashboard(kind="headlamp")
DOOR = Door("lab", "https://10.0.0.11:6443", 80, "http")
NODES = "{m1: {address: 10.0.0.11, roles: [control-plane]}, w1: {address: 10.0.0.101, roles: [worker]}}"


def spec(more: str = "") -> ClusterSpec:
    return loads(f"cluster: lab\nlab: {{provider: podman}}\nnodes: {NODES}\n{more}", "cluster.yaml").spec


def listed(*, kind: str = "headlamp", service: str = "ClusterIP", ready: int = 1, scheme: str = "http") -> Said:
    """What kubectl says of a dashboard of this kind."""
    ports = [{"name": scheme, "port": 80 if scheme == "http" else 443}]
    there: list[object] = [{"kind": "Service", "spec": {"type": service, "ports": ports}, "status": {}}]
    if kind:
        status = {"readyReplicas": ready} if ready else {}
        there.append({"kind": "Deployment", "metadata": {"name": kind}, "spec": {}, "status": status})
    return Said(0, json.dumps({"kind": "List", "items": there}), "")


def test_a_cluster_file_without_a_dashboard() -> None:
    with pytest.raises(InputError) as refused:
        wanted(spec(), "cluster.yaml")
    assert "kprov addons enable" in refused.value.remedy


def test_a_dashboard_that_runs_is_found() -> None:
    assert find(FakeKubectl({"get": listed()}), HEADLAMP) == DOOR


def test_another_api_server_is_asked_where_the_first_is_down() -> None:
    servers = {"lab": "https://10.0.0.11:6443", "lab@m2": "https://10.0.0.12:6443"}
    door = find(FakeKubectl({"get": listed()}, servers, down={"lab"}), HEADLAMP)
    assert (door.context, door.server) == ("lab@m2", "https://10.0.0.12:6443")


def test_no_api_server_answers() -> None:
    with pytest.raises(UnreachableError) as refused:
        find(FakeKubectl({"get": listed()}, down={"lab"}), HEADLAMP)
    assert "was refused" in refused.value.why
    assert refused.value.where == "https://10.0.0.11:6443"
    assert refused.value.exit_code == 3


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (Said(0, "", ""), "not installed yet"),
        (listed(kind=""), "not what the cluster file says"),
        (listed(service="NodePort"), "not what the cluster file says"),
        (listed(ready=0), "does not run yet"),
    ],
)
def test_a_dashboard_that_is_not_there_as_it_should_be(said: Said, told: str) -> None:
    with pytest.raises(CheckFailed) as refused:
        find(FakeKubectl({"get": said}), HEADLAMP)
    assert told in refused.value.what
    assert "kprov" in refused.value.remedy


def test_an_open_dashboard_is_found_as_such() -> None:
    assert find(FakeKubectl({"get": listed(service="NodePort")}), Dashboard(kind="headlamp", access="lab-open"))


def test_where_an_open_dashboard_answers() -> None:
    urls = node_urls(spec("addons: {dashboard: {kind: headlamp, access: lab-open, port: 31999}}"))
    assert urls == ("http://10.0.0.11:31999", "http://10.0.0.101:31999")
    assert node_urls(spec("addons: {dashboard: {kind: headlamp}}")) == ()


@pytest.mark.parametrize(("admin", "account"), [(False, "viewer"), (True, "admin")])
def test_a_token_lives_for_an_hour_and_is_in_no_argument(admin: bool, account: str) -> None:
    answer = {"status": {"token": "eyJhb.eyJpc.c2ln", "expirationTimestamp": "2026-11-21T13:00:00Z"}}
    kubectl = FakeKubectl({f"create --raw={TOKEN_PATH.format(account)}": Said(0, json.dumps(answer), "")})
    token = request_token(kubectl, DOOR, admin=admin)
    assert (token.text, token.expires) == ("eyJhb.eyJpc.c2ln", "2026-11-21T13:00:00Z")
    ((_, words, stdin),) = kubectl.asked
    assert json.loads(stdin)["spec"]["expirationSeconds"] == 3600
    assert "eyJhb" not in words


def test_no_token_is_told_with_the_reason() -> None:
    with pytest.raises(CheckFailed) as refused:
        request_token(FakeKubectl(), DOOR, admin=False)
    assert "NotFound" in refused.value.why


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_way_leads_to_the_service_from_a_port_of_this_machine_alone(scheme: str) -> None:
    kubectl = FakeKubectl(says=["Forwarding from 127.0.0.1:41234 -> 4466\n", "Handling connection for 41234\n"])
    with opened(kubectl, Door("lab", "https://10.0.0.11:6443", 443, scheme)) as (url, way):
        assert url == f"{scheme}://127.0.0.1:41234/"
        assert way.error() == ""
    ((_, words, _),) = kubectl.asked
    assert words.endswith("--address=127.0.0.1 --namespace=kprov-dashboard service/dashboard :443")


def test_a_way_that_cannot_be_opened() -> None:
    with (
        pytest.raises(CheckFailed) as refused,
        opened(FakeKubectl(fails="error: unable to forward port"), DOOR),
    ):
        pass
    assert "unable to forward port" in refused.value.why


def test_the_api_leads_to_the_service_by_the_name_of_its_port() -> None:
    door = find(FakeKubectl({"get": listed(scheme="https")}), HEADLAMP)
    path = "/api/v1/namespaces/kprov-dashboard/services/https:dashboard:https/proxy/"
    assert door.url == f"https://10.0.0.11:6443{path}"
