"""Charts: checked, rendered by a Helm that is handed in, kept; and where Helm comes from."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from kprov.addons.model import Chart
from kprov.bundle import charts, helm
from kprov.bundle.helm import VERSION, HelmSource
from kprov.errors import InputError, UnreachableError
from kprov.events import silent
from tests.unit.bundle.test_packages_source import FakeWorkshop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PLACE = "cluster.yaml:7: addons.extra[0]"
CHART = Chart("shop.tgz", "shop", "shop", "1.20.2", {"replicas": 2}, "mine.yaml", where=PLACE)


def archive(*names: str, size: int = 3) -> bytes:
    """A tar of these files, compressed by gzip."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = size
            tar.addfile(member, io.BytesIO(b"x" * size))
    return out.getvalue()


FILES = {"shop.tgz": archive("shop/Chart.yaml", "shop/templates/a.yaml"), "mine.yaml": b"greeting: hello\n"}


class FakeHelm:
    """Prints what it is asked for, and with ``restless`` how often it was."""

    def __init__(self, *, restless: bool = False) -> None:
        self.asked = 0
        self.restless = restless

    def template(self, chart: Chart, archive: Path, values: Sequence[Path], home: Path) -> bytes:
        self.asked += 1
        given = b"\n".join(path.read_bytes() for path in values)
        mark = b"%d" % self.asked if self.restless else b""
        return b"# Source: shop/templates/a.yaml\nkind: " + given + mark + archive.read_bytes()[:2]


def render(root: Path, tool: FakeHelm, chart: Chart = CHART, version: str = "1") -> bytes:
    return charts.render([chart], FILES, root, lambda: tool, version, silent)[chart.rendered]


def test_a_chart_is_rendered_once_with_the_file_below_the_values(tmp_path: Path) -> None:
    tool = FakeHelm()
    text = render(tmp_path, tool)
    assert b'greeting: hello\n\n{"replicas": 2}' in text
    assert tool.asked == 2
    assert render(tmp_path, tool) == text
    assert tool.asked == 2
    assert charts.recalled([CHART], FILES, tmp_path, "1") == {"chart:shop": text}


@pytest.mark.parametrize(
    ("chart", "version"),
    [
        (Chart("shop.tgz", "shop", "shop", "1.20.2", {"replicas": 3}, "mine.yaml"), "1"),
        (Chart("shop.tgz", "shop", "shop", "1.36.4", {"replicas": 2}, "mine.yaml"), "1"),
        (Chart("shop.tgz", "shop", "other", "1.20.2", {"replicas": 2}, "mine.yaml"), "1"),
        (Chart("shop.tgz", "shop", "shop", "1.20.2", {"replicas": 2}), "1"),
        (CHART, "2"),
    ],
)
def test_whatever_decides_the_objects_has_it_rendered_again(tmp_path: Path, chart: Chart, version: str) -> None:
    render(tmp_path, FakeHelm())
    again = FakeHelm()
    render(tmp_path, again, chart, version)
    assert again.asked == 2


def test_a_damaged_rendering_is_made_again(tmp_path: Path) -> None:
    text = render(tmp_path, FakeHelm())
    (tmp_path / "parts" / "chart-shop" / "objects.yaml").write_bytes(b"kind: Secret")
    assert charts.recalled([CHART], FILES, tmp_path, "1") == {}
    assert render(tmp_path, FakeHelm()) == text


def test_a_chart_that_makes_something_else_each_time_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        render(tmp_path, FakeHelm(restless=True))
    assert caught.value.where == PLACE
    assert caught.value.why == "it makes something else each time, the first in shop/templates/a.yaml"
    assert charts.recalled([CHART], FILES, tmp_path, "1") == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"kind: Pod\n", "not a gzip file"),
        (archive("shop/values.yaml"), "it holds no Chart.yaml"),
        (archive("Chart.yaml"), "it holds no Chart.yaml"),
        (FILES["shop.tgz"][:40], "end-of-stream"),
    ],
    ids=["a manifest", "no Chart.yaml", "one beside the folder", "cut short"],
)
def test_what_is_no_chart_is_refused(content: bytes, told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        charts.check([CHART], {"shop.tgz": content})
    assert caught.value.exit_code == 2


def test_an_archive_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "_LARGEST_BYTES", 100)
    with pytest.raises(InputError, match="unpacks to more"):
        charts.check([CHART], {"shop.tgz": archive("shop/Chart.yaml", "shop/a", size=60)})


def source(root: Path, *names: str, mirror: Path | None = None) -> HelmSource:
    mirrors = {"*": mirror.as_uri()} if mirror else {"*": (root / "nothing").as_uri()}
    return HelmSource(names, root, mirrors, lambda _: FakeWorkshop(), lambda: "amd64")


def test_helm_is_built_from_its_module_for_this_machine_alone(tmp_path: Path) -> None:
    made = source(tmp_path, "packages").have(silent)
    assert (made.name, made.kind, made.version, made.targets) == ("helm", "binary", VERSION, ("controller",))
    assert made.source == f"go:helm.sh/helm/v3@v{VERSION}"
    assert (tmp_path / made.path).is_file()
    (tmp_path / made.path).chmod(0o600)
    assert source(tmp_path, "packages").have(silent) == made
    assert (tmp_path / made.path).stat().st_mode & 0o777 == 0o700


def test_helm_is_taken_out_of_its_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = archive("linux-amd64/README.md", "linux-amd64/helm")
    folder = tmp_path / "mirror" / "get.helm.sh"
    folder.mkdir(parents=True)
    (folder / f"helm-v{VERSION}-linux-amd64.tar.gz").write_bytes(content)
    monkeypatch.setattr(helm, "_RELEASES", {"amd64": hashlib.sha256(content).hexdigest()})
    made = source(tmp_path / "store", "upstream", "packages", mirror=tmp_path / "mirror").have(silent)
    assert made.source == f"https://get.helm.sh/helm-v{VERSION}-linux-amd64.tar.gz"
    program = tmp_path / "store" / made.path
    assert (program.read_bytes(), program.stat().st_mode & 0o777) == (b"xxx", 0o700)


def test_a_source_without_helm_hands_over_and_the_last_one_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helm.files, "places", lambda url, _: [(tmp_path / "nothing").as_uri()])
    assert source(tmp_path, "upstream", "packages").have(silent).source.startswith("go:")
    with pytest.raises(UnreachableError, match="cannot fetch helm") as caught:
        source(tmp_path, "upstream").have(silent)
    assert "bundle.source" in caught.value.where
    with pytest.raises(UnreachableError, match="directory has none"):
        source(tmp_path, "directory").have(silent)


def test_the_catalog_of_helm_is_that_of_the_module() -> None:
    assert json.dumps(helm.HELM.version) == f'"v{VERSION}"'
    assert all(len(sha256) == 64 for sha256 in helm._RELEASES.values())
