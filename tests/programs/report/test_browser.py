"""The page of a run in a real browser: it fits a phone, it is dark where it should be, and a name runs nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING

import pytest

from kprov.events import Notice, TaskFinished
from kprov.report.html import render_html
from kprov.report.model import CertificateRow, Check, Fact, NodeRow, PhaseRow, Results, Run, TaskRow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEGAN = datetime(2026, 11, 28, 10, 40, tzinfo=UTC)
HOSTS = [*(f"m{number}-k8s" for number in range(11, 14)), *(f"w{number}-k8s" for number in range(101, 107))]
EVIL = "<script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">" + "long" * 40
# A container's root has no sandbox and no GPU; nothing but the page itself is asked for.
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--no-proxy-server"),
)
WIDTHS = (360, 800, 1280)
# What a frame tells of itself: its width, how far its content reaches, its background, its title, what it would load.
MEASURE = """
const told = [];
const frames = [...document.querySelectorAll("iframe")];
const look = frame => {
  const page = frame.contentDocument, root = page.documentElement;
  const right = Math.max(...[...page.body.querySelectorAll("*")].map(each => each.getBoundingClientRect().right));
  told.push({width: frame.clientWidth, right: Math.max(right, root.scrollWidth), title: page.title,
    back: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
    loads: page.querySelectorAll("script, img, link, iframe, [src], [href]").length,
    size: parseFloat(frame.contentWindow.getComputedStyle(page.querySelector("td")).fontSize)});
  if (told.length == frames.length) document.getElementById("told").textContent = JSON.stringify(told);
};
frames.forEach(frame => { frame.onload = () => look(frame); frame.srcdoc = PAGE; });
"""


@pytest.fixture
def browser(tmp_path: Path) -> Callable[..., str]:
    """A function that has Chromium open a file, with more flags if need be, and returns the document that it made."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs chromium")

    def opened(path: Path, *flags: str) -> str:
        argv = [
            str(chromium),
            *FLAGS,
            f"--user-data-dir={tmp_path / 'profile'}",
            "--timeout=30000",
            *flags,
            f"file://{path}",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return opened


def page(evil: str = "") -> str:
    """A run on nine nodes in which something failed, with a text put into everything that has a name."""
    checks = [
        Check(
            suite, f"{name}{evil}", host, "failed" if host == "w103-k8s" else "passed", 0.2, f"why{evil}", f"seen{evil}"
        )
        for suite, name in (
            ("nodes", "kubelet runs and starts at boot"),
            ("network", "its pod reaches the pod on m11-k8s"),
        )
        for host in HOSTS
    ]
    roles = {"m": ("control-plane", "etcd"), "w": ("worker",)}
    nodes = [
        NodeRow(
            f"{host}{evil}",
            f"192.168.1.{number}",
            roles[host[0]],
            host != "w103-k8s",
            "v1.20.2",
            f"Debian {number}{evil}",
        )
        for number, host in enumerate(HOSTS, 11)
    ]
    results = Results(
        tuple(checks),
        BEGAN,
        8.2,
        tuple(nodes),
        (Fact("Images", f"k8s.gcr.io/kube-controller-manager:v1.20.2, k8s.gcr.io/coredns:1.7.0{evil}"),),
        tuple(
            CertificateRow(
                host, f"/var/lib/kubelet/pki/kubelet-client-current.pem{evil}", f"CN={host}", BEGAN + timedelta(300)
            )
            for host in HOSTS
        ),
    )
    phases = [PhaseRow(f"Make the cluster{evil}", "done", 0.0, 90.0, f"9 hosts{evil}")]
    run = Run(
        command="up",
        cluster=f"book{evil}",
        started=BEGAN,
        duration_s=100.0,
        exit_code=1,
        phases=(*phases, PhaseRow("Prove that it works", "failed", 90.0, 10.0)),
        notices=(Notice("warning", f"CoreDNS is left out{evil}", f"Import it.{evil}"),),
        failures=(TaskFinished(f"w103-k8s{evil}", "p", "join", f"join{evil}", "failed", 1.0, f"no route{evil}"),),
        hosts=tuple(HOSTS),
        tasks=90,
        changed_tasks=80,
    )
    work = [TaskRow(f"{host}{evil}", "node : files", "changed", 9.0 * at, 7.0) for host in HOSTS for at in range(9)]
    return render_html(replace(run, work=tuple(work)), results)


def measured(path: Path, html: str, browser: Callable[..., str], *flags: str) -> list[dict[str, object]]:
    """What frames of several widths tell of a page."""
    frames = "".join(f'<iframe style="border:0;width:{width}px;height:600px"></iframe>' for width in WIDTHS)
    script = f"const PAGE = {json.dumps(html).replace('</', '<' + chr(92) + '/')};{MEASURE}"
    path.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{frames}<pre id=told></pre><script>{script}</script>")
    found = re.search(r'<pre id="told">(.+?)</pre>', browser(path, "--dump-dom", *flags))
    assert found, "the frames told nothing"
    told: list[dict[str, object]] = json.loads(found[1].replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">"))
    return sorted(told, key=lambda each: int(str(each["width"])))


@pytest.mark.parametrize("evil", ["", EVIL], ids=["plain", "evil"])
def test_it_fits_every_width_and_no_name_runs_or_loads_anything(
    evil: str, tmp_path: Path, browser: Callable[..., str]
) -> None:
    told = measured(tmp_path / "frames.html", page(evil), browser)
    assert [each["width"] for each in told] == list(WIDTHS)
    for each in told:
        assert each["right"] <= each["width"], f"wider than {each['width']}"
        assert each["title"] == f"book{evil} is not proven: checks failed"
        assert each["loads"] == 0
        assert each["size"] >= 14, "readable without zooming"


def brightness(colour: object) -> float:
    return sum(map(int, re.findall(r"\d+", str(colour))[:3])) / 3


def test_it_is_dark_where_that_is_wanted(tmp_path: Path, browser: Callable[..., str]) -> None:
    light, dark = (
        measured(tmp_path / "frames.html", page(), browser, f"--blink-settings=preferredColorScheme={scheme}")[0]
        for scheme in (1, 0)
    )
    assert brightness(light["back"]) > 240
    assert brightness(dark["back"]) < 40


def test_it_prints_on_a_few_sheets(tmp_path: Path, browser: Callable[..., str]) -> None:
    path, pdf = tmp_path / "report.html", tmp_path / "report.pdf"
    path.write_text(page())
    browser(path, f"--print-to-pdf={pdf}", "--no-pdf-header-footer")
    sheets = len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
    assert 1 <= sheets <= 4, sheets


def test_escaping_is_what_keeps_names_from_running(tmp_path: Path, browser: Callable[..., str]) -> None:
    """The measure itself: a page that does not escape is found out."""
    unsafe = page().replace(escape("book"), f"book{EVIL}", 2).replace("default-src 'none'; ", "")
    told = measured(tmp_path / "frames.html", unsafe, browser)
    assert any(each["loads"] for each in told)
