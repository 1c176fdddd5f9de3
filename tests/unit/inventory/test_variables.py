"""What the rendered variables say where a person's own words get into them."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from kprov.inventory.variables import Deliveries, Machines, variables
from kprov.release.catalog import resolve
from kprov.spec.load import loads

TEXT = "cluster: book\nkubernetes: {version: 1.36.4}\nnodes:\n  m1: {address: 10.0.0.11, roles: [control-plane]}\n"


@pytest.mark.parametrize("path", ["/clusters/book/ssh/config", "/my clusters/it's/ssh/config"])
def test_the_path_of_the_ssh_configuration_is_one_argument_whatever_folder_it_lies_in(path: str) -> None:
    spec = loads(TEXT, "cluster.yaml").spec
    made = variables(spec, resolve(spec, file="cluster.yaml"), Machines(), Deliveries(), Path(path))
    assert shlex.split(str(made.group["ansible_ssh_common_args"])) == ["-F", path]


def artifact(name: str, kind: str, architecture: str = "amd64") -> dict[str, str]:
    return {"name": name, "kind": kind, "path": name, "architecture": architecture}


def test_a_node_gets_what_is_for_its_architecture_and_the_runtime_apart() -> None:
    spec = loads(f"{TEXT}  w1: {{address: 10.0.0.101, roles: [worker], architecture: arm64}}\n", "cluster.yaml").spec
    every = [
        artifact(name, kind, each)
        for each in ("amd64", "arm64")
        for name, kind in (("containerd", "runtime"), ("bridge", "cni-plugin"), ("kubelet", "binary"))
    ]
    made = variables(
        spec,
        resolve(spec, file="cluster.yaml"),
        Machines(),
        Deliveries(control_plane=every, worker=every, machine="amd64"),
        Path("/ssh/config"),
    )
    assert made.group["container_runtime_config_version"] == 3
    for host in ("m1", "w1"):
        own = made.hosts[host]
        assert [each["name"] for each in own["container_runtime_artifacts"]] == ["containerd", "bridge"]
        assert own["kubernetes_artifacts"] == [{"name": "kubelet", "kind": "binary", "path": "kubelet"}]
