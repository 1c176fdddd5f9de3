"""A bundle in one file: every byte guarded, the same bytes each time, and enough for a machine that reaches nothing."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kprov.bundle import envelope
from kprov.bundle.ensure import ensure
from kprov.bundle.envelope import check_seal, seal, unseal
from kprov.bundle.export import arrive, arrived, export
from kprov.bundle.lockfile import NAME
from kprov.bundle.model import Wanted
from kprov.bundle.store import verify
from kprov.bundle.upstream.source import UpstreamSource
from kprov.errors import CheckFailed, InputError
from kprov.events import silent
from tests.unit.bundle.published import VERSION, MadeRegistry, publish

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kprov.bundle.model import Bundle, Lock

pytestmark = pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")

WANTED = Wanted(VERSION, images=("ghcr.io/flannel-io/flannel:v0.28.9",))
FIELDS = {"cluster": "test", "kubernetes": VERSION, "source": "upstream", "architecture": "amd64"}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    mirror = tmp_path / "mirror"
    source = UpstreamSource(publish(mirror), {"*": mirror.as_uri()}, lambda *_: MadeRegistry(), "amd64")
    return ensure([source], WANTED, tmp_path / "store", silent)


def exported(bundle: Bundle, target: Path, more: Mapping[str, Path] | None = None) -> Path:
    export(bundle, "test", b"cluster: test\n", target, more or {}, silent)
    return target


class Nobody:
    """A source that is asked for nothing."""

    name = "upstream"

    def ensure(self, *_arguments: object) -> Bundle:
        pytest.fail("a source was asked")


def there(store: Path) -> list[Path]:
    return [path for path in store.rglob("*") if path.is_file() and path.name not in (".lock", "hashes.json")]


def test_an_empty_store_has_the_same_bundle_from_the_file_alone(bundle: Bundle, tmp_path: Path) -> None:
    lock, cluster_file = arrive(exported(bundle, tmp_path / "lab.kprov"), tmp_path / "elsewhere", silent)
    assert (lock, cluster_file) == (bundle.lock, b"cluster: test\n")
    assert verify(lock, tmp_path / "elsewhere") == ()
    again = ensure([Nobody()], WANTED, tmp_path / "elsewhere", silent)
    assert (again.lock, again.changed) == (bundle.lock, False)


def test_two_exports_are_the_same_bytes(bundle: Bundle, tmp_path: Path) -> None:
    first = exported(bundle, tmp_path / "a.kprov").read_bytes()
    arrive(tmp_path / "a.kprov", tmp_path / "elsewhere", silent)
    second = exported(replace(bundle, store=tmp_path / "elsewhere"), tmp_path / "b.kprov").read_bytes()
    assert first == second


def test_zstd_and_tar_read_it(bundle: Bundle, tmp_path: Path) -> None:
    wheel = tmp_path / "kprov-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")
    path = exported(bundle, tmp_path / "lab.kprov", {f"wheels/{wheel.name}": wheel})
    listed = subprocess.run(f"zstd -dc {path} | tar t", shell=True, capture_output=True, text=True, check=True)
    names = listed.stdout.splitlines()
    assert names[0] == envelope.INDEX
    assert {"bundle.lock.yaml", "cluster.yaml", f"wheels/{wheel.name}"} <= set(names)


@pytest.fixture
def small(tmp_path: Path) -> bytes:
    target = tmp_path / "small.kprov"
    seal(target, {"store/files/a": b"content", NAME: b"lock", "cluster.yaml": b"x"}, FIELDS)
    return target.read_bytes()


def test_any_byte_that_is_another_is_noticed(small: bytes, tmp_path: Path) -> None:
    path = tmp_path / "flipped.kprov"
    for at in range(len(small)):
        path.write_bytes(small[:at] + bytes([small[at] ^ 1 << at % 8]) + small[at + 1 :])
        with pytest.raises(InputError, match="nothing of it was taken"):
            check_seal(path)


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b[:40], lambda _: b""])
def test_a_file_of_another_length_is_noticed(small: bytes, tmp_path: Path, change: object) -> None:
    path = tmp_path / "cut.kprov"
    path.write_bytes(change(small))  # type: ignore[operator]
    with pytest.raises(InputError, match="nothing of it was taken"):
        check_seal(path)


@pytest.mark.parametrize("where", [0.0, 0.3, 0.9, 0.9999])
def test_a_damaged_bundle_leaves_the_store_as_it_was(bundle: Bundle, tmp_path: Path, where: float) -> None:
    path = exported(bundle, tmp_path / "lab.kprov")
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match="nothing of it was taken"):
        arrive(path, tmp_path / "elsewhere", silent)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("name", ["../outside", "/outside", "store/../../outside", "a//b"])
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    seal(tmp_path / "evil.kprov", {name: b"content"}, FIELDS)
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="is no path in a bundle"):
        unseal(tmp_path / "evil.kprov", tmp_path / "in")
    assert list((tmp_path / "in").iterdir()) == []


def test_what_lies_in_no_place_of_a_store_is_not_taken(bundle: Bundle, tmp_path: Path) -> None:
    path = exported(bundle, tmp_path / "lab.kprov", {"store/hashes.json": bundle.store / "hashes.json"})
    with pytest.raises(InputError, match="no place in a store"):
        arrive(path, tmp_path / "elsewhere", silent)
    assert not [each for each in there(tmp_path / "elsewhere") if each.parent.name != "tmp"]


def test_a_lock_whose_files_are_not_in_it_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    seal(tmp_path / "empty.kprov", {NAME: (bundle.store / f"upstream-{VERSION}-amd64" / NAME).read_bytes()}, FIELDS)
    with pytest.raises(InputError, match="it lacks kubeadm"):
        arrive(tmp_path / "empty.kprov", tmp_path / "elsewhere", silent)


def test_a_store_that_is_damaged_is_not_exported(bundle: Bundle, tmp_path: Path) -> None:
    bundle.path(bundle.lock.artifacts[0]).write_bytes(b"damaged")
    with pytest.raises(CheckFailed, match="is not what its lock says"):
        exported(bundle, tmp_path / "lab.kprov")
    assert not (tmp_path / "lab.kprov").exists()


def asked(wanted: Wanted, store: Path) -> Lock | None:
    """The lock of the bundle where no source had to be asked."""
    try:
        return ensure([Nobody()], wanted, store, silent).lock
    except pytest.fail.Exception:
        return None


@pytest.mark.parametrize(
    ("wanted", "serves"),
    [
        (WANTED, True),
        (replace(WANTED, images=()), True),
        (replace(WANTED, kubernetes="1.36.3"), False),
        (replace(WANTED, images=("quay.io/another:1",)), False),
        (replace(WANTED, architectures=("amd64", "arm64")), False),
        (replace(WANTED, pinned={WANTED.images[0]: f"sha256:{'a' * 64}"}), False),
    ],
)
def test_an_imported_bundle_serves_what_it_has_and_nothing_else(
    bundle: Bundle, tmp_path: Path, wanted: Wanted, serves: bool
) -> None:
    arrive(exported(bundle, tmp_path / "lab.kprov"), tmp_path / "elsewhere", silent)
    found = asked(wanted, tmp_path / "elsewhere")
    assert (found is not None) is serves
    if found:
        assert {image for part in found.artifacts for image in part.images} >= set(wanted.images)
        assert len(found.artifacts) == len(bundle.lock.artifacts) - (not wanted.images)


def test_an_imported_bundle_that_was_damaged_since_does_not_serve(bundle: Bundle, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    arrive(exported(bundle, tmp_path / "lab.kprov"), elsewhere, silent)
    (elsewhere / bundle.lock.artifacts[0].path).write_bytes(b"damaged")
    assert asked(WANTED, elsewhere) is None
    arrive(tmp_path / "lab.kprov", elsewhere, silent)
    assert asked(WANTED, elsewhere) == bundle.lock
    assert arrived(elsewhere) == (bundle.lock,)
