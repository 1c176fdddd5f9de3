"""What a spec is shown as: YAML with origins, JSON, a dump, the schema, the reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from kprov.spec.dump import dump
from kprov.spec.keys import all_keys
from kprov.spec.load import load, loads
from kprov.spec.reference import table
from kprov.spec.schema import schema
from kprov.spec.show import show_json, show_yaml, summary

ROOT = Path(__file__).parents[3]
SHIPPED = sorted(ROOT.glob("inventory/*/cluster.yaml"))

RICH = """\
cluster: rich
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane]}
  "101":
    address: 10.0.0.12
    ssh_address: gate.example
    roles: [worker]
    labels: {example.com/disk: ssd, "on": "yes", zone: "1"}
    taints: [{key: gpu, effect: NoSchedule}]
ssh: {user: me, key: ~/.ssh/id_ed25519, bastion: me@jump:2222}
endpoint: {mode: vip, address: 10.0.0.5}
bundle: {source: [directory, packages], directory: "/srv/a b: c"}
lab: {provider: vagrant, cpus: 4}
"""


def test_the_shipped_files_are_what_their_names_say() -> None:
    lab, book = (load(ROOT / "inventory" / name / "cluster.yaml").spec for name in ("lab", "book"))
    assert summary(lab) == "4 nodes (3 control planes, 1 worker), Kubernetes newest, network bridge"
    assert summary(book) == "9 nodes (3 control planes, 6 workers), Kubernetes 1.36.4, network calico"
    assert book.etcd_members == book.control_planes == ("m11-k8s", "m12-k8s", "m13-k8s")
    assert [str(book.nodes[f"w{n}-k8s"].address) for n in (101, 106)] == ["192.168.1.101", "192.168.1.106"]


def test_every_value_is_shown_with_its_origin() -> None:
    lines = show_yaml(loads(RICH, "/home/me/cluster.yaml")).splitlines()
    words = {" ".join(line.split()) for line in lines}
    assert "address: 10.0.0.12 # cluster.yaml:5" in words
    assert "zone: '1' # cluster.yaml:8" in words
    assert "mode: vip # cluster.yaml:11" in words
    assert "pods: 10.244.0.0/16 # default" in words
    assert "port: 6443 # default" in words
    assert "subnet: 10.0.0.0/24 # default" in words
    assert all("#" in line or line.endswith(":") for line in lines)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_what_is_shown_and_dumped_loads_to_the_same(path) -> None:
    loaded = load(path)
    shown = loads(show_yaml(loaded), "shown.yaml")
    assert show_json(shown) == show_json(loaded)
    assert loads(dump(loaded.spec), "dump.yaml").spec == loaded.spec


def test_a_dump_of_everything_round_trips_and_is_deterministic() -> None:
    spec = loads(RICH, "cluster.yaml").spec
    text = dump(spec)
    again = loads(text, "cluster.yaml").spec
    assert again == spec
    assert list(again.nodes) == list(spec.nodes)
    assert dump(again) == text


def test_json_has_the_nodes_by_name_in_plain_types() -> None:
    document = json.loads(show_json(load(ROOT / "inventory/book/cluster.yaml")))
    assert len(document["nodes"]) == 9
    assert document["nodes"]["w103-k8s"]["address"] == "192.168.1.103"
    assert document["nodes"]["m11-k8s"]["roles"] == ["control-plane", "etcd"]
    assert document["network"]["pods"] == "10.244.0.0/16"
    assert document["endpoint"]["port"] == 8443


def errors_of(text: str) -> list[str]:
    return [error.json_path for error in Draft202012Validator(schema()).iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_the_shipped_files_fit_the_schema(path) -> None:
    Draft202012Validator.check_schema(schema())
    assert errors_of(path.read_text()) == []


def test_a_rich_file_and_its_dump_fit_the_schema() -> None:
    assert errors_of(RICH) == []
    assert errors_of(dump(loads(RICH, "cluster.yaml").spec)) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("cluster: rich", "cluster: Rich", "$.cluster"),
        ("cluster: rich", "colour: red\ncluster: rich", "$"),
        ("  m1:", "  M1:", "$.nodes"),
        ("10.0.0.11", "somewhere", "$.nodes.m1.address"),
        ("[control-plane]", "[master]", "$.nodes.m1.roles[0]"),
        ('zone: "1"', "zone: 1", '$.nodes["101"].labels.zone'),
        ("example.com/disk: ssd", "'a b': ssd", '$.nodes["101"].labels'),
        ("[directory, packages]", "nowhere", "$.bundle.source"),
        ("cpus: 4", "cpus: '4'", "$.lab"),
        ("provider: vagrant, ", "", "$.lab"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(problems, old, new, place) -> None:
    text = RICH.replace(old, new)
    assert [path.replace("['101']", '["101"]') for path in errors_of(text)] == [place]
    assert problems(text)


def test_every_key_of_the_schema_is_described() -> None:
    assert all(field.description for _, field in all_keys())
    assert "None" not in table()


def test_the_document_has_the_table_of_every_key() -> None:
    document = (ROOT / "docs" / "cluster-file.md").read_text()
    assert table() in document, "docs/cluster-file.md lacks the table that 'kprov spec schema -o table' prints"
    for key, _ in all_keys():
        assert f"\n| `{key}` |" in document
