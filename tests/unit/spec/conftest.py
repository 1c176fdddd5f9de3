from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kprov.errors import SpecError
from kprov.spec.load import loads

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprov.errors import Problem

BASE = """\
cluster: lab
nodes:
  m[1:3]: {address: "10.98.0.[11:13]", roles: [control-plane, etcd]}
  w1: {address: 10.98.0.101, roles: [worker]}
"""


@pytest.fixture
def base() -> str:
    """A valid file of four lines: three control planes and a worker; more sections may be put below."""
    return BASE


@pytest.fixture
def problems() -> Callable[[str], tuple[Problem, ...]]:
    """The problems of a text that must have some."""

    def found(text: str) -> tuple[Problem, ...]:
        with pytest.raises(SpecError) as caught:
            loads(text, "cluster.yaml")
        assert caught.value.exit_code == 2
        return caught.value.problems

    return found


@pytest.fixture
def only(problems: Callable[[str], tuple[Problem, ...]]) -> Callable[[str], Problem]:
    """The one problem of a text that must have exactly one."""

    def found(text: str) -> Problem:
        (problem,) = problems(text)
        return problem

    return found
