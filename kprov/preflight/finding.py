"""What preflight has to say: remarks of rules, findings made of them, one finding on several hosts told once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kprov.events import Level

_ORDER: Final[dict[Level, int]] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Remark:
    """What a rule says about the machine it was given, or about ``hosts`` where it was given all of them.

    An ``error`` stops ``up``, a ``warning`` does not, an ``info`` tells what ``up`` will change. ``what`` is a clause
    without a full stop, ``why`` what was seen, ``remedy`` an imperative sentence. ``fixable``:
    ``preflight --fix`` does it.
    """

    level: Level
    what: str
    why: str
    remedy: str
    hosts: tuple[str, ...] = ()
    fixable: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A remark with the name of its rule (``swap-off``) and the hosts that it holds for."""

    rule: str
    level: Level
    hosts: tuple[str, ...]
    what: str
    why: str
    remedy: str
    fixable: bool = False


def finding(rule: str, remark: Remark, *hosts: str) -> Finding:
    """The remark as a finding of this rule."""
    return Finding(rule, remark.level, hosts or remark.hosts, remark.what, remark.why, remark.remedy, remark.fixable)


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with those that differ in nothing but the host made one; errors first, then in the order of finding.

    >>> one = Finding("swap-off", "info", ("m1",), "swap is on", "/dev/sda2", "Nothing.")
    >>> [f.hosts for f in merged([one, replace(one, hosts=("w1",)), replace(one, why="/swap", hosts=("w2",))])]
    [('m1', 'w1'), ('w2',)]
    """
    groups: dict[Finding, tuple[str, ...]] = {}
    for each in findings:
        key = replace(each, hosts=())
        groups[key] = tuple(dict.fromkeys((*groups.get(key, ()), *each.hosts)))
    together = (replace(key, hosts=hosts) for key, hosts in groups.items())
    return by_remedy(sorted(together, key=lambda each: _ORDER[each.level]))


def by_remedy(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings with those together that the same thing helps against, each group where its first one stood.

    >>> two = [Finding("a", "error", ("m1",), "", "", "Do x."), Finding("b", "error", ("m1",), "", "", "Do y.")]
    >>> [f.rule for f in by_remedy([*two, Finding("c", "info", ("m1",), "", "", "Do x.")])]
    ['a', 'c', 'b']
    """
    groups: dict[str, list[Finding]] = {}
    for each in findings:
        groups.setdefault(each.remedy, []).append(each)
    return tuple(each for group in groups.values() for each in group)
