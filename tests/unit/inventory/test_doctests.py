from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kprov.inventory

MODULES = [module.name for module in pkgutil.iter_modules(kprov.inventory.__path__, "kprov.inventory.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
