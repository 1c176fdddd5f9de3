"""Golden files: what was rendered once and looked at. ``pytest tests/golden --update`` writes them anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

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
