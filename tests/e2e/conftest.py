"""Clusters that several files of tests share, each made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.bundle import lockfile
from tests.e2e.made import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

NODES = """\
  m1: {address: "{net}.11", roles: [control-plane, etcd]}
  w1: {address: "{net}.101", roles: [worker]}
"""
ADDONS = """\
addons:
  metrics-server: {}
  local-path-provisioner: {}
  dashboard: {kind: kube-web-view, access: lab-open}
"""


@pytest.fixture(scope="session")
def addons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a real overlay network and every add-on that can be had without a registry.

    Whoever changes it leaves it as it was: another file of tests uses it too.
    """
    made = Cluster.of(tmp_path_factory.mktemp("addons"), "e2e-addons", 4, NODES + ADDONS, network="plugin: flannel")
    if lacking := not_in_the_bundle(made):
        pytest.skip(lacking)
    made.kprov("lab", "down")
    try:
        made.kprov("up")
        yield made
    finally:
        made.kprov("lab", "down")


def not_in_the_bundle(cluster: Cluster) -> str:
    """What the add-ons lack on this machine, in the bundle's own words; empty where nothing is missing.

    flannel's manifest and images, and the programs of the other add-ons, come from Go modules.
    """
    build = cluster.start("bundle", "build")
    said = build.communicate(timeout=3000)[0]
    if build.returncode == 3 or (build.returncode == 2 and "reach no registry" in said):
        return f"needs a Go module proxy: {said[said.find('error:') :].strip()}"
    assert build.returncode == 0, said
    left_out = lockfile.read(cluster.folder / "artifacts/bundle.lock.yaml").left_out
    return "; ".join(f"needs a Go module proxy: {part.name}: {part.why}" for part in left_out)
