from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner, Result

from kprov.cli.inventory import inventory
from kprov.cli.options import Settings
from kprov.errors import InputError, SpecError
from kprov.inventory import listing

if TYPE_CHECKING:
    from pathlib import Path

CLUSTER = """\
cluster: lab
kubernetes: {version: "%s"}
bundle: {source: packages}
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane]}
  w1: {address: 10.0.0.21, roles: [worker]}
"""
LISTED = {
    "_meta": {"hostvars": {"m1": {"ansible_host": "10.0.0.11", "helm_enabled": True}}},
    "all": {"children": ["ungrouped", "kube-master"]},
    "kube-master": {"hosts": ["m1"]},
}


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    file = tmp_path / "lab" / "cluster.yaml"
    file.parent.mkdir()
    file.write_text(CLUSTER % "1.20.2")
    return file


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An inventory of which Ansible says ``LISTED``."""
    file = tmp_path / "old" / "hosts.ini"
    file.parent.mkdir()
    file.write_text("[kube-master]\nm1 ansible_host=10.0.0.11\n")
    monkeypatch.setattr(listing, "_ansible_inventory", lambda _: json.dumps(LISTED))
    return file


def run(*arguments: object) -> Result:
    return CliRunner().invoke(inventory, [str(argument) for argument in arguments], obj=Settings())


def test_render_writes_beside_the_cluster_file_and_a_second_time_nothing(cluster: Path) -> None:
    home = cluster.parent
    first = run("render", "-f", cluster)
    assert first.output.splitlines() == [
        f"{home / name}: written"
        for name in ("hosts.ini", "group_vars/all.yml", "host_vars/m1.yml", "host_vars/w1.yml")
    ]
    assert yaml.safe_load((home / "group_vars" / "all.yml").read_text())["node_cluster"] == "lab"
    assert run("render", "-f", cluster).output == f"{home}: nothing to change\n"


def test_render_goes_to_another_folder_in_another_style_and_format(cluster: Path, tmp_path: Path) -> None:
    assert (
        run("render", "-f", cluster, "--group-style", "legacy", "--format", "yaml", "--to", tmp_path / "x").exit_code
        == 0
    )
    assert set(yaml.safe_load((tmp_path / "x" / "hosts.yaml").read_text())["all"]["children"]) == {
        "etcd",
        "kube-master",
        "kube-node",
        "calico-rr",
        "k8s-cluster",
    }
    assert list(cluster.parent.iterdir()) == [cluster]


def test_json_goes_to_standard_output_as_a_dynamic_inventory_does(cluster: Path) -> None:
    document = json.loads(run("render", "-f", cluster, "--format", "json").stdout)
    assert document["kube_node"] == {"hosts": ["w1"]}
    assert document["all"]["vars"]["node_cluster"] == "lab"
    assert list(cluster.parent.iterdir()) == [cluster]


def test_to_minus_prints_the_hosts_alone(cluster: Path) -> None:
    assert "w1 ansible_host=10.0.0.21 ip=10.0.0.21" in run("render", "-f", cluster, "--to", "-").stdout.splitlines()
    assert list(cluster.parent.iterdir()) == [cluster]


def test_hosts_and_groups_are_rendered_for_a_version_without_rules_too(cluster: Path) -> None:
    cluster.write_text(CLUSTER % "1.19.16")
    result = run("render", "-f", cluster)
    assert result.exit_code == 0
    assert "no rules for Kubernetes 1.19.16" in result.stderr
    assert (cluster.parent / "hosts.ini").exists()


def test_import_writes_a_cluster_file_and_tells_what_is_lost(foreign: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "cluster.yaml"
    result = run("import", foreign, "--to", target)
    assert "not taken over, all hosts: helm_enabled" in result.stderr
    assert result.stdout.startswith(f"{target}: written: 1 nodes")
    assert yaml.safe_load(target.read_text())["nodes"]["m1"] == {
        "address": "10.0.0.11",
        "roles": ["control-plane", "etcd"],
    }


def test_import_prints_nothing_but_the_cluster_file_with_to_minus(foreign: Path) -> None:
    assert yaml.safe_load(run("import", foreign, "--to", "-").stdout)["cluster"] == "old"


def test_import_overwrites_only_when_forced(foreign: Path, tmp_path: Path) -> None:
    target = tmp_path / "cluster.yaml"
    target.write_text("mine\n")
    refused = run("import", foreign, "--to", target)
    assert isinstance(refused.exception, InputError)
    assert target.read_text() == "mine\n"
    assert run("import", foreign, "--to", target, "--force").exit_code == 0
    assert target.read_text() != "mine\n"


def test_import_of_what_makes_no_cluster_writes_nothing(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_ansible_inventory", lambda _: json.dumps({"_meta": {"hostvars": {}}}))
    target = tmp_path / "new" / "cluster.yaml"
    result = run("import", foreign, "--to", target)
    assert isinstance(result.exception, SpecError)
    assert result.exception.exit_code == 2
    assert not target.parent.exists()


def test_import_says_at_once_if_up_will_refuse_the_version(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    variables = {"ansible_host": "10.0.0.11", "kube_version": "v1.19.16"}
    answer = json.dumps({**LISTED, "_meta": {"hostvars": {"m1": variables}}})
    monkeypatch.setattr(listing, "_ansible_inventory", lambda _: answer)
    assert "no rules for Kubernetes 1.19.16" in run("import", foreign, "--to", tmp_path / "c.yaml").stderr


def test_import_warns_where_old_and_new_variables_would_lie_together(foreign: Path) -> None:
    target = foreign.with_name("cluster.yaml")
    assert f"{target} lies beside hosts.ini" in run("import", foreign, "--to", target).stderr
