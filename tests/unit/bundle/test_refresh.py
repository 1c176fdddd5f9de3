"""The catalog brought up to date from made release servers: a diff of what is new, and sums that must still hold."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from kprov.bundle.transfer import Patience
from kprov.bundle.upstream.refresh import Refreshed, refresh
from kprov.errors import CheckFailed, UnreachableError
from kprov.events import silent
from kprov.release.artifacts import KUBERNETES
from kprov.release.catalog import Catalog, catalog, catalog_file, number

if TYPE_CHECKING:
    from pathlib import Path

TEXT = catalog_file().read_text(encoding="utf-8")
NEWEST = {minor: max(each.patches, key=number) for minor, each in catalog().minors.items() if each.tools}


class Servers:
    """Release servers as a folder laid out by host and path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for minor, version in NEWEST.items():
            self.say(f"stable-{minor}", f"v{version}")
            for name in KUBERNETES:
                for architecture, known in catalog().artifacts[name].sha256.get(version, {}).items():
                    self.publish(version, architecture, name, known)
                if version not in catalog().artifacts[name].sha256:
                    self.publish_all(version)
        self.say("stable", f"v{max(NEWEST.values(), key=number)}")

    def say(self, name: str, version: str) -> None:
        path = self.folder / "dl.k8s.io" / "release" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(version)

    def publish(self, version: str, architecture: str, name: str, content: str) -> None:
        path = self.folder / f"dl.k8s.io/release/v{version}/bin/linux/{architecture}/{name}.sha256"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def publish_all(self, version: str) -> None:
        for name in KUBERNETES:
            for architecture, digit in (("amd64", "a"), ("arm64", "b")):
                self.publish(version, architecture, name, digit * 64)

    def refresh(self, text: str = TEXT) -> Refreshed:
        return refresh(text, {"*": self.folder.as_uri()}, silent, Patience(20, 60, ()))


@pytest.fixture
def servers(tmp_path: Path) -> Servers:
    return Servers(tmp_path)


def test_where_nothing_is_newer_nothing_changes(servers: Servers) -> None:
    found = servers.refresh()
    assert (found.text, found.patches, found.minor) == (TEXT, (), "")
    assert found.checked >= 18


def test_a_new_patch_is_added_where_it_belongs_and_nothing_else(servers: Servers) -> None:
    minor, known = "1.36", NEWEST["1.36"]
    new = f"{minor}.{number(known)[2] + 1}"
    servers.say(f"stable-{minor}", f"v{new}\n")
    servers.publish_all(new)
    found = servers.refresh()
    assert found.patches == (new,)
    made = Catalog.model_validate(yaml.safe_load(found.text))
    assert made.minors[minor].patches == (*catalog().minors[minor].patches, new)
    assert made.served(new, "upstream", ("amd64", "arm64"))
    assert made.artifacts["kubelet"].sha256[new] == {"amd64": "a" * 64, "arm64": "b" * 64}
    added = set(found.text.splitlines()) - set(TEXT.splitlines())
    assert len(found.text.splitlines()) == len(TEXT.splitlines()) + 9
    assert len(added) == 4
    again = servers.refresh(found.text)
    assert (again.text, again.patches) == (found.text, ())


def test_a_line_that_is_full_goes_on_in_the_next(servers: Servers) -> None:
    minor, text = "1.34", TEXT
    for patch in range(number(NEWEST[minor])[2] + 1, number(NEWEST[minor])[2] + 5):
        servers.say(f"stable-{minor}", f"v{minor}.{patch}")
        servers.publish_all(f"{minor}.{patch}")
        text = servers.refresh(text).text
    assert max(map(len, set(text.splitlines()) - set(TEXT.splitlines()))) <= 120
    assert Catalog.model_validate(yaml.safe_load(text)).minors[minor].patches[-1] == f"{minor}.{patch}"


def test_a_sum_that_is_not_the_published_one_is_told(servers: Servers) -> None:
    servers.publish(NEWEST["1.36"], "arm64", "kubeadm", "c" * 64)
    with pytest.raises(CheckFailed, match="sha256 of kubeadm") as caught:
        servers.refresh()
    assert "c" * 64 in caught.value.why


def test_a_minor_without_rules_is_named(servers: Servers) -> None:
    servers.say("stable", "v1.99.0")
    assert servers.refresh().minor == "1.99"


@pytest.mark.parametrize("said", ["<html>Please log in</html>", "", "v1.36"])
def test_something_else_than_an_answer_is_told(servers: Servers, said: str) -> None:
    servers.say("stable-1.36", said)
    with pytest.raises(UnreachableError, match="something else"):
        servers.refresh()


def test_servers_that_are_not_reached_are_told(servers: Servers) -> None:
    shutil.rmtree(servers.folder / "dl.k8s.io")
    with pytest.raises(UnreachableError, match="not reached") as caught:
        refresh(
            TEXT.replace("https://dl.k8s.io", "https://dl.invalid"),
            {"dl.k8s.io": servers.folder.as_uri(), "dl.invalid": servers.folder.as_uri()},
            silent,
            Patience(0.2, 0.2, ()),
        )
    assert "HTTPS_PROXY" in caught.value.remedy
