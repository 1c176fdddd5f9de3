"""A text's way through a volume: one pod writes it and dies, another one reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.verify.asking import creations, refusal, wait_for
from kprov.verify.manifests import NAME, claim, user_of_claim
from kprov.verify.questions import KUBECTL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event

    from kprov.ssh.batch import Answer
    from kprov.verify.asking import Ask
    from kprov.verify.pods import Object

_WRITER: Final = "writer"
_READER: Final = "reader"


@dataclass(frozen=True, slots=True)
class Trip:
    """How the way ended: ``failed`` says where and why, empty where the text came back; ``node`` had the volume."""

    failed: str = ""
    node: str = ""


def round_trip(ask: Ask, namespace: str, storage_class: str, stop: Event) -> Trip:
    """Send the namespace's own name, which nobody else writes, through a volume of the class."""
    writer = user_of_claim(namespace, _WRITER, f"echo {namespace} >/data/text; sync")
    reader = user_of_claim(namespace, _READER, "cat /data/text >$SAY")
    if refused := refusal(ask({**creations(claim(namespace, storage_class), "claim"), **creations(writer, "writer")})):
        return Trip(f"the API server refused: {refused}")
    wrote = _ended(ask, namespace, _WRITER, stop)
    if wrote.get("phase") != "Succeeded":
        return Trip(f"nothing was written: {_why(ask, namespace, _WRITER)}", str(wrote.get("node", "")))
    gone = {"gone": f"{KUBECTL} delete --raw /api/v1/namespaces/{namespace}/pods/{_WRITER}"}
    if refused := refusal(ask({**gone, **creations(reader, "reader")})):
        return Trip(f"the API server refused: {refused}")
    read = _ended(ask, namespace, _READER, stop)
    node = str(read.get("node", ""))
    if read.get("phase") != "Succeeded":
        return Trip(f"it was written and not read: {_why(ask, namespace, _READER)}", node)
    said = str(read.get("said", ""))
    return Trip("" if said == namespace else f"{namespace} was written, and {said or 'nothing'} was read", node)


def _ended(ask: Ask, namespace: str, pod: str, stop: Event) -> Mapping[str, str]:
    """What is known of a pod when it has ended, or when time is over."""

    def look() -> Mapping[str, str]:
        answer = ask({"pod": f"{KUBECTL} get --raw /api/v1/namespaces/{namespace}/pods/{pod}"})["pod"]
        return seen(answer)

    return wait_for(look, lambda found: found.get("phase") in ("Succeeded", "Failed"), stop)


def seen(answer: Answer) -> Mapping[str, str]:
    """Phase, node and last word of a pod in the API server's answer; nothing where there is none."""
    if not answer.ok:
        return {}
    pod: Object = json.loads(answer.text)
    states = pod["status"].get("containerStatuses", ())
    said = "".join(each["state"].get("terminated", {}).get("message", "") for each in states).strip()
    return {"phase": pod["status"].get("phase", ""), "node": pod["spec"].get("nodeName", ""), "said": said}


def _why(ask: Ask, namespace: str, pod: str) -> str:
    """The last thing that was told of the pod, or of its claim while it waits for that."""
    answer = ask({"events": f"{KUBECTL} get --raw /api/v1/namespaces/{namespace}/events"})["events"]
    return told(answer, pod)


def told(answer: Answer, pod: str) -> str:
    """The last of the events of the pod or of the claim, those of a pod that waits for its claim left out.

    >>> from kprov.ssh.batch import Answer
    >>> told(Answer('{"items": []}', 0), "writer")
    'nobody says why'
    """
    events = json.loads(answer.text)["items"] if answer.ok else []
    ours = [each for each in events if each["involvedObject"]["name"] in (pod, NAME)]
    ours.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
    words = [f"{each['reason']}: {each['message']}" for each in ours if each["reason"] != "Scheduled"]
    return words[-1] if words else "nobody says why"
