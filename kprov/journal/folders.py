"""The folders of runs: one per run, named by its time, the newest fifty kept."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = "events.jsonl"
PAGE = "report.html"
_KEPT = 50
_NAME = re.compile(r"(\d{8}T\d{6}Z)(?:-(\d+))?")


def new_run_folder(runs: Path) -> Path:
    """Make the folder of a run that begins now, ``20261121T071502Z`` (mode 0700), and remove all but the newest fifty.

    A second run within the same second gets ``20261121T071502Z-2``.

    Raises:
        OSError: it cannot be made.
    """
    runs.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    for number in count(1):
        folder = runs / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        break
    for old in run_folders(runs)[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def run_folders(runs: Path) -> tuple[Path, ...]:
    """The folders of all runs, the oldest first; anything else that lies there is passed over."""
    if not runs.is_dir():
        return ()
    named = ((_NAME.fullmatch(f.name), f) for f in runs.iterdir() if f.is_dir() and not f.is_symlink())
    return tuple(f for _, f in sorted((_age(match), f) for match, f in named if match))


def _age(match: re.Match[str]) -> tuple[str, int]:
    return match[1], int(match[2] or 1)
