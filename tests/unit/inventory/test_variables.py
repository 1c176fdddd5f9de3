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
