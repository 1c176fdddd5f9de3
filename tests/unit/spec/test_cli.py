"""The commands, as a user calls them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from kprov.cli.init import init
from kprov.cli.spec import spec
from kprov.errors import InputError, SpecError


def output_of(command, *arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KPROV_FILE", raising=False)
    return tmp_path


def test_init_then_validate_then_show(here) -> None:
    assert "kprov up" in output_of(init, "--control-planes", "3", "--workers", "2")
    line = "cluster.yaml: valid: 5 nodes (3 control planes, 2 workers), Kubernetes newest, network bridge\n"
    assert output_of(spec, "validate") == line
    assert "# default" in output_of(spec, "show")
    assert list(json.loads(output_of(spec, "show", "-o", "json"))["nodes"]) == ["m1", "m2", "m3", "w1", "w2"]
    assert json.loads(output_of(spec, "validate", "-o", "json"))["etcd_members"] == 3


def test_the_file_comes_from_the_option_or_the_environment(here, base, monkeypatch) -> None:
    (here / "mine.yaml").write_text(f"{base}bundle: {{source: packages}}\n")
    assert output_of(spec, "validate", "-f", "mine.yaml").startswith("mine.yaml: valid: 4 nodes")
    monkeypatch.setenv("KPROV_FILE", str(here / "mine.yaml"))
    assert output_of(spec, "validate").startswith(f"{here}/mine.yaml: valid")


def test_a_version_that_nobody_has_is_refused(here) -> None:
    node = "nodes: {m1: {address: 10.0.0.11, roles: [control-plane, etcd]}}"
    (here / "cluster.yaml").write_text(f"cluster: lab\n{node}\nkubernetes: {{version: 9.99.9}}\n")
    with pytest.raises(SpecError, match=r"no rules for Kubernetes 9\.99\.9") as caught:
        output_of(spec, "validate")
    assert "1.33.13" not in caught.value.problems[0].right, "what cannot be had is not proposed"


def test_init_keeps_a_file_that_exists(here) -> None:
    (here / "cluster.yaml").write_text("mine\n")
    with pytest.raises(InputError, match="there is a file already"):
        output_of(init)
    assert (here / "cluster.yaml").read_text() == "mine\n"
    output_of(init, "--force")
    assert output_of(spec, "validate").startswith("cluster.yaml: valid")


def test_init_writes_elsewhere_and_to_standard_output(here) -> None:
    assert "kprov up -f a/b.yaml" in output_of(init, "--to", "a/b.yaml")
    assert output_of(init, "--to", "-") == (here / "a" / "b.yaml").read_text()
    assert not (here / "cluster.yaml").exists()


def test_init_for_existing_machines_counts_the_workers(here) -> None:
    output_of(init, "--provider", "none", "--hosts", "10.1.0.1, 10.1.0.2,10.1.0.3,10.1.0.9", "--network", "flannel")
    assert "4 nodes (3 control planes, 1 worker)" in output_of(spec, "validate")


@pytest.mark.parametrize(
    ("option", "value", "what"),
    [
        ("--hosts", "10.0.0.1,", "--hosts 10.0.0.1, is no list of addresses"),
        ("--subnet", "10.0.0.5/24", "--subnet 10.0.0.5/24 is no network"),
        ("--control-planes", "2", "--control-planes cannot be even"),
        ("--name", "a b", "no valid cluster file"),
    ],
)
def test_init_refuses_and_writes_nothing(here, option, value, what) -> None:
    with pytest.raises(InputError) as caught:
        output_of(init, option, value)
    assert what in caught.value.what
    assert list(here.iterdir()) == []


def test_a_bad_file_is_an_error_with_all_problems(here) -> None:
    (here / "cluster.yaml").write_text("cluster: Lab\nnodes: {}\n")
    with pytest.raises(SpecError) as caught:
        output_of(spec, "validate")
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [
        ("cluster.yaml", 1),
        ("cluster.yaml", 2),
    ]


def test_the_schema_for_editors_and_for_people() -> None:
    assert json.loads(output_of(spec, "schema"))["$schema"].endswith("draft/2020-12/schema")
    assert output_of(spec, "schema", "-o", "table").startswith("| Key | Type | Default | Meaning |\n")
