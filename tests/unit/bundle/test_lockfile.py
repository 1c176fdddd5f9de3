"""The lock as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.bundle import lockfile
from kprov.bundle.model import Artifact, Lock
from kprov.errors import InputError
from kprov.events import LeftOut

if TYPE_CHECKING:
    from pathlib import Path

LOCK = Lock(
    "packages",
    "1.20.2",
    "amd64",
    (
        Artifact("kubelet", "binary", "1.20.2", "debian:kubernetes=1", "ab" * 32, 7, "parts/x/kubelet", ("worker",)),
        Artifact(
            "node-images", "images", "1.20.2", "x", "cd" * 32, 9, "parts/y.tar", ("worker",), ("k8s.gcr.io/pause:3.2",)
        ),
    ),
    (LeftOut("coredns", "no proxy", "no DNS"),),
)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "bundle" / "bundle.lock.yaml"
    assert lockfile.write(LOCK, path)
    assert lockfile.read(path) == LOCK
    assert lockfile.locks(tmp_path) == (path,)


def test_the_same_lock_is_not_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "bundle.lock.yaml"
    lockfile.write(LOCK, path)
    before = path.stat().st_mtime_ns
    assert not lockfile.write(LOCK, path)
    assert path.stat().st_mtime_ns == before


@pytest.mark.parametrize("text", ["", "{", "source: packages", "- 1", "source: [packages]\nkubernetes: 1"])
def test_what_is_no_lock_is_one_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bundle.lock.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        lockfile.read(path)
    assert caught.value.where == str(path)
    assert "kprov bundle build" in caught.value.remedy


def test_a_missing_lock_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        lockfile.read(tmp_path / "bundle.lock.yaml")
