"""Runs a module in this process, as Ansible would on a node, with fake programs in the place of the real ones."""

from __future__ import annotations

import contextlib
import io
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from ansible.module_utils.testing import patch_module_args

if TYPE_CHECKING:
    from pathlib import Path


def converge(module, *, check=False, **arguments):
    """What the module answers to these arguments."""
    out = io.StringIO()
    given = {**arguments, "_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}
    with patch_module_args(given), contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        module.main()
    return json.loads(out.getvalue())


@dataclass(frozen=True)
class Programs:
    """A folder of fake programs that note how they were called."""

    folder: Path

    @property
    def path(self):
        """The value of ``PATH``: the fakes before the real ones."""
        return f"{self.folder}:{os.defpath}"

    @property
    def calls(self):
        """Every call in order, without the folder."""
        log = self.folder / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def add(self, name, body="exit 0"):
        """Make a program of a shell script."""
        program = self.folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.folder}/calls\n{body}\n')
        program.chmod(0o755)
