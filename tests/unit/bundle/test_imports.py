"""Archives that a person brings: kept whole or not at all, and found by the images in them."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from kprov.bundle import imports
from kprov.bundle.imports import bring
from kprov.bundle.store import Store
from kprov.cli import main
from kprov.errors import InputError
from kprov.events import silent
from tests.unit.bundle.archives import CNI, NODE, docker, layout, write

if TYPE_CHECKING:
    from pathlib import Path

    from kprov.bundle.imports import Brought, Imported


@pytest.fixture
def calico(tmp_path: Path) -> Path:
    return write(tmp_path / "calico.tar", docker("calico/node:v3.24.5"))


def imported(tmp_path: Path, *archives: Path) -> tuple[Brought, ...]:
    return bring(archives, tmp_path / "store", "amd64", silent)


def holding(tmp_path: Path, *wanted: str) -> dict[str, Imported]:
    with Store.opened(tmp_path / "store", silent) as store:
        return dict(imports.holding(store, wanted))


def kept(tmp_path: Path) -> dict[str, int]:
    folder = tmp_path / "store" / imports.FOLDER
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*")}


def test_an_archive_is_kept_as_it_is_and_found_by_its_images(tmp_path: Path, calico: Path) -> None:
    (brought,) = imported(tmp_path, calico)
    assert brought.new
    assert brought.imported.images == (NODE,)
    found = holding(tmp_path, NODE, CNI)
    assert set(found) == {NODE}
    artifact = found[NODE].artifact([NODE])
    assert (tmp_path / "store" / artifact.path).read_bytes() == calico.read_bytes()
    assert (artifact.kind, artifact.version, artifact.source) == ("images", "v3.24.5", "import:calico.tar")
    assert artifact.targets == ("control-plane", "worker")
    assert artifact.architecture == "amd64", "no node of another architecture is given it"


def test_a_second_time_changes_nothing(tmp_path: Path, calico: Path) -> None:
    imported(tmp_path, calico)
    before = kept(tmp_path)
    (brought,) = imported(tmp_path, calico)
    assert not brought.new
    assert kept(tmp_path) == before


@pytest.mark.parametrize("program", ["gzip", "zstd"])
def test_a_compressed_archive_is_kept_as_the_nodes_can_read_it(tmp_path: Path, calico: Path, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    plain = calico.read_bytes()
    small = subprocess.run([program, "-c"], input=plain, capture_output=True, check=True).stdout
    compressed = tmp_path / "calico.tar.small"
    compressed.write_bytes(small)
    (brought,) = imported(tmp_path, compressed)
    assert (tmp_path / "store" / brought.imported.path).read_bytes() == plain


def test_a_damaged_compressed_archive_is_refused(tmp_path: Path, calico: Path) -> None:
    whole = gzip.compress(calico.read_bytes())
    for number, content in enumerate((whole[:-20], whole[:40] + b"\0\0\0\0" + whole[44:], b"\x28\xb5\x2f\xfd??")):
        broken = tmp_path / f"{number}.tar"
        broken.write_bytes(content)
        with pytest.raises(InputError, match="cannot import") as caught:
            imported(tmp_path, broken)
        assert caught.value.where == str(broken)
    assert kept(tmp_path) == {}


def test_where_one_archive_cannot_be_used_none_is_kept(tmp_path: Path, calico: Path) -> None:
    (tmp_path / "notes.txt").write_text("no archive", encoding="utf-8")
    with pytest.raises(InputError, match=r"notes\.txt"):
        imported(tmp_path, calico, tmp_path / "notes.txt")
    assert kept(tmp_path) == {}


@pytest.mark.parametrize("name", ["missing.tar", ""])
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"No such file|Is a directory"):
        imported(tmp_path, tmp_path / name)


def test_the_archive_that_was_brought_last_counts(tmp_path: Path, calico: Path) -> None:
    imported(tmp_path, calico)
    (record,) = (tmp_path / "store" / imports.FOLDER).glob("*.json")
    os.utime(record, (1, 1))
    imported(tmp_path, write(tmp_path / "newer.tar", layout(NODE, CNI)))
    assert {image: each.name for image, each in holding(tmp_path, NODE, CNI).items()} == {
        NODE: "newer.tar",
        CNI: "newer.tar",
    }


def test_a_damaged_archive_in_the_store_is_not_used_and_mended_by_a_new_import(tmp_path: Path, calico: Path) -> None:
    (brought,) = imported(tmp_path, calico)
    stored = tmp_path / "store" / brought.imported.path
    stored.write_bytes(stored.read_bytes()[:-512])
    assert holding(tmp_path, NODE) == {}
    (again,) = imported(tmp_path, calico)
    assert again.new
    assert set(holding(tmp_path, NODE)) == {NODE}


def test_the_command_says_which_images_it_took(
    tmp_path: Path, calico: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("kprov.bundle.packages.host.architecture", lambda: "amd64")
    for said in ("imported", "is there already"):
        assert main.run(["bundle", "import", str(calico)]) == 0
        assert capsys.readouterr().out == f"{calico}: {said}\n  {NODE}\n"


def test_the_command_refuses_what_is_no_archive_as_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("kprov.bundle.packages.host.architecture", lambda: "amd64")
    assert main.run(["bundle", "import", str(write(tmp_path / "etc.tar", {"etc/passwd": b"root"}))]) == 2
    told = capsys.readouterr().err
    assert "etc.tar" in told
    assert "neither manifest.json nor oci-layout" in told
    assert "docker save" in told
