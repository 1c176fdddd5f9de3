"""Add-ons that are charts: the values that the cluster file makes, what the user may add, and what is taken of them."""

from __future__ import annotations

import pytest

from kprov.addons.documents import find, images_of
from kprov.addons.model import OpenPort, SecretFile
from kprov.errors import SpecError
from kprov.spec.load import loads
from tests.unit.addons.made import CLUSTER, addons, objects


def cilium(settings: str = "", kubernetes: str = "1.36.4"):
    (addon,) = addons(f"network: {{plugin: cilium{settings}}}", kubernetes).values()
    return addon


def values(addon) -> dict:
    (chart,) = addon.charts
    return chart.values


@pytest.mark.parametrize(("kubernetes", "version"), [("1.36.4", "1.20.2"), ("1.34.11", "1.20.2")])
def test_ciliums_chart_is_rendered_for_this_kubernetes(kubernetes, version) -> None:
    addon = cilium(kubernetes=kubernetes)
    (chart,), (archive,) = addon.charts, addon.upstream
    assert (chart.kubernetes, chart.namespace, chart.source) == (kubernetes, "kube-system", archive.url)
    assert (addon.version, archive.kind) == (version, "chart")
    assert images_of(objects(addon)) == ("quay.io/cilium/cilium:v1.20.2",)
    assert find(objects(addon), "DaemonSet", "cilium")["metadata"]["namespace"] == "kube-system"


def test_cilium_takes_pods_addresses_from_kubernetes_and_leaves_kube_proxy_alone() -> None:
    found = values(cilium())
    assert (found["ipam"], found["k8s"]) == ({"mode": "kubernetes"}, {"requireIPv4PodCIDR": True})
    assert found["kubeProxyReplacement"] == "false"
    assert (found["routingMode"], found["tunnelProtocol"]) == ("tunnel", "vxlan")
    assert "MTU" not in found
    assert values(cilium(", mtu: 1400"))["MTU"] == 1400


def test_cilium_needs_bpf_and_the_ports_of_its_tunnel() -> None:
    health, tunnel = OpenPort("tcp", 4240, "cilium-agent"), OpenPort("udp", 8472, "kernel")
    assert (cilium().kernel, cilium().ports) == (("bpf", "vxlan"), (health, tunnel))
    routed = cilium(", encapsulation: host-gw, pods: 10.8.0.0/16")
    assert (routed.kernel, routed.ports) == (("bpf",), (health,))
    assert values(routed)["ipv4NativeRoutingCIDR"] == "10.8.0.0/16"
    assert values(routed)["autoDirectNodeRoutes"] is True


def test_one_node_has_one_operator_of_cilium_and_images_have_no_digest() -> None:
    found = values(cilium())
    assert found["operator"] == {"replicas": 1, "image": {"useDigest": False}}
    assert found["hubble"] == {"enabled": False}


def test_what_the_user_gives_goes_over_kprovs_defaults_and_beside_what_is_decided() -> None:
    given = values(cilium(", values: {hubble: {enabled: true}, operator: {replicas: 3}, debug: {enabled: true}}"))
    assert given["hubble"] == {"enabled": True}
    assert given["operator"] == {"replicas": 3, "image": {"useDigest": False}}
    assert given["debug"] == {"enabled": True}
    assert given["ipam"] == {"mode": "kubernetes"}


def traefik(rest: str = "traefik: {}"):
    return addons(f"network: {{plugin: bridge}}\naddons: {{{rest}}}", "1.36.4")["traefik"]


@pytest.mark.parametrize(
    ("rest", "gateway", "service"),
    [
        ("traefik: {}", False, "NodePort"),
        ("traefik: {}, gateway-api: {}", True, "NodePort"),
        ("traefik: {}, metallb: {addresses: [10.0.0.224/28]}", False, "LoadBalancer"),
    ],
)
def test_traefik_serves_what_is_there(rest, gateway, service) -> None:
    found = values(traefik(rest))
    assert found["providers"] == {"kubernetesGateway": {"enabled": gateway}}
    assert found["service"] == {"type": service}
    assert ("gateway.networking.k8s.io/v1" in traefik(rest).charts[0].api_versions) == gateway
    assert found["ports"] == {"web": {"nodePort": 30080}, "websecure": {"nodePort": 30443}}
    assert found["ingressClass"] == {"enabled": True, "isDefaultClass": True}


def test_the_definitions_of_the_gateway_api_are_not_traefiks() -> None:
    assert [each["kind"] for each in objects(traefik())] == ["Namespace", "Deployment"]
    gateway = addons("addons: {gateway-api: {}}", "1.36.4")["gateway-api"]
    assert [each["kind"] for each in objects(gateway)] == ["CustomResourceDefinition"]


def test_ingress_nginx_is_legacy_and_says_so() -> None:
    rest = "addons: {ingress-nginx: {http_port: 31080, default: false}}"
    addon = addons(rest, "1.36.4")["ingress-nginx"]
    assert "retired by its maintainers in March 2026" in addon.notes[0]
    made = objects(addon)
    ports = find(made, "Service", "ingress-nginx-controller")["spec"]["ports"]
    assert [port["nodePort"] for port in ports] == [31080, 30443]
    annotations = find(made, "IngressClass", "nginx")["metadata"]["annotations"]
    assert annotations == {"ingressclass.kubernetes.io/is-default-class": "false"}
    assert images_of(made) == ("registry.k8s.io/ingress-nginx/kube-webhook-certgen:v1.6.9",)


def stack(settings: str = ""):
    rest = f"addons: {{kube-prometheus-stack: {{password_file: secrets/grafana{settings}}}}}"
    return addons(rest, "1.36.4")["kube-prometheus-stack"]


def test_grafanas_password_is_in_a_secret_and_in_no_value() -> None:
    (secret,) = stack().secrets
    name = "kube-prometheus-stack"
    assert secret == SecretFile(name, "kprov-grafana", "admin-password", "secrets/grafana", (("admin-user", "admin"),))
    assert values(stack())["grafana"] == {"admin": {"existingSecret": "kprov-grafana"}}
    assert "secrets/grafana" not in repr(values(stack()))


def test_prometheus_keeps_what_is_asked_and_nothing_is_made_up() -> None:
    found = values(stack(", retention_days: 30, volume_gib: 20"))
    kept = found["prometheus"]["prometheusSpec"]
    assert kept["retention"] == "30d"
    claim = kept["storageSpec"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"] == {"requests": {"storage": "20Gi"}}
    assert "storageSpec" not in values(stack())["prometheus"]["prometheusSpec"]
    assert found["prometheusOperator"] == {"admissionWebhooks": {"enabled": False}, "tls": {"enabled": False}}
    assert found["kubeEtcd"] == {"enabled": False}


@pytest.mark.parametrize(
    ("rest", "key"),
    [
        ("addons:\n  traefik:\n    values: {service: {type: ClusterIP}}\n", "addons.traefik.values.service.type"),
        (
            "addons:\n  kube-prometheus-stack: {password_file: p, values: {grafana: {admin: {existingSecret: a}}}}\n",
            "addons.kube-prometheus-stack.values.grafana.admin.existingSecret",
        ),
    ],
)
def test_a_value_that_is_decided_elsewhere_is_refused_by_line(rest, key) -> None:
    with pytest.raises(SpecError) as caught:
        addons(f"network: {{plugin: bridge}}\n{rest}", "1.36.4")
    (problem,) = caught.value.problems
    assert problem.key == key
    assert (
        problem.line == f"{CLUSTER.format(kubernetes='', rest='')}{rest}".splitlines().index(rest.splitlines()[-1]) + 1
    )


@pytest.mark.parametrize(
    ("rest", "key"),
    [
        ("traefik: {}, ingress-nginx: {default: false, https_port: 30444}", "addons.ingress-nginx.http_port"),
        ("traefik: {http_port: 30443}", "addons.traefik.https_port"),
        (
            "traefik: {http_port: 31000}, dashboard: {kind: headlamp, access: lab-open}",
            "addons.traefik.http_port",
        ),
    ],
)
def test_a_port_of_the_nodes_is_taken_once(rest, key) -> None:
    with pytest.raises(SpecError) as caught:
        loads(CLUSTER.format(kubernetes="1.36.4", rest=f"addons: {{{rest}}}"), "cluster.yaml")
    (problem,) = caught.value.problems
    assert problem.key == key
    assert "is taken by" in problem.wrong
