"""``kprov report``: the last run, as a file or on stdout."""

from pathlib import Path

import pytest

from kprov.cli import main
from kprov.events import PhaseFinished, PhaseStarted, RunStarted
from kprov.journal.folders import EVENTS, new_run_folder
from kprov.journal.journal import Journal


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """A cluster file's place with two runs, of which the last one was cut off."""
    for name in ("first", "second"):
        with Journal(new_run_folder(tmp_path / "artifacts" / "runs") / EVENTS) as journal:
            journal(RunStarted("up", name, ("lab",)))
            journal(PhaseStarted("lab", "Make the machines", 1, 1))
            if name == "first":
                journal(PhaseFinished("lab", "done", 1.0))
    new_run_folder(tmp_path / "artifacts" / "runs")  # a run that died before its first event
    return tmp_path / "cluster.yaml"


def test_the_last_run_becomes_a_page(cluster: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["report", "-f", str(cluster), "--to", str(tmp_path / "page.html")]) == 0
    assert capfd.readouterr().out == f"{tmp_path / 'page.html'}\n"
    page = (tmp_path / "page.html").read_text()
    assert "second" in page
    assert "stopped before its end" in page


def test_beside_the_run_or_on_stdout(cluster: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["report", "-f", str(cluster)]) == 0
    path = Path(capfd.readouterr().out.strip())
    assert path.parent.parent == cluster.parent / "artifacts" / "runs"
    assert main.run(["report", "-f", str(cluster), "--to", "-"]) == 0
    assert capfd.readouterr().out.strip() == path.read_text().strip()


def test_no_run_or_no_place(cluster: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main.run(["report", "-f", str(tmp_path / "other" / "cluster.yaml")]) == 2
    assert "there is no run to report" in capfd.readouterr().err
    assert main.run(["report", "-f", str(cluster), "--to", str(tmp_path / "no" / "page.html")]) == 2
    assert "cannot write the report" in capfd.readouterr().err
