"""Layers of images from Debian packages, made here with dpkg-deb."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.packages import layers
from kprov.bundle.packages.apt import Deb
from kprov.errors import CheckFailed

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb, of Debian's package dpkg")


def make_deb(folder: Path, name: str, files: dict[str, str]) -> Deb:
    root = folder / name
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("->"):
            (root / path).symlink_to(text[2:])
        else:
            (root / path).write_text(text, encoding="utf-8")
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN" / "control").write_text(
        f"Package: {name}\nVersion: 1-1\nArchitecture: amd64\nMaintainer: a <a@b.example>\nDescription: x\n", "utf-8"
    )
    target = folder / f"{name}_1-1_amd64.deb"
    subprocess.run(["dpkg-deb", "--build", "-Znone", root, target], check=True, capture_output=True)
    return Deb(name, "1-1", target)


class FakeApt:
    """Has the packages already."""

    def __init__(self, debs: dict[str, Deb]) -> None:
        self._debs = debs

    def update(self) -> None:
        pass

    def closure(self, names: tuple[str, ...]) -> tuple[Deb, ...]:
        return (*(self._debs[name] for name in names), self._debs["libc6"])

    def download(self, debs: tuple[Deb, ...]) -> None:
        pass


def contents(layer: Path) -> dict[str, str]:
    with tarfile.open(layer) as tar:
        return {member.name: member.linkname for member in tar}


def test_layers_hold_programs_and_libraries_and_nothing_else(tmp_path: Path) -> None:
    libraries = "lib/x86_64-linux-gnu"
    debs = {
        "iptables": {"usr/sbin/xtables-nft-multi": "", "usr/share/doc/iptables/copyright": ""},
        "conntrack": {"usr/sbin/conntrack": ""},
        "ipset": {"usr/sbin/ipset": ""},
        "kmod": {"bin/kmod": "", "etc/init.d/kmod": "", "sbin/modprobe": "->/bin/kmod"},
        "libc6": {
            f"{libraries}/libc.so.6": "",
            f"{libraries}/libm.so.6": "",
            f"{libraries}/ld-linux-x86-64.so.2": "",
            f"usr/{libraries}/gconv/IBM037.so": "",
        },
        "etcd-server": {"usr/bin/etcd": "", "var/lib/etcd/x": ""},
        "etcd-client": {"usr/bin/etcdctl": ""},
        "busybox": {"bin/busybox": ""},
    }
    apt = FakeApt({name: make_deb(tmp_path, name, files) for name, files in debs.items()})
    origin = layers.build_layers(apt, "amd64", tmp_path)
    network = contents(tmp_path / "network.tar")
    assert network["usr/sbin/iptables"] == "xtables-nft-multi"
    assert network["sbin/modprobe"] == "/bin/kmod"
    assert f"{libraries}/libm.so.6" in network
    assert not [name for name in network if "doc" in name or "init.d" in name or "gconv" in name]
    assert set(contents(tmp_path / "etcd.tar")) == {
        "usr/bin/etcd",
        "usr/bin/etcdctl",
        f"{libraries}/libc.so.6",
        f"{libraries}/ld-linux-x86-64.so.2",
    }
    probe = contents(tmp_path / "probe.tar")
    assert probe["bin/wget"] == "busybox"
    assert "debian:etcd-server=1-1" in origin.source


def test_a_package_without_its_program_fails_the_build(tmp_path: Path) -> None:
    names = ("iptables", "conntrack", "ipset", "kmod", "libc6", "etcd-server", "etcd-client", "busybox")
    apt = FakeApt({name: make_deb(tmp_path, name, {"usr/share/doc/x": ""}) for name in names})
    with pytest.raises(CheckFailed, match="usr/sbin/xtables-nft-multi"):
        layers.build_layers(apt, "amd64", tmp_path)
