"""Findings as reports and exit codes take them."""

from __future__ import annotations

import pytest

from kprov.cli.preflight import exit_code
from kprov.preflight import Finding, rule_names
from kprov.preflight.checks import checks


def finding(rule: str, level: str, *hosts: str) -> Finding:
    return Finding(rule, level, hosts, "what", "why", "Do.")  # type: ignore[arg-type]


def test_every_rule_is_a_check_on_every_machine_that_answered() -> None:
    found = [finding("python", "error", "m1"), finding("memory", "warning", "m1"), finding("reachable", "error", "w1")]
    made = checks(found, ["m1", "w1"])
    assert len([check for check in made if check.host == "m1"]) == len(rule_names())
    assert [(check.name, check.outcome) for check in made if check.host == "w1"] == [("reachable", "error")]
    by_name = {check.name: check for check in made if check.host == "m1"}
    assert (by_name["python"].outcome, by_name["python"].message) == ("failed", "what: why")
    assert (by_name["memory"].outcome, by_name["memory"].message) == ("passed", "warning: what: why")
    assert by_name["swap-off"].message == ""


def test_one_rule_may_say_several_things_of_a_machine_and_an_error_among_them_counts() -> None:
    found = [
        finding("ports-free", "error", "m1"),
        finding("ports-free", "error", "m1"),
        finding("ports-free", "info", "m1"),
    ]
    (check,) = [each for each in checks(found, ["m1"]) if each.name == "ports-free"]
    assert (check.outcome, check.message, check.evidence) == ("failed", "what: why; what: why", "Do.")


@pytest.mark.parametrize(
    ("findings", "code"),
    [
        ([], 0),
        ([finding("memory", "warning", "m1"), finding("swap-off", "info", "m1")], 0),
        ([finding("python", "error", "m1")], 1),
        ([finding("python", "error", "m1"), finding("reachable", "error", "w1")], 3),
    ],
)
def test_the_exit_code_says_what_kind_of_no_it_was(findings: list[Finding], code: int) -> None:
    assert exit_code(findings) == code
