"""Which display and which characters suit which stream."""

import sys
from typing import Any

import pytest

from kprov.console.live import Terminal
from kprov.console.plain import Plain
from kprov.console.sink import open_sink
from kprov.events import Notice, PhaseFinished


@pytest.mark.parametrize(
    ("tty", "term", "verbosity", "kind"),
    [
        (True, "xterm-256color", "normal", Terminal),
        (True, "xterm-256color", "quiet", Plain),
        (True, "dumb", "normal", Plain),
        (False, "xterm-256color", "normal", Plain),
    ],
)
def test_a_live_display_only_where_it_works(
    tty: bool, term: str, verbosity: Any, kind: type, paper: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", paper(80, tty=tty).file)
    assert type(open_sink(verbosity, color=True)) is kind


def test_data_keeps_stdout_to_itself(paper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = paper(80, tty=False), paper(80, tty=False)
    monkeypatch.setattr(sys, "stdout", out.file)
    monkeypatch.setattr(sys, "stderr", err.file)
    with open_sink("normal", color=True, stream="stderr") as sink:
        sink(Notice("info", "reads the nodes"))
    assert (out.text, err.text) == ("", "note: reads the nodes\n")


def test_a_locale_without_utf8_gets_ascii(paper: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    page = paper(80)
    monkeypatch.setattr(sys, "stdout", page.file)
    with open_sink("normal", color=False) as sink:
        sink(PhaseFinished("lab", "done", 1.0, "Zażółć"))
    assert "+ lab" in page.text
    assert page.text.isascii()
