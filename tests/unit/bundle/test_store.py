"""The store: parts are whole or absent, whatever happened in between."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.model import Artifact, Lock
from kprov.bundle.store import Origin, Store, verify
from kprov.errors import InputError
from kprov.events import Event, Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = {"recipe": "1"}
ORIGIN = Origin("1.2.3", "debian:tool=1.2.3")


def write_tool(folder: Path) -> Origin:
    (folder / "tool").write_bytes(b"the tool")
    return ORIGIN


def make(root: Path) -> Path:
    """A store with one part; returns the part's file."""
    with Store.opened(root, silent) as store:
        part = store.make("tool", RECIPE, write_tool)
        return store.path(part.file("tool"))


def present(root: Path, recipe: dict[str, str] = RECIPE) -> bool:
    with Store.opened(root, silent) as store:
        return store.part("tool", recipe) is not None


def test_a_part_is_there_for_the_next_run(tmp_path: Path) -> None:
    make(tmp_path)
    with Store.opened(tmp_path, silent) as store:
        part = store.part("tool", RECIPE)
        assert part is not None
        assert part.origin == ORIGIN
        assert store.path(part.file("tool")).read_bytes() == b"the tool"


def test_another_recipe_is_another_part(tmp_path: Path) -> None:
    make(tmp_path)
    assert not present(tmp_path, {"recipe": "2"})


@pytest.mark.parametrize("damage", [b"the toot", b"the", b""])
def test_a_damaged_file_is_noticed(tmp_path: Path, damage: bytes) -> None:
    make(tmp_path).write_bytes(damage)
    assert not present(tmp_path)


def test_a_missing_file_and_a_damaged_manifest_are_noticed(tmp_path: Path) -> None:
    make(tmp_path).unlink()
    assert not present(tmp_path)
    file = make(tmp_path)
    (file.parent / "part.json").write_text("{", encoding="utf-8")
    assert not present(tmp_path)


def test_an_unchanged_file_is_not_hashed_again_but_verify_does(tmp_path: Path) -> None:
    file = make(tmp_path)
    status = file.stat()
    with file.open("r+b") as handle:
        handle.write(b"THE TOOL")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert present(tmp_path)
    path = "parts/tool/tool"
    sha256 = "0" * 64
    lock = Lock("packages", "1.20.2", "amd64", (Artifact("tool", "binary", "1", "x", sha256, 8, path, ()),), ())
    assert "not what the lock says" in verify(lock, tmp_path)[0]
    file.unlink()
    assert "missing" in verify(lock, tmp_path)[0]


def test_a_failed_build_leaves_the_older_part_and_nothing_else(tmp_path: Path) -> None:
    make(tmp_path)

    def fail(folder: Path) -> Origin:
        (folder / "half").write_bytes(b"half")
        raise KeyboardInterrupt

    with Store.opened(tmp_path, silent) as store:
        with pytest.raises(KeyboardInterrupt):
            store.make("tool", RECIPE, fail)
        assert list((tmp_path / "tmp").iterdir()) == []
    assert present(tmp_path)


def test_what_a_killed_build_left_is_swept_up(tmp_path: Path) -> None:
    make(tmp_path)
    left = tmp_path / "tmp" / "tool.x" / "new"
    left.mkdir(parents=True)
    (left / "tool").write_bytes(b"half")
    assert present(tmp_path)
    assert not left.exists()


def test_a_new_build_replaces_the_part_as_a_whole(tmp_path: Path) -> None:
    make(tmp_path)

    def other(folder: Path) -> Origin:
        (folder / "other").write_bytes(b"other")
        return ORIGIN

    with Store.opened(tmp_path, silent) as store:
        store.make("tool", {"recipe": "2"}, other)
    assert sorted(path.name for path in (tmp_path / "parts" / "tool").iterdir()) == ["other", "part.json"]


def test_the_store_is_private(tmp_path: Path) -> None:
    make(tmp_path / "cache" / "store")
    assert stat.S_IMODE((tmp_path / "cache" / "store").stat().st_mode) == 0o700


def test_two_builds_do_not_collide(tmp_path: Path) -> None:
    events: list[Event] = []
    waiting = threading.Event()
    order: list[str] = []

    def emit(event: Event) -> None:
        events.append(event)
        waiting.set()

    def second() -> None:
        with Store.opened(tmp_path, emit):
            order.append("second")

    thread = threading.Thread(target=second)
    with Store.opened(tmp_path, silent):
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    assert events == [Progress("bundle", "waiting for another build to finish")]


def test_a_store_that_cannot_be_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError) as caught, Store.opened(tmp_path / "file" / "store", silent):
        pass
    assert caught.value.where == str(tmp_path / "file" / "store")
    assert "XDG_CACHE_HOME" in caught.value.remedy
