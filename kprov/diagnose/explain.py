"""From the evidence to an explanation: the likely cause, the line that tells it, the remedy, where the logs are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.diagnose.causes import CAUSES
from kprov.diagnose.evidence import LOGS, bare

if TYPE_CHECKING:
    from kprov.diagnose.evidence import Evidence

_LENGTH: Final = 300
"""The longest line that is quoted whole."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why it failed, as far as it can be told; ``name`` is empty where no known cause fits.

    ``cause`` is a clause with the line that tells it, ``remedy`` a sentence, ``logs`` the places on the node to read.
    """

    name: str
    cause: str
    remedy: str
    logs: tuple[str, ...]


def explain(evidence: Evidence) -> Explanation:
    """The first known cause that the evidence tells, in the order of ``CAUSES``; what the task itself said comes first.

    >>> from kprov.diagnose.evidence import Evidence
    >>> explain(Evidence("kubeadm init: [ERROR Swap]: running with swap on is not supported")).name
    'swap-on'
    >>> explain(Evidence("something else")).cause
    ''
    """
    logs = tuple(place for name, place in LOGS.items() if evidence.text(name))
    told = [(cause, *cause.told_by(evidence)) for cause in CAUSES]
    found = [each for each in told if each[1]]
    # A log may still hold the errors of an earlier run; what the failed task says itself is of this one.
    for cause, source, line in sorted(found, key=lambda each: each[1] != "task"):
        quoted = _quoted(source, line)
        return Explanation(cause.name, f"{cause.says}{quoted}", cause.remedy, logs)
    return Explanation("", "", "", logs)


def _quoted(source: str, line: str) -> str:
    """The line that tells it, with where it stands; the task's own words are shown anyway."""
    if source == "task":
        return ""
    text = bare(line)
    shown = text if len(text) <= _LENGTH else f"{text[:_LENGTH]} ..."
    return f" ({shown})" if source == "facts" else f"\n{LOGS.get(source, source)}: {shown}"
