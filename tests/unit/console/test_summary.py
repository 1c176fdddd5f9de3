"""The end of ``kprov up``: everything a person wants to know, at every width."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from kprov.console.summary import render_summary
from kprov.events import LeftOut, Notice
from kprov.report.model import Fact, NodeRow, PhaseRow, Summary

SYSTEM, RUNTIME = "Debian GNU/Linux 12", "containerd 1.6.20"
PLANE = NodeRow("m1", "10.88.0.11", ("control-plane", "etcd"), True, "v1.20.2", SYSTEM, RUNTIME)
WORKER = NodeRow("w101-k8s", "10.88.0.101", ("worker",), True, "v1.20.2", SYSTEM, RUNTIME)
SUMMARY = Summary(
    cluster="lab",
    nodes=(PLANE, replace(PLANE, name="m2"), WORKER),
    phases=(
        PhaseRow("Gather the parts", "unchanged", 0.0, 2.0),
        PhaseRow("Make the cluster with kubeadm", "done", 2.0, 80.0),
        PhaseRow("Prove the cluster", "done", 82.0, 20.0),
        PhaseRow("Check the machines", "skipped", 2.0, 0.0),
    ),
    duration_s=102.0,
    hosts=3,
    changed_tasks=146,
    kubeconfig=Path("inventory/lab/artifacts/kubeconfig"),
    facts=(Fact("Network", "bridge, pods 10.244.0.0/16, services 10.96.0.0/16"),),
    left_out=(LeftOut("CoreDNS", "no module proxy answers", "Services have no names"),),
    alarms=("The dashboard stands open: whoever reaches port 31000 of a node sees everything but secrets.",),
    notes=("Weave Net has no maker any more.",),
    notices=(Notice("warning", "inotify limits were raised", "They fall back at boot."), Notice("info", "cache used")),
    next_steps=("export KUBECONFIG=inventory/lab/artifacts/kubeconfig", "kprov verify  # prove it again"),
)


def shown(summary: Summary, paper: Any, width: int = 80, **kind: Any) -> list[str]:
    page = paper(width, **kind)
    return page.show(render_summary(summary, page.console)).lines


@pytest.mark.parametrize("width", [60, 80, 120])
def test_everything_is_there_and_fits(width: int, paper: Any) -> None:
    lines = shown(SUMMARY, paper, width)
    text = " ".join(" ".join(lines).split())
    for words in (
        "✓ lab is up 2 control planes and 1 worker",
        "146 tasks changed on 3 hosts, in 1m 42s",
        "m1 10.88.0.11 control-plane,etcd ✓ yes v1.20.2",
        SYSTEM,
        RUNTIME,
        "skipped: Check the machines",
        "Kubeconfig inventory/lab/artifacts/kubeconfig",
        "! CoreDNS is left out: no module proxy answers. Services have no names",
        "! inotify limits were raised. They fall back at boot.",
        "! WARNING: The dashboard stands open: whoever reaches port 31000 of a node sees everything but secrets.",
        "- Weave Net has no maker any more.",
        "export KUBECONFIG=inventory/lab/artifacts/kubeconfig",
        "kprov verify # prove it again",
    ):
        assert words in text
    assert "cache used" not in text
    assert max(map(cell_len, lines)) < width


def test_an_alarm_is_red_where_there_are_colours_and_stands_after_all_that_is_less(paper: Any) -> None:
    lines = shown(SUMMARY, paper, 80, color=True)
    (at,) = [number for number, line in enumerate(lines) if "WARNING" in line]
    assert lines[at].startswith("  \x1b[1;31m!\x1b[0m \x1b[1;31mWARNING: The dashboard stands open")
    assert lines[at + 1].startswith("\x1b[1;31m    "), "also where it goes on in a second line"
    assert at > max(number for number, line in enumerate(lines) if "inotify" in line or "Weave" in line)


def test_bars_are_as_long_as_the_phases(paper: Any) -> None:
    bars = {line.split("  ")[1]: line.count("█") for line in shown(SUMMARY, paper, 80) if "█" in line}
    assert bars["Make the cluster with kubeadm"] == pytest.approx(4 * bars["Prove the cluster"], abs=4)


def test_long_names_leave_the_first_role(paper: Any) -> None:
    lines = shown(
        replace(SUMMARY, nodes=(replace(PLANE, name="control-plane-1", address="192.168.100.101"),)), paper, 66
    )
    assert "  control-plane-1  192.168.100.101  control-plane  ✓ yes  v1.20.2" in lines


def test_commands_are_never_broken(paper: Any) -> None:
    lines = shown(SUMMARY, paper, 40)
    assert "    export KUBECONFIG=inventory/lab/artifacts/kubeconfig" in lines


def test_a_node_that_is_not_ready_is_named(paper: Any) -> None:
    lines = shown(replace(SUMMARY, nodes=(PLANE, replace(WORKER, ready=False))), paper)
    assert "✗ lab is not whole: 1 of 2 nodes ready  1 control plane and 1 worker" in lines
    assert any(re.search(r"w101-k8s .* ✗ no ", line) for line in lines)


def test_a_second_run_says_that_nothing_changed(paper: Any) -> None:
    assert "  nothing to change on 3 hosts, in 1m 42s" in shown(replace(SUMMARY, changed_tasks=0), paper)


def test_a_run_that_ends_before_the_cluster_claims_nothing(paper: Any) -> None:
    lines = shown(Summary("lab", (), SUMMARY.phases[:1], 2.0, 0, 0), paper)
    assert [line.rstrip() for line in lines[:3]] == ["", "✓ lab is as far as it was asked to be", "  in 2.0s"]


def test_external_etcd_is_told_from_workers(paper: Any) -> None:
    nodes = (PLANE, replace(WORKER, roles=("etcd",)), WORKER)
    assert any(
        "1 control plane, 1 etcd member and 1 worker" in line for line in shown(replace(SUMMARY, nodes=nodes), paper)
    )


def test_ascii(paper: Any) -> None:
    text = "\n".join(shown(SUMMARY, paper, 60, encoding="ascii"))
    assert "?" not in text
    assert "+ lab is up" in text


def test_little_to_say_is_said_briefly(paper: Any) -> None:
    bare = Summary("lab", (PLANE,), (), 1.0, 1, 0)
    assert len(shown(bare, paper)) == 7


def test_what_the_run_warned_of_and_the_lock_says_too_is_told_once(paper: Any) -> None:
    again = Notice("warning", "CoreDNS is left out: no module proxy answers", "Services have no names")
    lines = shown(replace(SUMMARY, notices=(again,)), paper, 120)
    assert len([line for line in lines if "CoreDNS" in line]) == 1
