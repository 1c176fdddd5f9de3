"""Dashboards let in whom the cluster file says, and no secret is in sight."""

from __future__ import annotations

import pytest

from kprov.addons.documents import find, images_of
from kprov.addons.model import LABEL
from tests.unit.addons.made import addons

KINDS = ["headlamp", "kubernetes-dashboard", "kube-web-view"]
every_kind = pytest.mark.parametrize("kind", KINDS)


def dashboard(kind: str, more: str = "", kubernetes: str = "1.20.2"):
    return addons(f"addons: {{dashboard: {{kind: {kind}{more}}}}}", kubernetes)["dashboard"]


def service(addon) -> dict:
    return find(addon.objects({}), "Service", "dashboard")["spec"]


def pods(addon, kind: str) -> dict:
    return find(addon.objects({}), "Deployment", kind)["spec"]["template"]["spec"]


@every_kind
def test_by_default_it_is_reached_inside_of_the_cluster_only(kind):
    addon = dashboard(kind)
    assert service(addon)["type"] == "ClusterIP"
    assert "nodePort" not in service(addon)["ports"][0]
    assert addon.alarms == ()


@every_kind
def test_open_for_a_lab_it_is_on_every_node_and_says_so(kind):
    addon = dashboard(kind, ", access: lab-open, port: 31999")
    assert (service(addon)["type"], service(addon)["ports"][0]["nodePort"]) == ("NodePort", 31999)
    (alarm,) = addon.alarms
    assert "stands open" in alarm
    assert "31999" in alarm


@every_kind
def test_the_alarm_of_an_open_door_says_what_people_can_do_there(kind):
    (alarm,) = dashboard(kind, ", access: lab-open").alarms
    assert ("sees everything but secrets" if kind == "kube-web-view" else "change everything") in alarm


@every_kind
@pytest.mark.parametrize("access", ["token", "lab-open"])
def test_its_service_leads_to_its_pods(kind, access):
    addon = dashboard(kind, f", access: {access}")
    template = find(addon.objects({}), "Deployment", kind)["spec"]["template"]
    assert service(addon)["selector"] == template["metadata"]["labels"]
    names = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    assert service(addon)["ports"][0]["targetPort"] in names


@every_kind
@pytest.mark.parametrize(
    ("kubernetes", "taint"),
    [("1.20.2", "node-role.kubernetes.io/master"), ("1.36.4", "node-role.kubernetes.io/control-plane")],
)
def test_it_runs_on_a_control_plane(kind, kubernetes, taint):
    spec = pods(dashboard(kind, kubernetes=kubernetes), kind)
    assert spec["nodeSelector"]["node-role.kubernetes.io/control-plane"] == ""
    assert spec["tolerations"] == [{"key": taint, "operator": "Exists", "effect": "NoSchedule"}]


@every_kind
def test_the_viewer_sees_no_secret_and_changes_nothing(kind):
    documents = dashboard(kind).objects({})
    viewer = find(documents, "ClusterRole", "kprov:dashboard-viewer")
    granted = {
        (group, resource) for rule in viewer["rules"] for group in rule["apiGroups"] for resource in rule["resources"]
    }
    assert ("", "nodes") in granted
    assert {("", "secrets"), ("", "*"), ("*", "*"), ("", "pods/exec"), ("", "serviceaccounts/token")}.isdisjoint(
        granted
    )
    assert {verb for rule in viewer["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}


@pytest.mark.parametrize(("access", "led"), [("token", True), ("lab-open", False)])
@every_kind
def test_the_api_leads_the_viewer_to_the_dashboard_unless_that_could_act_for_the_admin(kind, access, led):
    documents = dashboard(kind, f", access: {access}").objects({})
    rules = find(documents, "ClusterRole", "kprov:dashboard-viewer")["rules"]
    proxied = [rule for rule in rules if "services/proxy" in rule["resources"]]
    assert [(rule["resources"], rule["verbs"]) for rule in proxied] == [(["services/proxy"], ["get"])] * led
    assert all(name.split(":")[1] == "dashboard" for rule in proxied for name in rule["resourceNames"])


@pytest.mark.parametrize(("access", "account"), [("token", "viewer"), ("lab-open", "viewer")])
def test_kube_web_view_has_no_login_so_it_never_may_change_anything(access, account):
    assert pods(dashboard("kube-web-view", f", access: {access}"), "kube-web-view")["serviceAccountName"] == account


@pytest.mark.parametrize(("access", "account", "login"), [("token", "viewer", True), ("lab-open", "admin", False)])
def test_headlamp_asks_for_a_token_unless_it_is_open(access, account, login):
    spec = pods(dashboard("headlamp", f", access: {access}"), "headlamp")
    assert spec["serviceAccountName"] == account
    assert ("-unsafe-use-service-account-token" not in spec["containers"][0]["args"]) is login


def test_kubernetes_dashboard_speaks_https_and_asks_for_a_token():
    addon = dashboard("kubernetes-dashboard")
    arguments = pods(addon, "kubernetes-dashboard")["containers"][0]["args"]
    assert "--auto-generate-certificates" in arguments
    assert not any("skip-login" in argument or "insecure" in argument for argument in arguments)
    assert service(addon)["ports"][0]["port"] == 443
    assert "archived" in addon.notes[0]
    assert addon.alarms == ()
    bound = [each for each in addon.objects({}) if each["kind"] == "ClusterRoleBinding"]
    assert {each["subjects"][0]["name"] for each in bound} == {"viewer", "admin"}


def test_kubernetes_dashboard_does_in_a_lab_what_lab_books_do():
    addon = dashboard("kubernetes-dashboard", ", access: lab-open")
    arguments = pods(addon, "kubernetes-dashboard")["containers"][0]["args"]
    assert {"--enable-skip-login", "--enable-insecure-login", "--insecure-port=9090"} <= set(arguments)
    opened = find(addon.objects({}), "ClusterRoleBinding", "kprov:dashboard-open")
    assert (opened["roleRef"]["name"], opened["subjects"][0]["name"]) == ("cluster-admin", "kubernetes-dashboard")


def test_another_kind_is_of_the_same_set_in_the_same_namespace():
    labels = {each["metadata"]["labels"][LABEL] for kind in KINDS for each in dashboard(kind).objects({})}
    assert labels == {"dashboard"}
    spaces = {each["metadata"].get("namespace") for kind in KINDS for each in dashboard(kind).objects({})}
    assert spaces == {None, "kprov-dashboard"}


@pytest.mark.parametrize(
    ("kind", "image"),
    [
        ("headlamp", "ghcr.io/headlamp-k8s/headlamp:v0.45.0"),
        ("kubernetes-dashboard", "docker.io/kubernetesui/dashboard:v2.7.0"),
        ("kube-web-view", "kprov.local/kube-web-view:21.2.0"),
    ],
)
def test_its_image_has_a_version(kind, image):
    assert images_of(dashboard(kind).objects({})) == (image,)
