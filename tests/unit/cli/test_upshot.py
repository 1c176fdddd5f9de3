"""What the summary at the end of ``kprov up`` knows of networks and add-ons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.ansible.runner import AnsiblePlaybooks
from kprov.cli.upshot import summary_of
from kprov.events import Notice, RunStarted
from kprov.journal.folders import EVENTS
from kprov.journal.journal import Journal
from kprov.phases.addons import Rendered
from kprov.phases.base import Context
from kprov.release.catalog import resolve
from kprov.report.model import NodeRow, Summary
from kprov.spec.load import load

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
cluster: shop
nodes: {m1: {address: 10.0.0.11, roles: [control-plane]}, w1: {address: 10.0.0.21, roles: [worker]}}
lab: {provider: podman}
network: {plugin: weave}
bundle: {source: packages}
"""
WEAVE = Rendered("weave", "2.8.1", notes=("Weave Net has no maker any more.",))
TOP = Rendered("metrics-server", "0.9.0")
OPEN = Rendered("dashboard", "0.45.0", alarms=("The dashboard stands open.",))
NODE = NodeRow("m1", "10.0.0.11", ("control-plane",), True, "v1.20.2")


def test_only_what_was_made_is_proposed_next(tmp_path):
    assert any("kprov up" in step for step in summary(tmp_path, nodes=()).next_steps)
    assert any("verify" in step for step in summary(tmp_path).next_steps)


def summary(
    folder: Path, more: str = "", *addons: Rendered, nodes: tuple[NodeRow, ...] = (NODE,), file: str = FILE
) -> Summary:
    (folder / "cluster.yaml").write_text(file + more)
    loaded = load(folder / "cluster.yaml")
    with Journal(folder / EVENTS) as journal:
        journal(RunStarted("up", "shop", ()))
        for addon in addons:
            for alarm in addon.alarms:
                journal(Notice("warning", alarm))
    return summary_of(
        Context(
            loaded=loaded,
            release=resolve(loaded.spec, file="cluster.yaml"),
            provider=None,
            playbooks=AnsiblePlaybooks(loaded.paths.inventory, folder / "ansible.log", "linear"),
            store=folder / "store",
            run=folder,
            emit=print,
            addons=addons,
            nodes=nodes,
        )
    )


def facts(of: Summary) -> dict[str, str]:
    return {fact.name: fact.value for fact in of.facts}


def test_network_and_add_ons_with_their_versions_and_notes(tmp_path: Path) -> None:
    done = summary(tmp_path, "addons: {metrics-server: {}}\n", WEAVE, TOP)
    assert facts(done)["Network"].startswith("weave 2.8.1, pods ")
    assert facts(done)["Add-ons"] == "metrics-server 0.9.0"
    assert "Dashboard" not in facts(done)
    assert done.notes == WEAVE.notes


def test_without_add_ons_nothing_is_said_of_them(tmp_path: Path) -> None:
    assert {"Add-ons", "Dashboard"}.isdisjoint(facts(summary(tmp_path, "", WEAVE)))


def test_a_network_of_the_users_own_is_no_add_on(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").touch()
    own = "network: {plugin: none, manifests: [{file: net.yaml}]}\n"
    done = summary(tmp_path, own, Rendered("network", ""), file=FILE.replace("network: {plugin: weave}\n", ""))
    assert facts(done)["Network"].startswith("none, pods ")
    assert "Add-ons" not in facts(done)


def test_a_dashboard_with_a_login_tells_what_to_type(tmp_path: Path) -> None:
    done = summary(tmp_path, "addons: {dashboard: {kind: headlamp}}\n", WEAVE, Rendered("dashboard", "0.45.0"))
    assert facts(done)["Dashboard"] == "headlamp 0.45.0, by token: kprov dashboard"
    assert any(step.startswith("kprov dashboard -f ") for step in done.next_steps)
    assert done.alarms == ()


def test_an_open_dashboard_tells_its_address_and_alarms_once(tmp_path: Path) -> None:
    done = summary(tmp_path, "addons: {dashboard: {kind: headlamp, access: lab-open}}\n", WEAVE, OPEN)
    assert facts(done)["Dashboard"] == "headlamp 0.45.0, http://10.0.0.11:31000 and at every other node"
    assert done.alarms == OPEN.alarms
    assert done.notices == ()


@pytest.mark.parametrize("access", ["token", "lab-open"])
def test_before_there_is_a_cluster_nobody_is_let_in(access: str, tmp_path: Path) -> None:
    done = summary(tmp_path, f"addons: {{dashboard: {{kind: headlamp, access: {access}}}}}\n", WEAVE, OPEN, nodes=())
    assert done.alarms == ()
    assert not any("kprov dashboard" in step for step in done.next_steps)


def test_commands_to_copy_begin_with_what_starts_this_very_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / ".venv/bin/kprov"
    own.parent.mkdir(parents=True)
    own.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(own), "up"])
    monkeypatch.setenv("PATH", "/nowhere")
    assert summary(tmp_path, "", WEAVE).next_steps[-1].startswith(".venv/bin/kprov ")
    monkeypatch.setenv("PATH", str(own.parent))
    assert summary(tmp_path, "", WEAVE).next_steps[-1].startswith("kprov ")
