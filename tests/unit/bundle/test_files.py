"""Published files: fetched over HTTP from a server of the test's own, and from mirrors."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from kprov.addons.model import Upstream
from kprov.bundle import files, mirrors
from kprov.bundle.files import Patience, artifacts, fetch
from kprov.bundle.model import Lock
from kprov.bundle.store import verify
from kprov.errors import InputError, KprovError, UnreachableError
from kprov.events import Event, Notice, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MANIFEST = b"kind: DaemonSet\n" * 5000
HASTY = Patience(answer_s=20, total_s=60, pauses_s=(0.01, 0.01))


class Server(ThreadingHTTPServer):
    """Answers every path with what ``answers`` has for it, in turn; the last one again and again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []
        self.answers: list[int | bytes] = [MANIFEST]
        self.cut = False

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, int):
            self.send_error(answer)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer[:100] if self.server.cut else answer)

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def upstream(base: str, content: bytes = MANIFEST) -> Upstream:
    return Upstream("calico", "3.24.5", f"{base}/v3.24.5/calico.yaml", hashlib.sha256(content).hexdigest())


def have(wanted: Upstream, store: Path, instead: Mapping[str, str] | None = None) -> Path:
    return fetch([wanted], store, instead or {}, silent, patience=HASTY)[wanted.url]


def leftovers(store: Path) -> list[Path]:
    return [path for folder in ("files", "tmp") for path in (store / folder).glob("*")]


def test_a_file_is_fetched_once_and_is_part_of_the_lock(server: Server, tmp_path: Path) -> None:
    wanted = upstream(server.base)
    assert have(wanted, tmp_path).read_bytes() == MANIFEST
    assert have(wanted, tmp_path).read_bytes() == MANIFEST
    assert server.asked == ["/v3.24.5/calico.yaml"]
    (artifact,) = artifacts([wanted], tmp_path)
    assert (artifact.name, artifact.kind, artifact.targets) == ("calico.yaml", "manifest", ("controller",))
    assert (artifact.source, artifact.version) == (wanted.url, "3.24.5")
    assert (tmp_path / artifact.path).stat().st_size == artifact.size


def test_a_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    wanted = upstream(server.base)
    have(wanted, tmp_path).write_bytes(b"kind: Nothing\n")
    assert have(wanted, tmp_path).read_bytes() == MANIFEST
    assert len(server.asked) == 2


def test_another_file_than_the_one_asked_for_is_refused_and_not_kept(server: Server, tmp_path: Path) -> None:
    wanted = upstream(server.base, b"the real one")
    with pytest.raises(InputError) as caught:
        have(wanted, tmp_path)
    found = hashlib.sha256(MANIFEST).hexdigest()
    assert caught.value.where == wanted.url
    assert caught.value.why == f"the sha256 of {caught.value.where} is {found}, wanted was {wanted.sha256}"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("trouble", [429, 500, 503])
def test_a_server_in_trouble_is_asked_again(server: Server, tmp_path: Path, trouble: int) -> None:
    server.answers = [trouble, trouble, MANIFEST]
    assert have(upstream(server.base), tmp_path).read_bytes() == MANIFEST


def test_a_server_that_stays_in_trouble_is_given_up(server: Server, tmp_path: Path) -> None:
    server.answers = [503]
    with pytest.raises(UnreachableError, match="HTTP 503 Service Unavailable") as caught:
        have(upstream(server.base), tmp_path)
    assert len(server.asked) == 3
    assert caught.value.where == f"{server.base}/v3.24.5/calico.yaml"
    assert "--mirror" in caught.value.remedy
    assert "KPROV_MIRROR" in caught.value.remedy
    assert "bundle.mirrors" in caught.value.remedy


@pytest.mark.parametrize("answer", [403, 404, 410])
def test_a_server_that_says_no_is_asked_once(server: Server, tmp_path: Path, answer: int) -> None:
    server.answers = [answer]
    with pytest.raises(UnreachableError, match=f"HTTP {answer}"):
        have(upstream(server.base), tmp_path)
    assert len(server.asked) == 1


def test_a_cut_transfer_is_never_taken_for_the_file(server: Server, tmp_path: Path) -> None:
    server.cut = True
    with pytest.raises(UnreachableError, match=f"cut short: 100 of {len(MANIFEST)} bytes"):
        have(upstream(server.base, MANIFEST[:100]), tmp_path)
    assert leftovers(tmp_path) == []


def test_a_file_that_is_far_too_large_ends_the_transfer(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LARGEST_BYTES", 1000)
    with pytest.raises(InputError, match="larger than"):
        have(upstream(server.base), tmp_path)
    assert leftovers(tmp_path) == []


def test_no_server_at_all_is_unreachable(server: Server, tmp_path: Path) -> None:
    wanted = upstream(server.base)
    server.shutdown()
    server.server_close()
    with pytest.raises(UnreachableError, match="Connection refused"):
        have(wanted, tmp_path)


def test_the_mirror_of_the_host_comes_before_the_mirror_of_all(server: Server, tmp_path: Path) -> None:
    server.answers = [404, MANIFEST]
    wanted = upstream("https://published.invalid")
    instead = {"published.invalid": f"{server.base}/gh", "*": f"{server.base}/all"}
    assert have(wanted, tmp_path, instead).read_bytes() == MANIFEST
    assert server.asked == ["/gh/v3.24.5/calico.yaml", "/all/published.invalid/v3.24.5/calico.yaml"]


def test_a_folder_laid_out_by_host_and_path_is_a_mirror(tmp_path: Path) -> None:
    place = tmp_path / "mir ror" / "published.invalid" / "v3.24.5" / "calico.yaml"
    place.parent.mkdir(parents=True)
    place.write_bytes(MANIFEST)
    instead = mirrors.merged({}, {"KPROV_MIRROR": str(tmp_path / "mir ror")}, [])
    assert have(upstream("https://published.invalid"), tmp_path / "store", instead).read_bytes() == MANIFEST


def test_a_folder_without_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="No such file or directory"):
        have(upstream(tmp_path.as_uri()), tmp_path / "store")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/a.yaml", "data:text/plain,a"])
def test_other_ways_than_http_and_files_are_not_gone(tmp_path: Path, url: str) -> None:
    with pytest.raises(UnreachableError, match="unknown url type"):
        have(Upstream("a", "1", url, "0" * 64), tmp_path)


def test_the_proxy_of_the_environment_is_used(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.base)
    assert have(upstream("http://published.invalid"), tmp_path).read_bytes() == MANIFEST
    assert server.asked == ["http://published.invalid/v3.24.5/calico.yaml"]


class Module:
    """Has a file elsewhere."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def copy(self, url: str, target: Path) -> str:
        target.write_bytes(self._content)
        return "the Go module a@v1"


def test_a_file_that_was_not_reached_is_taken_from_elsewhere_and_that_is_said(tmp_path: Path) -> None:
    events: list[Event] = []
    wanted = upstream((tmp_path / "nothing").as_uri())
    fetch([wanted], tmp_path / "store", {}, events.append, elsewhere=Module(MANIFEST), patience=HASTY)
    notice = next(event for event in events if isinstance(event, Notice))
    assert wanted.url in notice.text
    assert "the Go module a@v1" in notice.text


def test_another_file_elsewhere_does_not_count(tmp_path: Path) -> None:
    wanted = upstream((tmp_path / "nothing").as_uri())
    with pytest.raises(UnreachableError):
        fetch([wanted], tmp_path / "store", {}, silent, elsewhere=Module(b"another"), patience=HASTY)
    assert leftovers(tmp_path / "store") == []


def test_where_nothing_is_asked_for_no_store_is_made(tmp_path: Path) -> None:
    assert fetch([], tmp_path / "store", {}, silent) == {}
    assert not (tmp_path / "store").exists()


def test_the_files_in_the_lock_are_verified_like_all_else(server: Server, tmp_path: Path) -> None:
    wanted = upstream(server.base)
    path = have(wanted, tmp_path)
    lock = Lock("packages", "1.20.2", "amd64", artifacts([wanted], tmp_path), ())
    assert verify(lock, tmp_path) == ()
    path.write_bytes(b"another")
    assert verify(lock, tmp_path) != ()


def test_the_command_line_goes_before_the_environment_and_that_before_the_cluster_file(tmp_path: Path) -> None:
    spec = {"*": "https://spec.example", "a.example": "https://spec.example/a"}
    environment = {"KPROV_MIRROR": "https://environment.example/"}
    assert mirrors.merged(spec, {}, []) == spec
    assert mirrors.merged(spec, environment, [])["*"] == "https://environment.example"
    given = mirrors.merged(spec, environment, ["https://given.example", "a.example=https://given.example/a"])
    assert given == {"*": "https://given.example", "a.example": "https://given.example/a"}


@pytest.mark.parametrize(
    "text", ["ftp://m.example", "/no/such/folder", "m.example", "https://", "https://a:b@m.example"]
)
def test_what_is_no_mirror_is_bad_input(text: str) -> None:
    for spec, environment, given in (({}, {}, [text]), ({}, {"KPROV_MIRROR": text}, []), ({"*": text}, {}, [])):
        with pytest.raises(InputError, match="cannot use this mirror") as caught:
            mirrors.merged(spec, environment, given)
        assert isinstance(caught.value, KprovError)
        assert caught.value.where in ("--mirror", "KPROV_MIRROR", "bundle.mirrors.*")
