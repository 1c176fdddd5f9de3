"""Findings as checks: one per rule and machine, as reports want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.preflight.judge import REACHABLE, rule_names
from kprov.report.model import Check

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kprov.preflight.finding import Finding


def checks(findings: Iterable[Finding], hosts: Sequence[str]) -> tuple[Check, ...]:
    """One check per rule and machine: failed by an error; passed with what a warning or info says.

    A machine that cannot be reached has one check, an ``error``, and no others.

    >>> found = checks((), ["m1"])
    >>> len(found) == len(rule_names()), {check.outcome for check in found}
    (True, {'passed'})
    """
    said = {(each.rule, host): each for each in findings for host in each.hosts}
    silent = {host for rule, host in said if rule == REACHABLE}
    return tuple(
        _check(rule, host, said.get((rule, host)))
        for host in hosts
        for rule in rule_names()
        if host not in silent or rule == REACHABLE
    )


def _check(rule: str, host: str, finding: Finding | None) -> Check:
    if finding is None:
        return Check("preflight", rule, host, "passed", 0.0)
    message = f"{finding.what}: {finding.why}"
    if finding.level != "error":
        return Check("preflight", rule, host, "passed", 0.0, f"{finding.level}: {message}", finding.remedy)
    return Check("preflight", rule, host, "error" if rule == REACHABLE else "failed", 0.0, message, finding.remedy)
