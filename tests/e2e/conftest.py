from __future__ import annotations

import pytest

from tests.e2e.made import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here makes real nodes; where that cannot be, it says what is missing."""
    why = missing()
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.lab)
            if why:
                item.add_marker(pytest.mark.skip(reason=why))
