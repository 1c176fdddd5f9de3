"""The dashboard as people meet it: in a browser, and by tokens that let in as far as they say."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from urllib.request import urlopen

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.made import Cluster

CHROMIUM = shutil.which("chromium")
SCREENSHOTS = Path(__file__).parent / "artifacts"
# A container's root has no sandbox and no GPU; nothing but the page itself is asked for.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    "--hide-scrollbars",
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--no-proxy-server"),
)


class Page(HTMLParser):
    """A page as the browser made it: its words, and where its links lead."""

    def __init__(self, url: str, dom: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self._url = url
        self.feed(dom)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [urljoin(self._url, value) for name, value in attrs if tag == "a" and name == "href" and value]

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    def link(self, end: str) -> str:
        (found,) = {link for link in self.links if re.search(f"{end}$", link)}
        return found


class Browser:
    """A real Chromium without a screen, with a profile of its own."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile

    def open(self, url: str, picture: str = "") -> Page:
        """Open a page; keep a picture of it under this name."""
        picture_of = (f"--screenshot={SCREENSHOTS / picture}", "--window-size=1440,1600") if picture else ()
        argv = [str(CHROMIUM), *FLAGS, f"--user-data-dir={self._profile}", "--timeout=20000", "--dump-dom"]
        done = subprocess.run([*argv, *picture_of, url], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return Page(url, done.stdout)


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    SCREENSHOTS.mkdir(exist_ok=True)
    return Browser(tmp_path / "profile")


@pytest.fixture(scope="module")
def by_token(addons: Cluster) -> Iterator[Cluster]:
    """The cluster whose dashboard asks for a token, for the rest of this file."""
    before = (addons.folder / "cluster.yaml").read_text()
    addons.kprov("addons", "enable", "kube-web-view", "access=token", "--apply")
    try:
        yield addons
    finally:
        addons.kprov("addons", "enable", "kube-web-view", "access=lab-open", "--apply")
        assert (addons.folder / "cluster.yaml").read_text() == before


def as_bearer(cluster: Cluster, token: str, *words: str) -> subprocess.CompletedProcess[str]:
    """kubectl with nothing but a token."""
    artifacts = cluster.folder / "artifacts"
    admin = yaml.safe_load((artifacts / "kubeconfig").read_text())
    user = {"name": "bearer", "user": {"token": token}}
    contexts = [{"name": "bearer", "context": {"cluster": admin["clusters"][0]["name"], "user": "bearer"}}]
    config = {**admin, "users": [user], "contexts": contexts, "current-context": "bearer"}
    path = cluster.folder / "bearer"
    path.write_text(yaml.safe_dump(config))
    argv = [str(artifacts / "kubectl"), f"--kubeconfig={path}", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


def test_a_node_is_read_in_a_real_browser_from_the_open_dashboard(addons: Cluster, browser: Browser) -> None:
    first, *_ = addons.kprov("dashboard").split()
    assert first == "http://10.99.4.11:31000"
    front = browser.open(first, "front.png")
    nodes = browser.open(front.link("/clusters/local/nodes"))
    page = browser.open(nodes.link("/nodes/m1"), "node.png")
    assert {"m1", "v1.20.2", "containerd://1.6.20"} <= set(page.words)
    assert all((SCREENSHOTS / name).stat().st_size > 10_000 for name in ("front.png", "node.png"))


def test_the_summary_shouts_about_the_open_door(addons: Cluster) -> None:
    said = addons.kprov("up", "--from", "kubeconfig", "--until", "kubeconfig")
    assert "WARNING: The dashboard stands open" in said
    assert "http://10.99.4.11:31000" in said
    assert "metrics-server 0.9.0, local-path-provisioner 0.0.30" in " ".join(said.split())


def test_a_token_may_look_and_nothing_else(by_token: Cluster) -> None:
    url, token = by_token.kprov("dashboard", "--print").split()
    assert as_bearer(by_token, token, "get", "nodes", "--output=name").stdout.split() == ["node/m1", "node/w1"]
    for words in (("delete", "pods", "--all"), ("get", "secrets"), ("create", "namespace", "mine")):
        refused = as_bearer(by_token, token, *words, "--namespace=kube-system")
        assert refused.returncode == 1
        assert "Forbidden" in refused.stderr
    curl = ["curl", "-sLk", "--noproxy", "*", "--header", f"Authorization: Bearer {token}", url]
    answer = subprocess.run(curl, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Kubernetes Web View" in answer


def test_an_admins_token_may_do_everything(by_token: Cluster) -> None:
    said = by_token.kprov("dashboard", "--print", "--admin")
    assert said.startswith("warning: ")
    token = said.split()[-1]
    assert as_bearer(by_token, token, "auth", "can-i", "delete", "nodes").stdout == "yes\n"


def test_the_way_is_open_as_long_as_the_command_runs(by_token: Cluster, browser: Browser) -> None:
    with by_token.start("dashboard") as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[1]
            assert url.startswith("http://127.0.0.1:")
            with urlopen(url, timeout=20) as answer:
                assert answer.status == 200
            assert "m1" in browser.open(f"{url}clusters/local/nodes/m1").words
        finally:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
    with pytest.raises(OSError, match="refused"):
        urlopen(url, timeout=5)
