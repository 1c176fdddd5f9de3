from __future__ import annotations

import pytest

from tests.unit.ansible.harness import Programs


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Fake programs, first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    made = Programs(folder)
    monkeypatch.setenv("PATH", made.path)
    return made
