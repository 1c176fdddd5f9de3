"""What add-ons answer: figures of every node, the dashboard behind its service and at the ports of nodes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from kprov.spec.addresses import host_port
from kprov.ssh.batch import NOT_ASKED, Answer
from kprov.verify.asking import wait_for
from kprov.verify.questions import KUBECTL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event

    from kprov.verify.asking import Ask
    from kprov.verify.promises import Door
    from kprov.verify.settings import Settings
    from kprov.verify.view import View

_CURL: Final = "curl -sSk -m 5 -o /dev/null -w '%{http_code}'"
_NOBODY: Final = (7, 28)
"""curl's exit codes for a connection that was refused, and for time that is over (curl.1)."""
_TRIES_S: Final = 3.0
_YOUNG_S: Final = 75.0
"""metrics-server asks every 15 s and needs two answers; a page's program takes some seconds to start."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered: ``metrics`` by the metrics API, ``doors`` by each address of a dashboard, as HTTP statuses."""

    metrics: Answer = NOT_ASKED
    doors: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def measured(self) -> frozenset[str]:
        """The nodes of which there are figures: those that ``kubectl top nodes`` prints."""
        items = json.loads(self.metrics.text)["items"] if self.metrics.ok else ()
        return frozenset(each["metadata"]["name"] for each in items)


def ask_services(ask: Ask, settings: Settings, view: View, stop: Event) -> Answers:
    """Ask until everything is as promised, or long enough."""
    addresses = {url for door in settings.promised.doors for url in urls(door, settings, view).values()}
    questions = {f"door.{number}": f"{_CURL} {url}" for number, url in enumerate(sorted(addresses))}
    if settings.promised.metrics:
        questions["metrics"] = f"{KUBECTL} get --raw /apis/metrics.k8s.io/v1beta1/nodes"
    if not questions:
        return Answers()

    def look() -> Answers:
        found = ask(questions)
        doors = {url: found[f"door.{number}"] for number, url in enumerate(sorted(addresses))}
        return Answers(found.get("metrics", NOT_ASKED), doors)

    def done(found: Answers) -> bool:
        measured = not settings.promised.metrics or found.measured.issuperset(view.ready_nodes)
        closed = {url for door in settings.promised.doors if not door.open for url in ports(door, settings).values()}
        right = (shut(each) if url in closed else answers_well(each) for url, each in found.doors.items())
        return measured and all(right)

    young = any(view.young(pod) for each in settings.promised.services for pod in view.pods_of(each))
    return wait_for(look, done, stop, _YOUNG_S if young else _TRIES_S)


def answers_well(answer: Answer) -> bool:
    """Whether a page came, or the way to one.

    >>> answers_well(Answer("200", 0)), answers_well(Answer("503", 0)), answers_well(Answer("000", 7))
    (True, False, False)
    """
    return answer.ok and answer.text[-3:-2] in ("2", "3")


def shut(answer: Answer) -> bool:
    """Whether nobody listens: the connection was refused, or nothing came back."""
    return answer.rc in _NOBODY


def urls(door: Door, settings: Settings, view: View) -> Mapping[str, str]:
    """Where the dashboard is asked for: at its service, under an empty name, and at its port of each node."""
    service = view.services.get((door.namespace, door.service))
    if service is None:
        return ports(door, settings)
    address, port = service["spec"]["clusterIP"], service["spec"]["ports"][0]["port"]
    return {"": f"{door.scheme}://{host_port(address, port)}/", **ports(door, settings)}


def ports(door: Door, settings: Settings) -> Mapping[str, str]:
    """The port of each node where an open dashboard answers, and nobody does where it is not open."""
    return {node.name: f"{door.scheme}://{host_port(node.address, door.port)}/" for node in settings.nodes}
