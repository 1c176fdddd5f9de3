"""Files of a release as its servers have them: in parallel, resumed, retried, never another than the one asked for."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from kprov.addons.model import Upstream
from kprov.bundle import transfer
from kprov.bundle.files import Patience, fetch
from kprov.errors import InputError, UnreachableError
from kprov.events import Event, Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 1000
HASTY = Patience(answer_s=20, total_s=60, pauses_s=(0.01, 0.01))


class Release(ThreadingHTTPServer):
    """Has files by path; ``cut`` is after how many bytes of the body it hangs up, for as many answers as it has."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cuts: list[int] = []
        self.ranges: list[str | None] = []
        self.knows_ranges = True
        self.together = threading.Barrier(1)

    def put(self, name: str, content: bytes = CONTENT, claimed: bytes | None = None) -> Upstream:
        self.files[f"/release/v1.36.4/bin/linux/amd64/{name}"] = content
        url = f"http://127.0.0.1:{self.server_port}/release/v1.36.4/bin/linux/amd64/{name}"
        return Upstream(name, "1.36.4", url, hashlib.sha256(content if claimed is None else claimed).hexdigest())


class Handler(BaseHTTPRequestHandler):
    server: Release

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.ranges.append(wanted)
        server.together.wait(5)
        body = server.files[self.path]
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.knows_ranges else 0
        if first and first >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - first))
        self.end_headers()
        self.wfile.write(body[first : first + server.cuts.pop(0)] if server.cuts else body[first:])

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def release() -> Iterator[Release]:
    server = Release()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def have(store: Path, *wanted: Upstream, patience: Patience = HASTY) -> list[bytes]:
    found = fetch(wanted, store, {}, silent, patience=patience)
    return [found[each.url].read_bytes() for each in wanted]


def drafts(store: Path) -> list[Path]:
    return list((store / "work" / "partial").iterdir())


def test_files_come_at_the_same_time(release: Release, tmp_path: Path) -> None:
    wanted = [release.put(name, name.encode()) for name in ("kubeadm", "kubectl", "kubelet")]
    release.together = threading.Barrier(3)  # nobody is answered before all three have asked
    events: list[Event] = []
    fetch(wanted, tmp_path, {}, events.append, patience=HASTY)
    assert [(tmp_path / "files" / each.sha256).read_bytes() for each in wanted] == [b"kubeadm", b"kubectl", b"kubelet"]
    assert (3, 2) in {(event.total, event.done) for event in events if isinstance(event, Progress)}
    assert drafts(tmp_path) == []


def test_the_same_file_under_two_names_is_fetched_once(release: Release, tmp_path: Path) -> None:
    assert have(tmp_path, release.put("a"), release.put("b")) == [CONTENT, CONTENT]
    assert len(release.ranges) == 1


def test_a_cut_in_the_middle_costs_nothing_twice(release: Release, tmp_path: Path) -> None:
    wanted, release.cuts = release.put("kubelet"), [70_000, 50_000]
    assert have(tmp_path, wanted) == [CONTENT]
    assert release.ranges == [None, "bytes=70000-", "bytes=120000-"]


def test_the_next_run_goes_on_where_this_one_was_cut(release: Release, tmp_path: Path) -> None:
    wanted, release.cuts = release.put("kubelet"), [70_000, 0]
    with pytest.raises(UnreachableError, match="cut short: 70000 of 256000 bytes"):
        have(tmp_path, wanted, patience=Patience(20, 60, ()))
    assert not (tmp_path / "files" / wanted.sha256).exists()
    assert have(tmp_path, wanted) == [CONTENT]
    assert release.ranges == [None, "bytes=70000-", "bytes=70000-"]


def test_more_cuts_than_tries_are_borne_while_each_brings_more(release: Release, tmp_path: Path) -> None:
    wanted, release.cuts = release.put("kubelet"), [30_000] * 7
    assert have(tmp_path, wanted) == [CONTENT]


def test_a_server_without_ranges_begins_anew(release: Release, tmp_path: Path) -> None:
    wanted, release.cuts, release.knows_ranges = release.put("kubelet"), [70_000], False
    assert have(tmp_path, wanted) == [CONTENT]


@pytest.mark.parametrize("stale", [b"of another file", CONTENT + b"more"])
def test_what_an_older_run_left_does_no_harm(release: Release, tmp_path: Path, stale: bytes) -> None:
    wanted = release.put("kubelet")
    draft = tmp_path / "work" / "partial" / wanted.sha256
    draft.parent.mkdir(parents=True)
    draft.write_bytes(stale)
    assert have(tmp_path, wanted) == [CONTENT]


def test_a_wrong_file_is_refused_and_nothing_of_it_is_kept(release: Release, tmp_path: Path) -> None:
    wanted = release.put("kubelet", claimed=b"what was published")
    with pytest.raises(match=r"kubelet 1\.36\.4 is not the file that it should be"):
        have(tmp_path, wanted)
    assert drafts(tmp_path) == []
    assert not (tmp_path / "files").exists()


def test_one_that_fails_ends_the_others_and_they_are_gone_on_with(release: Release, tmp_path: Path) -> None:
    bad, good = release.put("kubeadm", claimed=b"another"), release.put("kubelet")
    with pytest.raises(InputError):
        have(tmp_path, bad, good)
    assert have(tmp_path, good) == [CONTENT]


def test_a_file_larger_than_the_disk_is_not_begun(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = transfer.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(InputError, match="the disk is full") as caught:
        have(tmp_path, release.put("kubelet"))
    assert "XDG_CACHE_HOME" in caught.value.remedy
    assert drafts(tmp_path) == []


def test_a_disk_that_fills_up_meanwhile_keeps_nothing_of_the_file(release: Release, tmp_path: Path) -> None:
    wanted = release.put("kubelet")
    draft = tmp_path / "work" / "partial" / wanted.sha256
    draft.parent.mkdir(parents=True)
    draft.symlink_to("/dev/full")
    with pytest.raises(InputError, match="the disk is full"):
        have(tmp_path, wanted)
    assert drafts(tmp_path) == []


def test_a_server_that_drips_is_given_up(release: Release, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="it did not arrive in time"):
        have(tmp_path, release.put("kubelet"), patience=Patience(2, 0, (0.01,)))
