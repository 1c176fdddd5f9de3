"""Golden files: what was rendered once and looked at. ``pytest tests/golden --update`` writes them anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LIST_ALL = """
import os, sys
from ansible.cli.inventory import InventoryCLI
from ansible.inventory.manager import InventoryManager
from ansible.plugins.loader import inventory_loader, vars_loader

folder, *sources = sys.argv[1:]
for number, source in enumerate(sources):
    if os.fork() == 0:
        sys.stdout = open(f"{folder}/{number}", "w")
        InventoryCLI.cli_executor(["ansible-inventory", "--list", "-i", source])
    if os.wait()[1]:
        sys.exit(f"{source} cannot be read")
"""


FOLDER = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="Write the golden files instead of comparing with them.")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file of this name, a path inside of tests/golden."""
    update = request.config.getoption("--update", default=False)  # unknown where pytest was given only tests/

    def compare(name: str, text: str) -> None:
        file = FOLDER / name
        if update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        assert file.is_file(), f"there is no golden file {name} yet: run pytest tests/golden --update, and look at it"
        assert text == file.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="module")
def ansible_lists(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """The real ``ansible-inventory --list`` on many inventories, for the price of starting it once."""

    def run(sources: Sequence[Path], **environment: str) -> list[str]:
        scratch = tmp_path_factory.mktemp("ansible")
        done = subprocess.run(
            [sys.executable, "-P", "-c", LIST_ALL, scratch, *sources],
            cwd=scratch,
            env={"PATH": os.environ["PATH"], "HOME": str(scratch), "LC_ALL": "C.UTF-8", **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Unable to parse" not in done.stderr
        return [(scratch / str(number)).read_text() for number in range(len(sources))]

    return run
