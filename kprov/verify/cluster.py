"""The cluster under test: everything is asked at once when the suites begin, and each test waits for what it needs.

One command per machine answers all that the suites want to know of it. Beside that, jobs ask one control plane: one
makes the probe, waits for its pods and has them ask each other, others try a volume, policies, and what add-ons answer.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from kprov.ssh.batch import NOT_ASKED, Answer
from kprov.verify import probe
from kprov.verify.answers import NoControlPlaneError, ProbeAnswers, ProbeError
from kprov.verify.asking import DEADLINE_S, POLL_S, Pace, refusal
from kprov.verify.balancer import Balanced, try_balancer
from kprov.verify.logs import ask_logs
from kprov.verify.machine import Machine, SilentMachineError
from kprov.verify.manifests import NAME
from kprov.verify.pods import YOUNG_S, pod_runs
from kprov.verify.policy import Guarded, try_policy
from kprov.verify.questions import basic_questions, cni_configurations, fault, node_questions
from kprov.verify.seen import seen
from kprov.verify.services import Answers, ask_services
from kprov.verify.view import STATIC_PODS, View, view, view_questions
from kprov.verify.volume import Trip, round_trip
from kprov.verify.workload import NOT_TRIED, Tried, try_workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.verify.probe import Reach, Sight
    from kprov.verify.settings import Settings, Target

_MOST_MACHINES: Final = 32
"""So many are asked at the same time."""
_JOBS: Final = 8
"""Threads beside those; each job has its own, as they wait for each other."""


class ClusterUnderTest:
    """Asks in threads of its own; ``close`` leaves nothing behind in the cluster, however far it came."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._environment = dict(os.environ)
        self._namespace = f"kprov-verify-{secrets.token_hex(3)}"
        self._made_through: Machine | None = None
        self._stop = threading.Event()
        self._view: Future[View] = Future()
        self._questions = view_questions(settings.promised)
        self._pool = ThreadPoolExecutor(min(len(settings.targets), _MOST_MACHINES) + _JOBS, thread_name_prefix="verify")
        self._answers: dict[str, Future[dict[str, Answer]]] = {}  # jobs may look before anything is there
        self._entry = self._pool.submit(self._enter)
        self._probe = self._pool.submit(self._run_probe)
        self._logs = self._pool.submit(self._read_logs)
        self._services = self._pool.submit(self._ask_services)
        self._trip = self._pool.submit(self._try_volume)
        self._policy = self._pool.submit(self._try_policy)
        self._workload = self._pool.submit(self._try_workload)
        self._balanced = self._pool.submit(self._try_balancer)
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

    @property
    def logs(self) -> Mapping[str, str]:
        """The last words of containers that crash, by ``namespace/pod/container``. Raises as ``view`` does."""
        return self._logs.result()

    @property
    def services(self) -> Answers:
        """What add-ons answered. Raises as ``view`` does."""
        return self._services.result()

    @property
    def trip(self) -> Trip | None:
        """How a text went through a volume; None where the promised class is not there. Raises as ``view`` does."""
        return self._trip.result()

    @property
    def policy(self) -> Guarded:
        """What came of a NetworkPolicy. Raises as ``probe`` does."""
        return self._policy.result()

    @property
    def workload(self) -> Tried:
        """How programs did that were run as people run theirs. Raises as ``view`` does."""
        return self._workload.result()

    def fault(self, node: str) -> str:
        """Why no pod can be expected to start on a node, which other tests tell of; empty where one can."""
        try:
            return fault(self._answers[node].result())
        except SilentMachineError:
            return "the machine does not answer over SSH"

    def seen(self) -> dict[str, object]:
        """What was seen of the cluster by now, as ``seen.seen`` has it."""
        view = self._view if self._view.done() and not self._view.cancelled() else None
        answered = {name: each for name, each in self._answers.items() if each.done() and not each.cancelled()}
        return seen(
            self.settings,
            view.result() if view and not view.exception() else None,
            {name: each.result() for name, each in answered.items() if not each.exception()},
        )

    @property
    def balanced(self) -> Balanced:
        """What came of a service of the type LoadBalancer. Raises as ``probe`` does."""
        return self._balanced.result()

    def close(self) -> None:
        """Stop what still waits, end all threads and remove the probe with all that jobs made beside it.

        Where the control plane that made it does not answer any more, another one removes it.
        """
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        first = [self._made_through] if self._made_through else []
        others = [self._machine(plane.name) for plane in self.settings.control_planes] if first else []
        gone = probe.delete([self._namespace])
        for machine in [*first, *(each for each in others if each not in first)]:
            with suppress(SilentMachineError):
                if all(_gone(answer) for answer in machine.ask(gone).values()):
                    return

    @property
    def _static_pods(self) -> dict[str, str]:
        """Every static pod that the cluster is to have, with its node."""
        components = [*STATIC_PODS, *(["etcd"] if self.settings.stacked_etcd else [])]
        return {f"{each}-{plane.name}": plane.name for plane in self.settings.control_planes for each in components}

    def _machine(self, name: str) -> Machine:
        return Machine(name, self.settings.ssh_config, self._environment)

    def _ask_machine(self, target: Target) -> dict[str, Answer]:
        if self.settings.chosen(target):
            return self._machine(target.name).ask(node_questions(target, self.settings))
        return self._machine(target.name).ask(basic_questions(self.settings) if target.node else {})

    @property
    def _hopeless(self) -> frozenset[str]:
        """The nodes of which it is known by now that no pod starts there."""
        found = (name for name, answers in self._answers.items() if answers.done())
        return frozenset(name for name in found if self.fault(name) or self._lacks_network(name))

    def _lacks_network(self, node: str) -> bool:
        """Whether a node lacks the configuration of a network that has no pods which could still bring it."""
        network = self.settings.promised.network
        cni = self.answer(node, "cni")
        known = network.configuration and not self.settings.promised.plugin_workloads and cni.ok
        return bool(known) and network.configuration not in cni_configurations(cni.text)

    def _enter(self) -> tuple[Machine, dict[str, Answer]]:
        """The first control plane on which kubectl answers, and its answers; the probe is made by the same command."""
        said = []
        for target in self.settings.control_planes:
            machine = self._made_through = self._machine(target.name)
            try:
                found = machine.ask({**probe.create(self._namespace), **self._questions, **probe.FIND_STALE})
            except SilentMachineError as error:
                said.append(f"{target.name}: {error}")
                continue
            if all(found[name].ok for name in (*self._questions, *probe.FIND_STALE)):
                return machine, found
            said.append(f"{target.name}: {found['nodes'].text}")
        self._made_through = None
        raise NoControlPlaneError("; ".join(said))

    def _run_probe(self) -> ProbeAnswers:
        try:
            return self._look_and_probe(*self._entry.result())
        except BaseException as error:
            if not self._view.done():
                self._view.set_exception(error)  # others wait for it
            raise

    def _look_and_probe(self, machine: Machine, first: dict[str, Answer]) -> ProbeAnswers:
        seen = view(first, self.settings.promised)
        if seen.settled and not seen.lacks(self._static_pods):
            self._view.set_result(seen)
        try:
            if refused := refusal(first):
                raise ProbeError(refused)
            stale = probe.stale(first["stale"].text, datetime.now(UTC), probe.boot_id(), probe.lives)
            machine.ask(probe.delete(stale))
            sight = self._wait(machine, seen)
            return self._ask_probe(machine, sight, dns=any(map(pod_runs, self.view.dns_pods)))
        except SilentMachineError as error:
            raise ProbeError(f"{machine.name} fell silent: {error}") from error
        finally:
            if not self._view.done():
                self._view.set_result(seen)

    def _wait(self, machine: Machine, seen: View) -> Sight:
        """Wait until the view is settled and the probe is complete on all nodes that can have it, or time is over."""
        began, pace = time.monotonic(), Pace()
        while True:
            asked = {**probe.look(self._namespace), **({} if self._view.done() else self._questions)}
            found = pace.timed(partial(machine.ask, asked))
            if not self._view.done() and all(found[name].ok for name in self._questions):
                seen = view(found, self.settings.promised)
            seen = replace(seen, hopeless=self._hopeless)
            lacks = seen.lacks(self._static_pods)
            deadline_s = pace.allowed(YOUNG_S if lacks or seen.starting else DEADLINE_S)
            late = time.monotonic() - began > deadline_s or self._stop.is_set()
            if not self._view.done() and (late or (seen.settled and not lacks)):
                self._view.set_result(seen)
            sight = probe.sight(found)
            if (
                late
                or (self._view.done() and sight.complete(seen.ready_nodes - seen.hopeless))
                or self._stop.wait(POLL_S)
            ):
                return sight

    def _ask_probe(self, machine: Machine, sight: Sight, *, dns: bool) -> ProbeAnswers:
        """Have the pods that run ask each other, the service and, where it runs, the DNS."""
        reached: dict[str, dict[str, Reach]] = {}
        if sight.running and not self._stop.is_set():
            names = (self.service_name, self.api_name) if dns and not self.settings.without_dns else ()
            service = sight.service if sight.behind else ""
            asked = probe.ask_pods(self._namespace, sight.running, service, names, self.view.proxied_nodes)
            reached = probe.reached(machine.ask({"reach": asked})["reach"].text)
        return ProbeAnswers(
            pods={pod.node: pod for pod in sight.pods},
            service=sight.service,
            behind=sight.behind,
            reached={pod.node: reached.get(pod.name, {}) for pod in sight.running},
        )

    def _read_logs(self) -> Mapping[str, str]:
        machine, _ = self._entry.result()
        return ask_logs(machine.ask, self.view)

    def _ask_services(self) -> Answers:
        machine, _ = self._entry.result()
        return ask_services(machine.ask, self.settings, self.view, self._stop)

    def _try_volume(self) -> Trip | None:
        machine, first = self._entry.result()
        classes = view(first, self.settings.promised).classes
        there = [each.name for each in self.settings.promised.storage if each.name in classes]
        return round_trip(machine.ask, self._namespace, there[0], self._stop) if there else None

    def _try_policy(self) -> Guarded:
        machine, _ = self._entry.result()
        running = [pod for pod in self.probe.pods.values() if pod.running]
        needed = self.settings.promised.network.enforces and len(running) > 1 and not self._stop.is_set()
        return try_policy(machine.ask, self._namespace, running) if needed else Guarded({}, {}, {})

    def _try_workload(self) -> Tried:
        if not self.settings.workload:
            return NOT_TRIED
        machine, _ = self._entry.result()
        return try_workload(machine.ask, self._namespace, self._stop)

    def _try_balancer(self) -> Balanced:
        machine, _ = self._entry.result()
        needed = self.settings.promised.pools and self.probe.behind and not self._stop.is_set()
        return try_balancer(machine.ask, self._namespace, self._stop) if needed else Balanced()


def _gone(answer: Answer) -> bool:
    """Whether a namespace is on its way out, or was never there."""
    return answer.ok or "not found" in answer.text
