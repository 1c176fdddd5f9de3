"""What holds for all tests."""

from __future__ import annotations

import pytest

from tests.e2e.made import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in ``e2e`` make real machines; every test that does is skipped, by name, where that cannot be."""
    why = missing()
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.lab)
        if why and item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.skip(reason=why))
