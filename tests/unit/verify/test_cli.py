"""kprov preflight and kprov verify before any machine was ever reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.cli.main import run

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """\
cluster: book
kubernetes: {version: 1.20.2}
nodes:
  m1: {address: 10.0.0.11, roles: [control-plane, etcd]}
network: {plugin: bridge}
bundle: {source: packages}
"""


@pytest.mark.parametrize("command", ["preflight", "verify"])
def test_without_trust_the_command_is_refused_and_leaves_nothing(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(SPEC)
    junit = tmp_path / "junit.xml"
    assert run([command, "-f", str(file), "--junit", str(junit)]) == 2
    told = capsys.readouterr()
    assert "there is no SSH configuration yet" in told.err
    assert told.out == ""
    assert not junit.exists()
