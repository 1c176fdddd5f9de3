"""What the Vagrantfile makes of a cluster file: the rendered machines, and what each of Vagrant's providers gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from kprov.lab.definition import boxes, definition
from kprov.spec.lab import Hardware, System, VmProvider
from kprov.spec.load import load, loads

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.spec.model import ClusterSpec

ROOT = Path(__file__).parents[2]
BOOK = load(ROOT / "inventory" / "book" / "cluster.yaml").spec
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGoldenGoldenGoldenGoldenGoldenGoldenGold kprov"
RICH = loads(
    """
cluster: rich
ssh: {user: vagrant}
nodes:
  m1: {address: 192.168.56.11, roles: [control-plane, etcd]}
  w[1:2]:
    address: 192.168.56.[101:102]
    roles: [worker]
    machine: {cpus: 4, memory_mib: 8192, disks_gib: [20, 50]}
lab:
  provider: vagrant
  subnet: 192.168.56.0/24
  system: rocky-9
  disks_gib: [10]
  vagrant:
    linked_clones: false
    switch: Lab
    libvirt:
      driver: kvm
      management: 192.168.57.0/24
      kernel: /boot/vmlinuz
      initrd: /boot/initrd.img
      command_line: root=/dev/vda rw
""",
    "cluster.yaml",
).spec
PROVIDERS = get_args(VmProvider)


def evaluate(
    folder: Path, *providers: str, spec: ClusterSpec = RICH, **variables: str
) -> subprocess.CompletedProcess[str]:
    """What Ruby makes of the Vagrantfile for the rich cluster, by a stand-in for Vagrant."""
    if shutil.which("ruby") is None:
        pytest.skip("needs ruby, which evaluates the Vagrantfile")
    (folder / "vagrant.json").write_text(definition(spec, KEY))
    stub = ROOT / "tests" / "golden" / "vagrant" / "stub.rb"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("VAGRANT", "KPROV"))}
    return subprocess.run(
        ["ruby", str(stub), str(ROOT / "Vagrantfile"), *providers],
        env=environment | {"KPROV_CLUSTER": str(folder)} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, dict[str, Any]]]:
    """What each provider gets for the rich cluster, by provider and machine."""
    done = evaluate(tmp_path_factory.mktemp("rich"), *PROVIDERS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_book_is_rendered_for_vagrant(golden: Callable[[str, str], None]) -> None:
    golden("vagrant/book.json", definition(BOOK, KEY))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_a_provider_gets(golden: Callable[[str, str], None], given: Any, provider: str) -> None:
    golden(f"vagrant/{provider}.json", json.dumps(given[provider], indent=1) + "\n")


def test_every_provider_gets_every_machine_as_the_cluster_file_says(given: Any) -> None:
    assert list(given) == list(PROVIDERS)
    for provider, machines in given.items():
        assert list(machines) == ["rich.m1", "rich.w1", "rich.w2"], provider
        w1 = json.dumps(machines["rich.w1"])
        disks = {"libvirt": ('"20G"', '"50G"'), "parallels": ('"20480"', '"51200"')}.get(provider, ('"20GB"', '"50GB"'))
        for wanted in ('"192.168.56.101"', "rocky", *disks):
            assert wanted in w1, (provider, wanted)
        disabled = [".", "/vagrant", {"disabled": True}]
        assert machines["rich.m1"]["vm.synced_folder"] == [disabled], f"{provider} shares a folder"


def test_every_system_has_a_box_for_every_provider() -> None:
    assert set(boxes()) == set(get_args(System))
    for system, known in boxes().items():
        assert "default" in known, system
        assert set(known) - {"default"} <= set(PROVIDERS), system


def test_a_box_of_ones_own_stands_for_all() -> None:
    spec = loads(
        "cluster: own\nnodes: {m1: {address: 10.0.0.11, roles: [control-plane]}}\n"
        "lab: {provider: vagrant, vagrant: {box: me/mine, box_url: 'http://boxes.example/mine.box'}}\n",
        "cluster.yaml",
    ).spec
    found = json.loads(definition(spec, KEY))["boxes"]
    assert set(found) == set(PROVIDERS)
    assert all(box == {"box": "me/mine", "box_url": "http://boxes.example/mine.box"} for box in found.values())


def test_a_machine_with_a_system_of_its_own_has_the_box_of_it(tmp_path: Path) -> None:
    own = RICH.nodes["w2"].model_copy(update={"machine": Hardware(system="debian-13")})
    spec = RICH.model_copy(update={"nodes": {**RICH.nodes, "w2": own}})
    given = json.loads(evaluate(tmp_path, "libvirt", "virtualbox", spec=spec).stdout)
    boxes_given = {name: given["virtualbox"][f"rich.{name}"]["vm.box"] for name in ("w1", "w2")}
    assert boxes_given == {"w1": boxes()["rocky-9"]["default"], "w2": boxes()["debian-13"]["default"]}
    assert given["libvirt"]["rich.w1"]["vm.box"] == boxes()["rocky-9"]["libvirt"]


def test_the_first_contact_admits_the_key_and_pins_then_insists(tmp_path: Path) -> None:
    pins = tmp_path / "artifacts/ssh/known_hosts"
    first = evaluate(tmp_path, "libvirt", FIRE="up", HOST_KEY="ssh-ed25519 AAAA")
    assert first.returncode == 0, first.stderr
    assert first.stderr.count(f"key={KEY.replace(' ', chr(92) + ' ')}\n") == 3, "admitted on every machine"
    pinned = "".join(f"192.168.56.{number} ssh-ed25519 AAAA\n" for number in (101, 102, 11))
    assert pins.read_text() == pinned
    assert pins.stat().st_mode & 0o777 == 0o600
    assert evaluate(tmp_path, "libvirt", FIRE="up", HOST_KEY="ssh-ed25519 AAAA").returncode == 0
    assert pins.read_text() == pinned
    changed = evaluate(tmp_path, "libvirt", FIRE="up", HOST_KEY="ssh-ed25519 BBBB")
    assert changed.returncode == 1
    assert "192.168.56.11 shows another host key" in changed.stderr
    assert pins.read_text() == pinned
    assert evaluate(tmp_path, "libvirt", FIRE="destroy").returncode == 0
    assert pins.read_text() == ""
