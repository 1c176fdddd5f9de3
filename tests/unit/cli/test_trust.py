"""What `kprov trust` refuses before any machine is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

NODES = "cluster: book\nnodes:\n  m1: {address: 10.0.0.11, roles: [control-plane]}\n"


def trust(folder: Path, *words: str, more: str = "") -> int:
    (folder / "cluster.yaml").write_text(NODES + more)
    return run(["trust", "-f", str(folder / "cluster.yaml"), *words])


@pytest.mark.parametrize("words", [["--mesh"], ["--sudo", "nopasswd"], ["--accept-new"], ["--password-file", "x"]])
def test_revoke_goes_alone(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trust(tmp_path, "--revoke", *words) == 2
    assert "--revoke undoes everything" in capsys.readouterr().err
    assert not (tmp_path / "artifacts").exists()


def test_a_lab_is_not_locked_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trust(tmp_path, "--revoke", more="lab: {provider: podman}\nnetwork: {plugin: bridge}\n") == 2
    assert "kprov lab down" in capsys.readouterr().err


def test_nothing_pinned_is_nothing_to_undo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert trust(tmp_path, "--revoke") == 0
    assert "nothing to undo" in capsys.readouterr().out
    assert not (tmp_path / "artifacts" / "ssh").exists(), "no key is made to undo what never was"


@pytest.mark.parametrize(("content", "told"), [(b"", "is empty"), (b"\xff\n", "cannot read the password file")])
def test_a_password_file_that_has_none(
    content: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "password").write_bytes(content)
    assert trust(tmp_path, "--password-file", str(tmp_path / "password")) == 2
    assert told in capsys.readouterr().err
