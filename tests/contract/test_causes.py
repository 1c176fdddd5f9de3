"""What docs/troubleshooting.md says of causes is what a user is told."""

from __future__ import annotations

from pathlib import Path

from kprov.diagnose.causes import CAUSES

DOCUMENT = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def test_the_document_has_every_cause_as_a_user_is_told_it() -> None:
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert rows == [f"| `{cause.name}` | {cause.says} | {cause.remedy} |" for cause in CAUSES]
