"""``kprov addons``: the cluster file changed in its place, or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kprov.cli import main, up

Run = Callable[..., str]

FILE = """\
cluster: shop   # ours
kubernetes: {version: 1.34.9}
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane]}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder with a cluster file; returns all that it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KPROV_FILE", raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    Path("cluster.yaml").write_text(FILE)

    def command(*words: str, code: int = 0) -> str:
        assert main.run(words) == code
        out, err = capfd.readouterr()
        return out + err

    return command


def test_enabling_writes_and_says_the_lines_and_keeps_the_rest(run: Run) -> None:
    said = run("addons", "enable", "metallb", "addresses=10.0.0.200-10.0.0.210")
    added = "  metallb: {addresses: [10.0.0.200-10.0.0.210]}"
    assert Path("cluster.yaml").read_text() == f"{FILE}addons:\n{added}\n"
    assert f"+ {added}" in said
    assert "kprov up" in said
    assert list(Path().iterdir()) == [Path("cluster.yaml")]


def test_enabling_twice_writes_once(run: Run) -> None:
    run("addons", "enable", "metrics-server")
    before = Path("cluster.yaml").stat()
    assert "nothing to change" in run("addons", "enable", "metrics-server")
    assert Path("cluster.yaml").stat().st_ino == before.st_ino
    run("addons", "disable", "metrics-server")
    assert "nothing to change" in run("addons", "disable", "metrics-server")


def test_what_is_to_be_known_of_it_is_told_at_once(run: Run) -> None:
    assert "archived" in run("addons", "enable", "kubernetes-dashboard")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("enable", "metallb"), "addons.metallb.addresses"),
        (("enable", "metallb", "addresses=10.9.9.1-10.9.9.9"), "not within the nodes' network"),
        (("enable", "coredns", "replicas=many"), "addons.coredns.replicas"),
        (("enable", "coredns", "replica=2"), "addons.coredns.replica"),
        (("enable", "headlamp", "access=lab-open"), "--yes-really"),
        (("enable", "no-such"), "no such add-on"),
        (("disable", "no-such"), "no such add-on"),
    ],
)
def test_what_cannot_be_is_refused_and_the_file_untouched(words: tuple[str, ...], told: str, run: Run) -> None:
    assert told in run("addons", *words, code=2)
    assert Path("cluster.yaml").read_text() == FILE


def test_a_version_that_does_not_serve_this_kubernetes_is_refused(run: Run) -> None:
    old = FILE.replace("1.34.9", "1.20.2") + "network: {plugin: bridge}\nbundle: {source: packages}\n"
    Path("cluster.yaml").write_text(old)
    assert "no metallb serves" in run("addons", "enable", "metallb", "addresses=10.0.0.200-10.0.0.210", code=2)
    assert Path("cluster.yaml").read_text() == old


def test_a_file_that_is_wrong_already_is_told_with_its_lines(run: Run) -> None:
    Path("cluster.yaml").write_text(FILE.replace("nodes:", "node:"))
    assert "cluster.yaml:3" in run("addons", "enable", "metrics-server", code=2)


def test_an_open_door_without_a_lab_can_be_had_and_closed(run: Run) -> None:
    assert "stands open" in run("addons", "enable", "headlamp", "access=lab-open", "--yes-really")
    assert "--yes-really" in run("addons", "enable", "metrics-server", code=2)
    assert "headlamp" in run("addons", "list")
    run("addons", "disable", "dashboard")
    run("addons", "enable", "metrics-server")


@pytest.mark.parametrize(
    "words",
    [("verify",), ("preflight",), ("lab", "ssh", "m1"), ("dashboard",), ("trust", "m2"), ("addons", "list")],
)
def test_a_cluster_that_was_made_so_can_be_looked_at(
    words: tuple[str, ...], run: Run, capfd: pytest.CaptureFixture[str]
) -> None:
    run("addons", "enable", "headlamp", "access=lab-open", "--yes-really")
    assert main.run(words) in (0, 2)
    assert "yes-really" not in capfd.readouterr().err


def test_mode_and_link_of_the_file_stay(run: Run, tmp_path: Path) -> None:
    real = tmp_path / "real.yaml"
    Path("cluster.yaml").rename(real)
    real.chmod(0o600)
    Path("cluster.yaml").symlink_to(real)
    run("addons", "enable", "metrics-server")
    assert Path("cluster.yaml").is_symlink()
    assert "metrics-server" in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


@pytest.mark.parametrize("words", [("enable", "metrics-server"), ("disable", "metrics-server")])
def test_apply_runs_up_on_the_same_file(words: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    monkeypatch.setattr(up.up, "callback", lambda **words: given.append((words["file"], words["yes_really"])))
    run("addons", *words, "--apply")
    assert given == [(Path("cluster.yaml"), False)]


def test_the_list_as_json(run: Run) -> None:
    run("addons", "enable", "headlamp")
    found = {each["name"]: each for each in json.loads(run("addons", "list", "-o", "json"))}
    assert (found["headlamp"]["enabled"], found["headlamp"]["version"]) == (True, "0.45.0")
    assert (found["metallb"]["enabled"], found["metallb"]["kind"]) == (False, "service")


def test_the_list_for_people(run: Run) -> None:
    Path("cluster.yaml").write_text(FILE.replace("1.34.9", "1.20.2"))
    lines = {line.split()[0]: line for line in run("addons", "list").splitlines()}
    assert "none for 1.20" in lines["metallb"]
    assert lines["calico"].split()[1:4] == ["network", "yes", "3.24.5"]


def test_what_another_changes_meanwhile_is_not_lost(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from kprov.addons import switch  # noqa: PLC0415 - it is patched here alone

    enable, faster = switch.enable, FILE.replace("shop ", "other")

    def slow(text: str, *rest: str) -> str:
        Path("cluster.yaml").write_text(faster)
        return enable(text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(switch, "enable", slow)
    assert "changed by somebody else" in run("addons", "enable", "metrics-server", code=2)
    assert Path("cluster.yaml").read_text() == faster


def test_commands_that_change_the_file_wait_for_each_other(run: Run) -> None:
    handle = os.open(".", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with ThreadPoolExecutor() as pool:
        other = pool.submit(run, "addons", "enable", "metrics-server")
        Path("cluster.yaml").write_text(FILE + "addons:\n  local-path-provisioner: {}\n")
        os.close(handle)
        other.result()
    assert "local-path-provisioner: {}\n  metrics-server: {}\n" in Path("cluster.yaml").read_text()
