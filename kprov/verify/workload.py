"""Whether the cluster runs programs as people run them: rolled out, rolled back, healed, brought to an end, with data.

Every step is believed only when the pods themselves say so: each is asked through the API server which revision it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from kprov.verify import programs
from kprov.verify.asking import creations, refusal, wait_for
from kprov.verify.manifests import NAME, PORT
from kprov.verify.pods import pod_ready
from kprov.verify.programs import COMPLETIONS, DEPLOYMENT, JOB, REPLICAS, STATEFUL_SET, SUM
from kprov.verify.questions import KUBECTL, KUBECTL_UNTIMED
from kprov.verify.view import is_default

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from kprov.verify.asking import Ask
    from kprov.verify.pods import Object


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried: ``failed`` says why it did not come about, ``seen`` what the pods said.

    ``nodes`` are those on which pods were that did not get there.
    """

    failed: str = ""
    seen: str = ""
    nodes: tuple[str, ...] = ()


Tried: TypeAlias = Mapping[str, Step]
"""The steps by name; what could not be tried because of one before it is not there."""
NOT_TRIED: Final[Tried] = {}
NO_CLASS: Final = "no-class"
"""A step of this name stands for the StatefulSet's where the cluster has no default StorageClass."""


@dataclass(frozen=True, slots=True)
class _Pod:
    """A pod as it was seen; ``said`` is its page."""

    name: str
    uid: str
    node: str
    ready: bool
    said: str = ""


def try_workload(ask: Ask, namespace: str, stop: Event) -> Tried:
    """Try everything in a namespace that is there already; whoever made that removes it with all that is in it."""
    return _Workload(ask, namespace, stop).tried()


class _Workload:
    def __init__(self, ask: Ask, namespace: str, stop: Event) -> None:
        self._ask, self._namespace, self._stop = ask, namespace, stop
        self._apps = f"/apis/apps/v1/namespaces/{namespace}"
        self._core = f"/api/v1/namespaces/{namespace}"

    def tried(self) -> Tried:
        """Begin everything at once, and look after it one by one."""
        default = self._default_class()
        made = creations({**programs.site(self._namespace), **programs.sums(self._namespace)}, "workload")
        if default:
            made |= creations(programs.diary(self._namespace, default), "diary")
        if refused := refusal(self._ask(made)):
            return {"rolled-out": Step(f"the API server refused: {refused}")}
        found = {**self._site(), "job": self._job(), "daemons": self._daemons()}
        return {**found, **(self._diary() if default else {NO_CLASS: Step()})}

    def _site(self) -> Tried:
        """Revision 1, then 2, then 1 again, then one pod less."""
        run = f"{KUBECTL_UNTIMED} -n {self._namespace}"
        patch = json.dumps(programs.revised("2"))
        first = self._served("1", str)
        second = self._served("2", lambda: self._do(f"{run} patch deployment {DEPLOYMENT} -p '{patch}'"))
        if first.failed or second.failed:
            return {"rolled-out": first if first.failed else second}
        back = self._served("1", lambda: self._do(f"{run} rollout undo deployment/{DEPLOYMENT}"))
        found = {"rolled-out": Step(seen=f"{first.seen}\nthen\n{second.seen}"), "rolled-back": back}
        return found if back.failed else {**found, "healed": self._heal()}

    def _heal(self) -> Step:
        killed, began = self._pods(DEPLOYMENT)[0], time.monotonic()
        delete = f"{self._core}/pods/{killed.name}?gracePeriodSeconds=0"
        step = self._served("1", lambda: self._do(f"{KUBECTL} delete --raw '{delete}'"), without=killed.uid)
        if step.failed:
            return step
        words = f"{killed.name} on {killed.node} was killed; {time.monotonic() - began:.1f} s later there were"
        return Step(seen=f"{words}\n{step.seen}")

    def _served(self, revision: str, act: Callable[[], str], without: str = "") -> Step:
        """Act, then wait until the Deployment is complete and every pod tells this revision, none having this uid."""
        if why := act():
            return Step(why)

        def look() -> tuple[Object, Sequence[_Pod]]:
            return self._live("deployments", DEPLOYMENT), self._pods(DEPLOYMENT, pages=True)

        def done(found: tuple[Object, Sequence[_Pod]]) -> bool:
            live, pods = found
            right = [pod for pod in pods if pod.said.split()[:1] == [revision] and pod.uid != without]
            return complete(live) and len(right) == len(pods) == REPLICAS

        live, pods = found = wait_for(look, done, self._stop)
        seen = "\n".join(f"{pod.name} on {pod.node or 'no node'}: revision {pod.said or 'unknown'}" for pod in pods)
        if done(found):
            return Step(seen=seen)
        status = live.get("status", {})
        updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
        why = f"of {REPLICAS} pods {updated} are of the wanted revision and {available} available; {self._why()}"
        return Step(why, seen, tuple(dict.fromkeys(pod.node for pod in pods if pod.node and not pod.ready)))

    def _job(self) -> Step:
        def look() -> tuple[Object, Sequence[str]]:
            return self._live("jobs", JOB, "/apis/batch/v1"), self._last_words(JOB)

        def ended(found: tuple[Object, Sequence[str]]) -> bool:
            status = found[0].get("status", {})
            return bool(status.get("succeeded", 0) >= COMPLETIONS or status.get("failed", 0))

        live, words = found = wait_for(look, ended, self._stop)
        succeeded = live.get("status", {}).get("succeeded", 0)
        seen = f"{succeeded} of {COMPLETIONS} pods succeeded and said {', '.join(words) or 'nothing'}"
        if not ended(found) or succeeded < COMPLETIONS:
            return Step(f"{succeeded} of {COMPLETIONS} pods succeeded; {self._why()}", seen)
        wrong = [each for each in words if each != SUM]
        return Step(f"a pod said {wrong[0] or 'nothing'}, not {SUM}" if wrong else "", seen)

    def _daemons(self) -> Step:
        """The probe is a DaemonSet that tolerates everything: as many of its pods are wanted as there are nodes."""

        def look() -> tuple[int, int, int]:
            status = self._live("daemonsets", NAME).get("status", {})
            keys = ("desiredNumberScheduled", "numberAvailable", "numberMisscheduled")
            wanted, available, astray = (int(status.get(key, 0)) for key in keys)
            return wanted, available, astray

        wanted, available, astray = wait_for(look, lambda found: 0 < found[0] <= found[1], self._stop)
        here = [pod.node for pod in self._pods(NAME) if pod.ready]
        seen = f"{available} of {wanted} pods available, on {', '.join(sorted(here)) or 'no node'}"
        missing = sorted(pod.node for pod in self._pods(NAME) if not pod.ready)
        where = f"; none on {', '.join(missing)}" if missing else ""
        short = available < wanted or not wanted or astray
        return Step(f"{available} of {wanted} pods are available{where}" if short else "", seen, tuple(missing))

    def _diary(self) -> Tried:
        """What the first pod wrote must be there for the second one."""

        def look() -> Sequence[_Pod]:
            return self._pods(STATEFUL_SET, pages=True)

        def written(without: str = "") -> Callable[[Sequence[_Pod]], bool]:
            return lambda pods: any(pod.ready and pod.uid != without and pod.uid in pod.said for pod in pods)

        before = wait_for(look, written(), self._stop)
        if not written()(before):
            nodes = tuple(pod.node for pod in before if pod.node)
            return {"state": Step(f"its first pod did not come up; {self._why()}", "", nodes)}
        first = before[0]
        if why := self._do(f"{KUBECTL} delete --raw {self._core}/pods/{first.name}"):
            return {"state": Step(why)}
        after = wait_for(look, written(first.uid), self._stop)
        if not written(first.uid)(after):
            nodes = tuple(pod.node for pod in after if pod.node)
            return {"state": Step(f"no other pod came in place of {first.name}; {self._why()}", "", nodes)}
        lines = after[0].said.split()
        kept = lines == [first.uid, after[0].uid]
        seen = f"{first.name} on {first.node}, then on {after[0].node}, read\n{after[0].said}"
        return {"state": Step("" if kept else "what its first pod wrote is lost to the second", seen)}

    def _default_class(self) -> str:
        asked = {"workload.classes": f"{KUBECTL} get --raw /apis/storage.k8s.io/v1/storageclasses"}
        answer = self._ask(asked)["workload.classes"]
        classes: Sequence[Object] = json.loads(answer.text)["items"] if answer.ok else ()
        return next((str(each["metadata"]["name"]) for each in classes if is_default(each)), "")

    def _do(self, command: str) -> str:
        """Run a command; why it failed, empty where it did not."""
        answer = self._ask({"workload.do": command})["workload.do"]
        return "" if answer.ok else (answer.text.splitlines() or ["kubectl failed without a word"])[-1]

    def _live(self, kind: str, name: str, api: str = "/apis/apps/v1") -> Object:
        path = f"{api}/namespaces/{self._namespace}/{kind}/{name}"
        answer = self._ask({f"workload.{kind}": f"{KUBECTL} get --raw {path}"})[f"workload.{kind}"]
        found: Object = json.loads(answer.text) if answer.ok else {}
        return found

    def _items(self, app: str) -> Sequence[Object]:
        """The pods of a program, but for those that are going."""
        asked = {"workload.pods": f"{KUBECTL} get --raw '{self._core}/pods?labelSelector=app%3D{app}'"}
        answer = self._ask(asked)["workload.pods"]
        items: Sequence[Object] = json.loads(answer.text)["items"] if answer.ok else ()
        return [each for each in items if "deletionTimestamp" not in each["metadata"]]

    def _pods(self, app: str, *, pages: bool = False) -> Sequence[_Pod]:
        pods = [
            _Pod(each["metadata"]["name"], each["metadata"]["uid"], each["spec"].get("nodeName", ""), pod_ready(each))
            for each in self._items(app)
        ]
        asked = {
            f"workload.page.{number}": f"{KUBECTL} get --raw {self._core}/pods/{pod.name}:{PORT}/proxy/"
            for number, pod in enumerate(pods)
            if pages and pod.ready
        }
        said = self._ask(asked) if asked else {}
        pages_said = {name: answer.text.strip() for name, answer in said.items() if answer.ok}
        return [
            _Pod(pod.name, pod.uid, pod.node, pod.ready, pages_said.get(f"workload.page.{number}", ""))
            for number, pod in enumerate(pods)
        ]

    def _last_words(self, app: str) -> Sequence[str]:
        states = [state for each in self._items(app) for state in each["status"].get("containerStatuses", ())]
        ended = [state["state"]["terminated"] for state in states if "terminated" in state["state"]]
        return [str(each.get("message", "")).strip() for each in ended]

    def _why(self) -> str:
        """The last warning that was told of anything in the namespace."""
        path = f"{self._core}/events?fieldSelector=type%3DWarning"
        answer = self._ask({"workload.events": f"{KUBECTL} get --raw '{path}'"})["workload.events"]
        events: list[Object] = json.loads(answer.text)["items"] if answer.ok else []
        events.sort(key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
        return f"{events[-1]['reason']}: {events[-1]['message']}" if events else "nobody says why"


def complete(live: Object) -> bool:
    """Whether a Deployment has come to rest: all pods of its newest revision, all available, none left over.

    >>> live = {"metadata": {"generation": 2}, "spec": {"replicas": 1}}
    >>> complete({**live, "status": {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}})
    False
    """
    status, wanted = live.get("status", {}), live.get("spec", {}).get("replicas", 0)
    seen = status.get("observedGeneration", 0) >= live.get("metadata", {}).get("generation", 1)
    counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    return bool(seen and wanted and counts == [wanted] * 3)
