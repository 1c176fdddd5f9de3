"""The Vagrantfile by the real Vagrant: valid, and with every machine, in several sizes. No machine is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
KPROV = str(Path(sys.executable).parent / "kprov")
WITH_LIBVIRT = "Vagrant's plugin vagrant-libvirt"


def vagrant(folder: Path, *words: str, cluster: str = "", code: int = 0) -> str:
    """Run the real one on this cluster, with a state of its own; return all that it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VAGRANT", "KPROV"))}
    environment |= {
        "KPROV_CLUSTER": cluster or str(folder),
        "VAGRANT_DOTFILE_PATH": str(folder / "state"),
        "VAGRANT_HOME": str(folder / "vagrant"),
        "VAGRANT_CHECKPOINT_DISABLE": "1",
    }
    done = subprocess.run(
        ["vagrant", *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def needs_vagrant() -> None:
    if shutil.which("vagrant") is None:
        pytest.skip("needs vagrant: apt-get install vagrant vagrant-libvirt")
    plugins = subprocess.run(["vagrant", "plugin", "list"], capture_output=True, text=True, check=False).stdout
    if "vagrant-libvirt" not in plugins:
        pytest.skip(f"needs {WITH_LIBVIRT}: apt-get install vagrant-libvirt")


def written(folder: Path, size: str) -> Path:
    """A cluster file of this size: the book's, or one by ``kprov init``, each in a folder of its own."""
    file = folder / "cluster.yaml"
    if size == "book":
        text = (ROOT / "inventory/book/cluster.yaml").read_text()
    else:
        planes, workers = size.split("+")
        words = ["init", "--control-planes", planes, "--workers", workers, "--provider", "vagrant", "--to", "-"]
        text = subprocess.run([KPROV, *words], capture_output=True, text=True, check=True).stdout
    file.write_text(text.replace("provider: vagrant", "provider: vagrant\n  vagrant: {provider: libvirt}"))
    return file


@pytest.mark.parametrize(("size", "machines"), [("book", 9), ("1+1", 2), ("3+6", 9), ("5+20", 25)])
def test_vagrant_takes_what_is_rendered(needs_vagrant, tmp_path, size, machines) -> None:
    file = written(tmp_path, size)
    subprocess.run([KPROV, "inventory", "render", "-f", str(file)], check=True, capture_output=True)
    assert "validated successfully" in vagrant(tmp_path, "validate")
    said = vagrant(tmp_path, "--machine-readable", "status")
    states = [line.split(",")[3] for line in said.splitlines() if line.split(",")[2:3] == ["state"]]
    assert states == ["not_created"] * machines


def test_where_nothing_was_rendered_the_command_is_named(needs_vagrant, tmp_path) -> None:
    (tmp_path / "cluster.yaml").write_text("cluster: x\n")
    said = vagrant(tmp_path, "status", code=1)
    assert f"kprov inventory render -f {tmp_path / 'cluster.yaml'}" in said
    assert "nowhere" in vagrant(tmp_path, "status", cluster="nowhere", code=1)


def test_kprov_tells_the_states(needs_vagrant, tmp_path) -> None:
    file = written(tmp_path, "1+1")
    environment = os.environ | {"VAGRANT_DOTFILE_PATH": str(tmp_path / "state"), "VAGRANT_HOME": str(tmp_path / "home")}
    status = [KPROV, "lab", "status", "-f", str(file), "-o", "json"]
    subprocess.run([KPROV, "inventory", "render", "-f", str(file)], check=True, capture_output=True)
    done = subprocess.run(status, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.count('"absent"') == 2
