"""A bundle carried to where nothing is reached: an empty cache, every proxy dead, and the cluster comes up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.made import Cluster, missing

NODES = '  m1: {address: "{net}.11", roles: [control-plane, etcd]}\n  w1: {address: "{net}.101", roles: [worker]}\n'
DEAD = "http://127.0.0.1:9"

pytestmark = [pytest.mark.lab, pytest.mark.skipif(bool(missing()), reason=missing())]


def test_the_cluster_comes_up_from_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    here = Cluster.of(tmp_path / "here", "e2e-carried", 5, NODES, second=108)
    here.kprov("lab", "up")  # the image of the nodes is not in the bundle
    here.kprov("lab", "down")
    here.kprov("bundle", "build")
    file = str(tmp_path / "lab.kprov")
    here.kprov("bundle", "export", file, "--without-wheels")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, DEAD)
    monkeypatch.setenv("GOPROXY", "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here.kprov("bundle", "import", file, "--to", str(tmp_path / "there"))
    there = Cluster(tmp_path / "there", here.name, here.subnet)
    lock = Path("artifacts/bundle.lock.yaml")
    try:
        told = there.kprov("up")
        assert "checks passed" in told
        assert (there.folder / lock).read_bytes() == (here.folder / lock).read_bytes()
        assert not list((tmp_path / "cache" / "kprov" / "bundle" / "logs").iterdir()), "something was built"
    finally:
        there.kprov("lab", "down")
