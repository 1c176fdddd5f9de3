"""The cluster under test: everything is asked at once when the suites begin, and each test waits for what it needs.

One command per machine answers all that the suites want to know of it. Beside that, one control plane makes the probe,
waits for its pods, has them ask each other, and removes it.
"""

from __future__ import annotations

import secrets
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from kprov.ssh.batch import NOT_ASKED, Answer
from kprov.verify import probe
from kprov.verify.machine import Machine, SilentMachineError
from kprov.verify.manifests import NAME
from kprov.verify.questions import node_questions
from kprov.verify.view import STATIC_PODS, VIEW_QUESTIONS, YOUNG_S, View, pod_runs, view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.verify.probe import ProbePod, Reach, Sight
    from kprov.verify.settings import Settings, Target

_DEADLINE_S: Final = 45.0
"""A pod whose image lies on the node runs after two or three seconds; a busy machine of two cores has taken fifteen."""
_POLL_S: Final = 0.3
_MOST_MACHINES: Final = 32
"""So many are asked at the same time."""


class NoControlPlaneError(Exception):
    """kubectl gets no answer on any control plane; the text says what each of them said."""


class ProbeError(Exception):
    """The API server would not make the probe; the text is its answer."""


@dataclass(frozen=True, slots=True)
class ProbeAnswers:
    """What came of the probe: its pods by node, its service, and what each node's pod got from each target."""

    pods: Mapping[str, ProbePod]
    service: str
    behind: frozenset[str]
    reached: Mapping[str, Mapping[str, Reach]]


class ClusterUnderTest:
    """Asks in threads of its own; ``close`` leaves nothing behind in the cluster, however far it came."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._namespace = f"kprov-verify-{secrets.token_hex(3)}"
        self._made_through: Machine | None = None
        self._stop = threading.Event()
        self._view: Future[View] = Future()
        self._pool = ThreadPoolExecutor(min(len(settings.targets), _MOST_MACHINES) + 1, thread_name_prefix="verify")
        self._probe = self._pool.submit(self._run_probe)
        self._answers = {target.name: self._pool.submit(self._ask_machine, target) for target in settings.targets}

    @property
    def service_name(self) -> str:
        """The name of the probe's service in the cluster's DNS."""
        return f"{NAME}.{self._namespace}.svc.{self.settings.dns_domain}"

    @property
    def api_name(self) -> str:
        """The name of the API server in the cluster's DNS."""
        return f"kubernetes.default.svc.{self.settings.dns_domain}"

    def answer(self, machine: str, question: str) -> Answer:
        """What a machine answered to one of its questions.

        Raises:
            SilentMachineError: the machine cannot be reached.
        """
        return self._answers[machine].result().get(question, NOT_ASKED)

    @property
    def view(self) -> View:
        """What the API server said.

        Raises:
            NoControlPlaneError: it said nothing.
        """
        return self._view.result()

    @property
    def probe(self) -> ProbeAnswers:
        """What came of the probe.

        Raises:
            NoControlPlaneError: no control plane could be asked to make it.
            ProbeError: the API server refused to make it.
        """
        return self._probe.result()

    def close(self) -> None:
        """Stop what still waits, end all threads and remove the probe if it is still there."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._remove_probe()

    @property
    def _static_pods(self) -> dict[str, str]:
        """Every static pod that the cluster is to have, with its node."""
        components = [*STATIC_PODS, *(["etcd"] if self.settings.stacked_etcd else [])]
        return {f"{each}-{plane.name}": plane.name for plane in self.settings.control_planes for each in components}

    def _machine(self, name: str) -> Machine:
        return Machine(name, self.settings.ssh_config)

    def _ask_machine(self, target: Target) -> dict[str, Answer]:
        questions = node_questions(target, self.settings) if self.settings.chosen(target) else {}
        return self._machine(target.name).ask(questions)

    def _run_probe(self) -> ProbeAnswers:
        try:
            machine, first = self._first_control_plane()
            seen = view(first)
        except Exception as error:
            self._view.set_exception(error)
            raise
        if seen.settled and not seen.lacks(self._static_pods):
            self._view.set_result(seen)
        try:
            _complain_if_refused(first)
            stale = probe.stale(first["stale"].text, datetime.now(UTC), probe.boot_id(), probe.lives)
            machine.ask(probe.delete(stale))
            sight = self._wait(machine, seen)
            return self._ask_probe(machine, sight, dns=any(map(pod_runs, self.view.dns_pods)))
        except SilentMachineError as error:
            raise ProbeError(f"{machine.name} fell silent: {error}") from error
        finally:
            if not self._view.done():
                self._view.set_result(seen)
            self._remove_probe()

    def _first_control_plane(self) -> tuple[Machine, dict[str, Answer]]:
        """The first control plane on which kubectl answers, and its answers; the probe is made by the same command."""
        said = []
        for target in self.settings.control_planes:
            machine = self._made_through = self._machine(target.name)
            try:
                found = machine.ask({**probe.create(self._namespace), **VIEW_QUESTIONS, **probe.FIND_STALE})
            except SilentMachineError as error:
                said.append(f"{target.name}: {error}")
                continue
            if all(found[name].ok for name in (*VIEW_QUESTIONS, *probe.FIND_STALE)):
                return machine, found
            said.append(f"{target.name}: {found['nodes'].text}")
        self._made_through = None
        raise NoControlPlaneError("; ".join(said))

    def _wait(self, machine: Machine, seen: View) -> Sight:
        """Wait until the view is settled and the probe is complete on all ready nodes, or time is over."""
        began = time.monotonic()
        while True:
            found = machine.ask({**probe.look(self._namespace), **({} if self._view.done() else VIEW_QUESTIONS)})
            if not self._view.done() and all(found[name].ok for name in VIEW_QUESTIONS):
                seen = view(found)
            lacks = seen.lacks(self._static_pods)
            late = time.monotonic() - began > (YOUNG_S if lacks else _DEADLINE_S) or self._stop.is_set()
            if not self._view.done() and (late or (seen.settled and not lacks)):
                self._view.set_result(seen)
            sight = probe.sight(found)
            if late or (self._view.done() and sight.complete(seen.ready_nodes)) or self._stop.wait(_POLL_S):
                return sight

    def _ask_probe(self, machine: Machine, sight: Sight, *, dns: bool) -> ProbeAnswers:
        """Have the pods that run ask each other, the service and, where it runs, the DNS."""
        reached: dict[str, dict[str, Reach]] = {}
        if sight.running and not self._stop.is_set():
            names = (self.service_name, self.api_name) if dns and not self.settings.without_dns else ()
            asked = probe.ask_pods(self._namespace, sight.running, sight.service if sight.behind else "", names)
            reached = probe.reached(machine.ask({"reach": asked})["reach"].text)
        return ProbeAnswers(
            pods={pod.node: pod for pod in sight.pods},
            service=sight.service,
            behind=sight.behind,
            reached={pod.node: reached.get(pod.name, {}) for pod in sight.running},
        )

    def _remove_probe(self) -> None:
        if self._made_through:
            with suppress(SilentMachineError):
                self._made_through.ask(probe.delete([self._namespace]))
            self._made_through = None


def _complain_if_refused(answers: Mapping[str, Answer]) -> None:
    """Complain about an object that was not made; one is there if a control plane made it before it fell silent."""
    for name, answer in answers.items():
        if name.startswith("create.") and not answer.ok and "already exists" not in answer.text:
            raise ProbeError(answer.text.splitlines()[-1] if answer.text else "kubectl create failed without a word")
