"""Findings as checks: one per rule and machine, as reports want them."""

from __future__ import annotations

from collections import defaultdict
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
    said: defaultdict[tuple[str, str], list[Finding]] = defaultdict(list)
    for each in findings:
        for host in each.hosts:
            said[each.rule, host].append(each)
    silent = {host for rule, host in said if rule == REACHABLE}
    return tuple(
        _check(rule, host, said.get((rule, host), ()))
        for host in hosts
        for rule in rule_names()
        if host not in silent or rule == REACHABLE
    )


def _check(rule: str, host: str, findings: Sequence[Finding]) -> Check:
    errors = [each for each in findings if each.level == "error"]
    told = errors or findings
    remedies = "\n".join(dict.fromkeys(each.remedy for each in told))
    if not errors:
        message = "; ".join(f"{each.level}: {each.what}: {each.why}" for each in told)
        return Check("preflight", rule, host, "passed", 0.0, message, remedies)
    message = "; ".join(f"{each.what}: {each.why}" for each in told)
    return Check("preflight", rule, host, "error" if rule == REACHABLE else "failed", 0.0, message, remedies)
