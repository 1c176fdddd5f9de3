"""What holds for all tests."""

from __future__ import annotations

import ansible.module_utils
import pytest

from kprov import project
from tests.e2e.made import missing

# Ansible puts a project's own helpers of modules beside its own; so do the tests that import modules.
ansible.module_utils.__path__.append(str(project.plugins() / "module_utils"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in ``e2e`` make real machines; every test that does is skipped, by name, where that cannot be."""
    why = missing()
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.lab)
        if why and item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.skip(reason=why))
