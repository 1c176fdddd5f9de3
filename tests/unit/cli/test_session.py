"""One cluster at a time, and one cluster in a folder."""

from __future__ import annotations

import pytest

from kprov.cli.session import exclusive
from kprov.errors import InputError
from kprov.phases.remove_lab import forget
from kprov.spec.load import load


def loaded(folder, cluster, file="cluster.yaml"):
    node = "nodes: {m1: {address: 10.0.0.11, roles: [control-plane]}}"
    (folder / file).write_text(f"cluster: {cluster}\n{node}\n")
    return load(folder / file)


def test_a_folder_belongs_to_one_cluster_until_that_is_removed(tmp_path):
    with exclusive(loaded(tmp_path, "first")):
        pass
    for file in ("second.yaml", "cluster.yaml"):
        second = loaded(tmp_path, "second", file)
        with (
            pytest.raises(InputError, match="belongs to the cluster first, not to second") as caught,
            exclusive(second),
        ):
            pass
        assert "Name the cluster first again" in caught.value.remedy
    first = loaded(tmp_path, "first", "renamed.yaml")
    with exclusive(first):
        forget(first.paths)
    with exclusive(loaded(tmp_path, "second")):
        pass


def test_a_folder_of_an_earlier_kprov_is_claimed(tmp_path):
    (tmp_path / "artifacts").mkdir()
    with exclusive(loaded(tmp_path, "first")):
        assert (tmp_path / "artifacts" / "cluster").read_text() == "first\n"


def test_one_at_a_time(tmp_path):
    cluster = loaded(tmp_path, "first")
    with exclusive(cluster), pytest.raises(InputError, match="another kprov is at work"), exclusive(cluster):
        pass
