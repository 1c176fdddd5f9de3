"""What ``newest`` is: today's version where upstream is reached, that of the packages where not, or what is pinned."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from kprov.bundle.model import Lock
from kprov.bundle.upstream import probe
from kprov.errors import InputError, UnreachableError
from kprov.phases import choose_version
from kprov.phases.choose_version import Choice, choose
from kprov.release.catalog import newest
from kprov.spec.load import loads
from kprov.spec.model import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kprov.spec.load import Loaded

TODAY = newest(["upstream"])
URL = "https://dl.invalid/kubeadm"


def loaded(source: str, version: str = "newest") -> Loaded:
    nodes = "  m1: {address: 10.108.9.11, roles: [control-plane, etcd, worker]}\n"
    text = f"cluster: test\nkubernetes: {{version: {version}}}\nnodes:\n{nodes}bundle: {{source: {source}}}\n"
    return loads(text, "/nowhere/cluster.yaml")


def lock(source: str, version: str) -> Lock:
    return Lock(source, version, "amd64", (), ())


def taken(choice: Choice) -> tuple[str, tuple[str, ...]]:
    return choice.loaded.spec.kubernetes.version, choice.loaded.spec.bundle.source


def test_todays_version_where_upstream_is_reached() -> None:
    choice = choose(loaded("[upstream, packages]"), (), {}, lambda *_: "")
    assert taken(choice) == (TODAY, ("upstream",))
    assert choice.why == f"Kubernetes {TODAY} from upstream: upstream is reached"


def test_that_of_the_packages_where_it_is_not_and_why() -> None:
    choice = choose(loaded("[upstream, packages]"), (), {}, lambda *_: "dl.k8s.io: no route")
    assert taken(choice) == ("1.20.2", ("packages",))
    assert choice.why == "Kubernetes 1.20.2 from packages: upstream is not reached (dl.k8s.io: no route)"


def test_packages_alone_ask_nobody() -> None:
    assert taken(choose(loaded("packages"), (), {}, lambda *_: pytest.fail("asked"))) == ("1.20.2", ("packages",))


def test_upstream_alone_that_is_not_reached_is_told() -> None:
    with pytest.raises(UnreachableError, match="no route") as caught:
        choose(loaded("upstream"), (), {}, lambda *_: "dl.k8s.io: no route")
    assert "packages" in caught.value.remedy


@pytest.mark.parametrize("pinned", [lock("packages", "1.20.2"), lock("upstream", "1.35.8")])
def test_what_the_lock_pins_is_taken_and_nobody_is_asked(pinned: Lock) -> None:
    choice = choose(loaded("[upstream, packages]"), [pinned], {}, lambda *_: pytest.fail("asked"))
    assert taken(choice) == (pinned.kubernetes, (pinned.source,))
    assert "bundle build --update" in choice.why


@pytest.mark.parametrize("pinned", [lock("packages", "1.20.2"), lock("upstream", "1.99.0")])
def test_a_lock_that_the_cluster_file_does_not_allow_any_more_pins_nothing(pinned: Lock) -> None:
    assert taken(choose(loaded("upstream"), [pinned], {}, lambda *_: "")) == (TODAY, ("upstream",))


def test_a_version_in_full_is_left_as_it_is() -> None:
    given = loaded("[upstream, packages]", "1.36.3")
    assert choose(given, [lock("packages", "1.20.2")], {}, lambda *_: pytest.fail("asked")) == Choice(given)


@pytest.mark.parametrize(("unified", "version"), [(True, TODAY), (False, "1.34.11")])
def test_containers_on_cgroup_v1_get_the_newest_whose_kubelet_runs_there(
    monkeypatch: pytest.MonkeyPatch, unified: bool, version: str
) -> None:
    monkeypatch.setattr(choose_version, "cgroup_v2", lambda: unified)
    given = loaded("[upstream, packages]")
    lab = Lab(provider="podman")
    in_lab = replace(given, spec=given.spec.model_copy(update={"lab": lab}))
    choice = choose(in_lab, (), {}, lambda *_: "")
    assert taken(choice)[0] == version
    assert ("cgroup v2" in choice.why) is not unified


class Server(ThreadingHTTPServer):
    daemon_threads = True
    status = 200


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def left(mirrors: Mapping[str, str]) -> Mapping[str, str]:
    return probe.unreached([URL], ["registry.invalid"], mirrors)


def test_a_mirror_is_enough(server: Server) -> None:
    assert left({"*": f"http://127.0.0.1:{server.server_port}/all"}) == {}


def test_a_registry_that_wants_a_token_is_reached_and_a_file_that_is_not_there_is_not(server: Server) -> None:
    server.status = 401
    assert left({"*": f"http://127.0.0.1:{server.server_port}"}).keys() == {URL}


def test_a_proxy_is_the_way_and_one_that_refuses_is_the_reason(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.status = 502
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    assert probe.unreached(["http://dl.invalid/a"], [], {}) == {"http://dl.invalid/a": "HTTP 502 Bad Gateway"}
    server.status = 200
    assert probe.unreached(["http://dl.invalid/a"], [], {}) == {}


def test_a_server_that_is_silent_is_waited_for_no_longer_than_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "DEADLINE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        monkeypatch.setattr(probe, "places", lambda *_: [url])
        began = time.monotonic()
        assert probe.unreached([url], [], {}).keys() == {url}
        assert time.monotonic() - began < 2


def test_where_upstream_is_reached_and_images_cannot_be_pulled_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_version, "unreached", lambda *_: {})
    monkeypatch.setattr("kprov.bundle.upstream.registry.shutil.which", lambda *_, **__: None)
    with pytest.raises(InputError, match="skopeo"):
        choose(loaded("[upstream, packages]"), (), {})
