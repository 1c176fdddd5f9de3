"""The page of a run: whole, self-contained, and safe to open."""

import re
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeAlias

import pytest

from kprov.errors import InputError
from kprov.report.html import bars, render_html, write_html
from kprov.report.model import PhaseRow, Results, Stamped
from kprov.report.timeline import run_of

Events: TypeAlias = tuple[Stamped, ...]

TOLD = (
    "failed (exit code 4)",
    "2026-11-21 07:15:02",
    "Make the cluster",
    "1 host failed",
    "w1: worker : join",
    "no <route> to host",
    "CoreDNS <is> left out",
    "pod reaches pod <across nodes>",
    "no answer in 3 s",
)
VOID = {"meta", "br"}


class Outline(HTMLParser):
    """Collects text and notices tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> str:
    outline = Outline()
    outline.feed(page)
    assert outline.open == []
    return " ".join(outline.text.split())


def test_page_tells_the_whole_run(events: Events, results: Results) -> None:
    text = read(render_html(run_of(events), results))
    for words in TOLD:
        assert words in text
    assert text.index("no answer in 3 s") < text.index("the kernel is shared"), "what failed comes first"
    assert "0123456789abcdef" not in text


def test_page_needs_nothing_but_itself(events: Events, results: Results) -> None:
    page = render_html(run_of(events), results)
    assert not re.search(r"https?:|<script|<link|<img|url\(|@import", page)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert 'name="viewport"' in page


def test_verdict(events: Events, done: Events, passed: Results, results: Results) -> None:
    assert "made and proven" in render_html(run_of(done), passed)
    assert "not all checks passed" in render_html(run_of(done), results)
    assert "finished" in render_html(run_of(done))
    assert "stopped before its end" in render_html(run_of(events[:6]))


def test_bars_stay_on_the_axis() -> None:
    rows = (PhaseRow("a", "done", 0.0, 0.0), PhaseRow("b", "done", 0.0, 100.0), PhaseRow("c", "done", 100.0, 0.0))
    for bar in bars(rows, 50.0):
        assert bar.left >= 0
        assert bar.width >= 0.5
        assert bar.left + bar.width <= 100
    assert bars((), 0.0) == ()


def test_page_is_private(tmp_path: Path) -> None:
    write_html(tmp_path / "report.html", "page")
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o600
    with pytest.raises(InputError, match="cannot write the report"):
        write_html(tmp_path / "nowhere" / "report.html", "page")
