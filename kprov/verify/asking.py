"""How the jobs of a verification speak with a control plane: commands out, answers back, again until it is done."""

from __future__ import annotations

import json
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


def wait_for(
    look: Callable[[], Seen], done: Callable[[Seen], bool], stop: Event, deadline_s: float | None = None
) -> Seen:
    """Look until it is done, time is over or the run is stopped; return what was seen last."""
    began, deadline_s = time.monotonic(), DEADLINE_S if deadline_s is None else deadline_s
    while True:
        seen = look()
        if done(seen) or time.monotonic() - began > deadline_s or stop.wait(POLL_S):
            return seen
