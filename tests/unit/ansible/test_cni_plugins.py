from __future__ import annotations

import pytest

from kprov.ansible.plugins.modules import kprov_cni_plugins
from tests.unit.ansible.harness import converge


@pytest.fixture
def folders(tmp_path):
    """What a distribution has installed, and a folder with a plugin of a network's own."""
    source, target = tmp_path / "lib", tmp_path / "opt/cni/bin"
    source.mkdir()
    target.mkdir(parents=True)
    for name in ("bridge", "loopback"):
        (source / name).write_text(f"the distribution's {name}")
        (source / name).chmod(0o755)
    (target / "bridge").write_text("the network's bridge")
    return {"source": str(source), "target": str(target)}


def test_missing_plugins_are_copied_and_those_that_are_there_are_left_alone(folders, tmp_path):
    said = converge(kprov_cni_plugins, **folders)
    assert (said["changed"], said["copied"]) == (True, ["loopback"])
    assert (tmp_path / "opt/cni/bin/bridge").read_text() == "the network's bridge"
    assert (tmp_path / "opt/cni/bin/loopback").stat().st_mode & 0o777 == 0o755
    assert not converge(kprov_cni_plugins, **folders)["changed"]


def test_check_mode_copies_nothing(folders, tmp_path):
    assert converge(kprov_cni_plugins, check=True, **folders)["copied"] == ["loopback"]
    assert not (tmp_path / "opt/cni/bin/loopback").exists()


def test_without_the_package_it_says_what_to_install(folders):
    said = converge(kprov_cni_plugins, source="/nowhere", target=folders["target"])
    assert said["msg"] == "/nowhere is missing: install the package containernetworking-plugins"
