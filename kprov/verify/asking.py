"""How the jobs of a verification speak with a control plane: commands out, answers back, again until it is done."""

from __future__ import annotations

import json
import math
import shlex
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from kprov.ssh.batch import Answer
from kprov.verify.questions import KUBECTL

if TYPE_CHECKING:
    from threading import Event

Ask: TypeAlias = Callable[[Mapping[str, str]], Mapping[str, Answer]]
"""Runs commands on a control plane, all in one go; the answers are by the same names."""

DEADLINE_S: Final = 45.0
"""A pod whose image lies on the node runs after two or three seconds; a busy machine of two cores has taken fifteen."""
POLL_S: Final = 0.3
USUAL_S: Final = 2.0
"""A control plane that takes longer for a round of questions is a slow machine: emulated, or overloaded."""
MOST: Final = 8.0
"""No deadline grows to more than so many times its length."""
_CREATE: Final = "create."

Seen = TypeVar("Seen")


def creations(objects: Mapping[str, Mapping[str, object]], what: str = "") -> dict[str, str]:
    """The commands that make objects, given by the API path that each is created at.

    >>> list(creations({"/api/v1/namespaces": {"kind": "Namespace"}}))
    ['create.0']
    """
    prefix = f"{_CREATE}{what}." if what else _CREATE
    return {
        f"{prefix}{number}": f"printf '%s' {shlex.quote(json.dumps(body))} | {KUBECTL} create --raw {path} -f -"
        for number, (path, body) in enumerate(objects.items())
    }


def refusal(answers: Mapping[str, Answer]) -> str:
    """What the API server said to an object that it would not make; empty where all are there.

    One may be there already: a control plane made it before it fell silent.
    """
    for name, answer in answers.items():
        if name.startswith(_CREATE) and not answer.ok and "already exists" not in answer.text:
            return answer.text.splitlines()[-1] if answer.text else "kubectl create failed without a word"
    return ""


class Pace:
    """How slow the machines are, by the quickest round of answers; deadlines grow with it.

    By the quickest, as in a cluster that is unwell some answers are slow and others are not.
    """

    def __init__(self) -> None:
        self._quickest_s = math.inf

    def timed(self, look: Callable[[], Seen]) -> Seen:
        """What a look sees; the time that it takes is noted."""
        began = time.monotonic()
        seen = look()
        self._quickest_s = min(self._quickest_s, time.monotonic() - began)
        return seen

    def allowed(self, deadline_s: float) -> float:
        """How long to wait for what takes at most so long on a machine of usual speed.

        >>> pace = Pace()
        >>> pace.timed(lambda: "quick"), pace.allowed(45.0)
        ('quick', 45.0)
        """
        if not math.isfinite(self._quickest_s):
            return deadline_s
        return deadline_s * min(max(self._quickest_s / USUAL_S, 1.0), MOST)


def wait_for(
    look: Callable[[], Seen], done: Callable[[Seen], bool], stop: Event, deadline_s: float | None = None
) -> Seen:
    """Look until it is done, time is over or the run is stopped; return what was seen last.

    Where the looks themselves are slow, there is more time: see ``Pace``.
    """
    began, deadline_s, pace = time.monotonic(), DEADLINE_S if deadline_s is None else deadline_s, Pace()
    while True:
        seen = pace.timed(look)
        if done(seen) or time.monotonic() - began > pace.allowed(deadline_s) or stop.wait(POLL_S):
            return seen
