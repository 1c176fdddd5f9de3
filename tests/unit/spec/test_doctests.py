from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import kprov.spec

MODULES = [module.name for module in pkgutil.walk_packages(kprov.spec.__path__, "kprov.spec.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
