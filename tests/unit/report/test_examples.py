"""The examples in the docstrings of what a person sees hold."""

import doctest
from importlib import import_module
from pkgutil import iter_modules

import pytest

import kprov.console
import kprov.journal
import kprov.report

MODULES = [
    f"{package.__name__}.{module.name}"
    for package in (kprov.console, kprov.journal, kprov.report)
    for module in iter_modules(package.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_hold(name: str) -> None:
    assert doctest.testmod(import_module(name)).failed == 0
