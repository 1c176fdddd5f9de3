"""What kprov changes in the makers' manifests, and the objects that it writes itself.

The makers' files are not kept here: the variable KPROV_MIRROR names a folder that has them, by host and path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest

from kprov.addons.documents import images_of, parse, to_text
from kprov.addons.model import LABEL
from kprov.addons.networks.route_reflectors import RouteReflectors
from tests.unit.addons.made import addons

Golden = Callable[[str, str], None]

_BOTH = "pods: [10.8.0.0/14, fd00:10:8::/56], services: [10.96.0.0/16, fd00:10:96::/112]"
_SIX = "pods: fd00:10:8::/56, services: fd00:10:96::/112"
REAL: dict[str, tuple[str, ...]] = {
    "calico-3.24.5-on-1.20": ("network: {plugin: calico, pods: 10.8.0.0/14, mtu: 1400}", "1.20.2"),
    "calico-3.31.7-ipip": ("network: {plugin: calico, version: 3.31.7, encapsulation: ipip}", "1.35.8"),
    "calico-3.32.1": ("network: {plugin: calico}", "1.36.4"),
    "calico-3.32.1-bgp": ("network: {plugin: calico, encapsulation: bgp}", "1.36.4"),
    "calico-3.32.1-dual-stack": (
        f"network: {{plugin: calico, {_BOTH}}}",
        "1.36.4",
        "10.0.0.11, second_address: 'fd00::11'",
    ),
    "calico-3.32.1-ipv6": (f"network: {{plugin: calico, {_SIX}}}", "1.36.4", "'fd00::11'"),
    "weave-2.8.1": ("network: {plugin: weave, version: 2.8.1, mtu: 1376, password_file: pw}", "1.20.2"),
    "weave-2.9.0": ("network: {plugin: weave}", "1.36.4"),
    "flannel-0.15.1": ("network: {plugin: flannel}", "1.20.2"),
    "flannel-0.28.9-host-gw": ("network: {plugin: flannel, encapsulation: host-gw}", "1.36.4"),
    "flannel-0.28.9-dual-stack": (
        f"network: {{plugin: flannel, {_BOTH}}}",
        "1.36.4",
        "10.0.0.11, second_address: 'fd00::11'",
    ),
    "flannel-0.28.9-ipv6": (f"network: {{plugin: flannel, {_SIX}}}", "1.36.4", "'fd00::11'"),
    "local-path-provisioner-0.0.37": ("addons: {local-path-provisioner: {path: /srv/volumes}}", "1.36.4"),
    "ingress-nginx-1.15.1": ("addons: {ingress-nginx: {}}", "1.36.4"),
    "metallb-0.16.1": ('addons: {metallb: {addresses: ["10.0.0.200-10.0.0.220"]}}', "1.36.4"),
}
WRITTEN = {
    "coredns": ('addons: {coredns: {upstream: ["9.9.9.9"], hosts: {"10.0.0.5": [db.example]}}}', "1.20.2"),
    "metrics-server": ("addons: {metrics-server: {}}", "1.20.2"),
    "headlamp": ("addons: {dashboard: {kind: headlamp}}", "1.36.4"),
    "kube-web-view-open": ("addons: {dashboard: {kind: kube-web-view, access: lab-open}}", "1.20.2"),
    "kubernetes-dashboard-open": ("addons: {dashboard: {kind: kubernetes-dashboard, access: lab-open}}", "1.20.2"),
}


def made(rest: str, kubernetes: str, address: str = "10.0.0.11") -> Any:
    """The last add-on that the file asks for; its node has this address."""
    return [*addons(rest, kubernetes, address).values()][-1]


def given(addon: Any) -> dict[str, bytes]:
    """The makers' files of an add-on; without them the test is skipped by name."""
    mirror = os.environ.get("KPROV_MIRROR", "")
    files = {each.url: Path(mirror, each.url.removeprefix("https://")) for each in addon.upstream}
    missing = [url for url, path in files.items() if not mirror or not path.is_file()]
    if missing:
        pytest.skip(f"KPROV_MIRROR names no folder that has {', '.join(missing)}")
    contents = {url: path.read_bytes() for url, path in files.items()}
    for each in addon.upstream:
        assert sha256(contents[each.url]).hexdigest() == each.sha256, f"{each.url} is not the file of the catalog"
    return contents


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every value by its path; an item of a list has the name that it carries, else its number."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            name = inner.get("name", number) if isinstance(inner, dict) else number
            yield from leaves(inner, f"{path}[{name}]")
    else:
        yield path, value


def by_path(documents: Any) -> dict[str, Any]:
    found = {}
    for document in documents:
        meta = document["metadata"]
        place = "/".join(filter(None, (document["kind"], meta.get("namespace"), meta["name"])))
        found |= dict(leaves(document, place))
    return found


def difference(before: Any, after: Any) -> str:
    """Line by line what is gone (-) and what is new (+); the label that every object gets is counted, not listed."""
    old, new = by_path(before), by_path(after)
    labels = [path for path in new if path.endswith(f".metadata.labels.{LABEL}")]
    lines = [f"# {len(labels)} of {len(after)} objects have the label {LABEL}: {new[labels[0]]}"]
    lines += [f"# starts {image}" for image in images_of(after)]
    for path in [*old, *(path for path in new if path not in old)]:
        if path in labels or (path in old and path in new and old[path] == new[path]):
            continue
        lines += [f"- {path}: {old[path]!r}"] if path in old else []
        lines += [f"+ {path}: {new[path]!r}"] if path in new else []
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", REAL)
def test_only_this_differs_from_what_the_makers_publish(golden: Golden, name: str) -> None:
    addon = made(*REAL[name])
    files = given(addon)
    before = [document for url, content in files.items() for document in parse(content, url)]
    golden(f"addons/{name}.diff", difference(before, addon.objects(files)))


@pytest.mark.parametrize("version", ["1.33.0", "1.34.0", "1.35.0", "1.36.0", "1.37.0"])
@pytest.mark.parametrize("name", [name for name, given in REAL.items() if given[1] != "1.20.2"])
def test_the_api_of_this_kubernetes_takes_the_result_strictly(name: str, version: str) -> None:
    addon = made(*REAL[name])
    for document in addon.objects(given(addon)):
        if document["apiVersion"] != "metallb.io/v1beta1":
            kubernetes_validate.validate(document, version, strict=True)


VALUES = {
    "cilium": ("network: {plugin: cilium, mtu: 1400, values: {operator: {replicas: 3}}}", "1.36.4"),
    "cilium-host-gw": ("network: {plugin: cilium, encapsulation: host-gw, pods: 10.8.0.0/16}", "1.35.8"),
    "traefik": ("addons: {gateway-api: {}, traefik: {values: {deployment: {replicas: 2}}}}", "1.36.4"),
    "kube-prometheus-stack": ("addons: {kube-prometheus-stack: {password_file: pw, volume_gib: 20}}", "1.36.4"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_chart_is_given_these_values(golden: Golden, name: str) -> None:
    (chart,) = made(*VALUES[name]).charts
    head = f"# {chart.source}\n# as {chart.release} in {chart.namespace}, for Kubernetes {chart.kubernetes}\n"
    golden(f"addons/{name}.values", head + to_text([chart.values]))


REFLECTORS = RouteReflectors(("m1", "w1", "w2"), ("w1",))


def test_route_reflectors_are_these(golden: Golden) -> None:
    golden("addons/calico-route-reflectors.manifest", to_text(REFLECTORS.objects({})))


@pytest.mark.parametrize("name", [name for name in REAL if name.startswith("calico")])
def test_the_definitions_of_every_calico_take_the_objects_of_route_reflectors(name: str) -> None:
    definitions = {}
    for each in made(*REAL[name]).objects(given(made(*REAL[name]))):
        if each["kind"] == "CustomResourceDefinition":
            definitions[each["spec"]["names"]["kind"]] = each["spec"]
    for document in REFLECTORS.objects({}):
        group, _, version = document["apiVersion"].rpartition("/")
        if group:
            definition = definitions[document["kind"]]
            (served,) = [each for each in definition["versions"] if each["name"] == version]
            assert definition["group"] == group
            schema = {**served["schema"]["openAPIV3Schema"]["properties"]["spec"], "additionalProperties": False}
            # Their patterns are those of Go, so the schema itself is not checked.
            assert list(jsonschema.Draft202012Validator(schema).iter_errors(document["spec"])) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_here_is_this(golden: Golden, name: str) -> None:
    golden(f"addons/{name}.manifest", to_text(made(*WRITTEN[name]).objects({})))
