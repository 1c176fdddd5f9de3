"""The page of a run: whole, self-contained, and safe to open."""

import re
import stat
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeAlias

import pytest

from kprov.errors import InputError
from kprov.report.html import render_html, write_html
from kprov.report.model import CertificateRow, Check, Fact, NodeRow, PhaseRow, Results, Stamped
from kprov.report.page import bars, endings, lanes, suites
from kprov.report.results import load_results, save_results
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
EVIL = 'w1"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{7*7}}\x1b[31m'


class Outline(HTMLParser):
    """Collects text and tags, and notices tags that do not match."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    assert found.open == []
    return found


def read(page: str) -> str:
    return " ".join(outline(page).text.split())


@pytest.fixture
def seen(results: Results) -> Results:
    """Checks of a cluster of which nodes, versions and certificates were seen too."""
    in_days = [(400, "m1"), (400, "m2"), (12, "w1")]
    return replace(
        results,
        nodes=(
            NodeRow("m1", "10.0.0.11", ("control-plane", "etcd"), True, "v1.20.2", "Debian 12", "containerd://1.6.20"),
            NodeRow(
                "w1", "10.0.0.21", ("worker",), False, "v1.20.2", "Ubuntu 24.04", "containerd://1.6.20", "", "cordoned"
            ),
        ),
        versions=(Fact("etcd", "3.4.23"),),
        certificates=tuple(
            CertificateRow(
                host, "/etc/kubernetes/admin.conf", "CN=admin", results.started + timedelta(days=days, hours=1)
            )
            for days, host in in_days
        ),
    )


def test_page_tells_the_whole_run(events: Events, results: Results) -> None:
    text = read(render_html(run_of(events), results))
    for words in TOLD:
        assert words in text
    assert text.index("no answer in 3 s") < text.index("the kernel is shared"), "what failed comes first"
    assert "0123456789abcdef" not in text


def test_page_shows_what_was_seen_of_the_cluster(events: Events, seen: Results) -> None:
    text = read(render_html(run_of(events), seen))
    for words in ("nodes ready 1 of 2", "✗ not Ready, cordoned", "to the next expiry 12 days", "12 days left"):
        assert words in text
    assert "Ubuntu 24.04" in text, "what differs between nodes has a column"
    assert "containerd://1.6.20" not in text, "what is the same has none"


def test_page_needs_nothing_but_itself(events: Events, seen: Results) -> None:
    page = render_html(run_of(events), seen)
    assert not re.search(r"https?:|<script|<link|<img|url\(|@import", page)
    assert "default-src 'none'" in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert 'name="viewport"' in page


def test_names_from_the_cluster_are_never_taken_for_html(events: Events, seen: Results) -> None:
    plain = outline(render_html(run_of(events), seen))
    evil = replace(
        seen,
        checks=tuple(replace(each, name=EVIL, host=EVIL, message=EVIL, evidence=EVIL) for each in seen.checks),
        nodes=tuple(replace(each, name=EVIL, note=EVIL, system=EVIL + each.system) for each in seen.nodes),
        versions=(Fact(EVIL, EVIL),),
        certificates=tuple(replace(each, file=EVIL, subject=EVIL, host=EVIL) for each in seen.certificates),
    )
    run = run_of(events)
    page = render_html(
        replace(
            run,
            cluster=EVIL,
            phases=tuple(replace(each, title=EVIL, summary=EVIL) for each in run.phases),
            notices=tuple(replace(each, text=EVIL, remedy=EVIL) for each in run.notices),
            failures=tuple(replace(each, host=EVIL, task=EVIL, message=EVIL) for each in run.failures),
            work=tuple(replace(each, host=EVIL, label=EVIL) for each in run.work),
        ),
        evil,
    )
    found = outline(page)
    assert found.tags == plain.tags
    assert found.attributes == plain.attributes
    assert "{{7*7}}" in found.text
    assert not re.search("[\x1b\u202e]", page)


def test_what_was_seen_is_kept_with_the_checks(seen: Results, tmp_path: Path) -> None:
    save_results(replace(seen, checks=seen.checks[:1]), tmp_path / "checks.json")
    assert load_results(tmp_path / "checks.json") == replace(seen, checks=seen.checks[:1])


def test_verdict(events: Events, done: Events, passed: Results, results: Results) -> None:
    assert "is made and proven" in render_html(run_of(done), passed)
    assert "is not proven: checks failed" in render_html(run_of(done), results)
    assert "finished" in render_html(run_of(done))
    assert "stopped before its end" in render_html(run_of(events[:6]))


def test_bars_stay_on_the_axis() -> None:
    rows = (PhaseRow("a", "done", 0.0, 0.0), PhaseRow("b", "done", 0.0, 100.0), PhaseRow("c", "done", 100.0, 0.0))
    for bar in bars(rows, 50.0):
        assert bar.left >= 0
        assert bar.width > 0
        assert bar.left + bar.width <= 100
    assert bars((), 0.0) == ()


def test_a_hosts_lane_joins_what_ended_alike(events: Events) -> None:
    m1, w1 = lanes(run_of(events).work, 10.0)
    assert [(block.left, block.width, block.status) for block in m1.blocks] == [(30.0, 20.0, "changed")]
    assert [block.status for block in w1.blocks] == ["ok", "failed"]
    assert w1.busy_s == 4.0


def test_a_check_is_one_row_with_all_its_hosts() -> None:
    hosts = [f"w{number}" for number in range(6)]
    checks = [Check("nodes", "swap is off", host, "passed", 0.1, evidence="none") for host in hosts]
    checks += [Check("dns", "resolves", host, "failed" if host == "w3" else "passed", 0.1) for host in hosts]
    dns, nodes = suites(checks).items()
    assert (dns[0], nodes[0]) == ("dns", "nodes"), "suites with failures come first"
    assert (dns[1][0].outcome, dns[1][0].alike) == ("failed", False)
    assert nodes[1][0].alike
    assert nodes[1][0].evidence[0].hosts == ("6 nodes",)


def test_certificates_that_end_first_come_first(seen: Results) -> None:
    first, last = endings(seen.certificates, seen.started)
    assert (first.hosts, first.left, first.state) == (("w1",), "12 days left", "stopped")
    assert (last.hosts, last.left, last.state) == (("m1", "m2"), "400 days left", "")
    (ended, _) = endings(seen.certificates, seen.started + timedelta(days=20))
    assert (ended.left, ended.state) == ("ended 8 days ago", "failed")


def test_page_is_private(tmp_path: Path) -> None:
    write_html(tmp_path / "report.html", "page")
    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o600
    with pytest.raises(InputError, match="cannot write the report"):
        write_html(tmp_path / "nowhere" / "report.html", "page")
