"""Errors as blocks of what, where, why and what to do."""

import pytest

from kprov.console.errors import render_error
from kprov.errors import InputError, PlaybookError, Problem, SpecError

SPEC = SpecError(
    [
        Problem(
            "lab/cluster.yaml", 12, "nodes.m1.address", "999.1.1.1 is not an IPv4 address", "an address: 10.0.0.11"
        ),
        Problem("lab/cluster.yaml", 3, "kubernetes.version", "1.36 is not a full version", "three numbers: 1.36.4"),
        Problem("lab/cluster.yaml", 0, "", "the file has no nodes", "at least one node"),
    ]
)


def test_all_problems_of_a_file_at_once_in_the_order_of_lines() -> None:
    assert render_error(SPEC, width=None, color=False).splitlines() == [
        "error: 3 problems in lab/cluster.yaml",
        "",
        "  lab/cluster.yaml",
        "    wrong: the file has no nodes",
        "    right: at least one node",
        "  lab/cluster.yaml:3   kubernetes.version",
        "    wrong: 1.36 is not a full version",
        "    right: three numbers: 1.36.4",
        "  lab/cluster.yaml:12  nodes.m1.address",
        "    wrong: 999.1.1.1 is not an IPv4 address",
        "    right: an address: 10.0.0.11",
        "",
        "  do: Mend the lines named above; nothing was changed.",
    ]


def test_lines_of_a_reason_stay_lines() -> None:
    error = PlaybookError("a task failed", where="m1", why="timed out\n  see the journal", remedy="Look.")
    assert render_error(error, width=None, color=False).splitlines() == [
        "error: a task failed",
        "  where: m1",
        "  why:   timed out",
        "           see the journal",
        "  do:    Look.",
    ]


@pytest.mark.parametrize("width", [40, 80])
def test_wrapped_with_a_hanging_indent(width: int) -> None:
    error = InputError("no", why="words " * 40, remedy="Mend it.")
    lines = render_error(error, width=width, color=False).splitlines()
    assert len(lines) > 3
    assert all(len(line) <= width for line in lines)
    assert all(line.startswith("       words") for line in lines[2:-1])


def test_colour_only_where_wanted() -> None:
    assert "\x1b[" not in render_error(SPEC, width=80, color=False)
    assert render_error(SPEC, width=80, color=True).startswith("\x1b[1;31merror:")
