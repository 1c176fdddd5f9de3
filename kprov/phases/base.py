"""What a phase is, what phases share, and how a list of them is run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kprov.errors import InputError, Interrupted
from kprov.events import PhaseFinished, PhaseStarted
from kprov.inventory.variables import Machines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kprov.ansible.runner import Playbooks, Recap
    from kprov.bundle.model import Bundle
    from kprov.events import Emit, PhaseOutcome
    from kprov.lab.provider import Provider
    from kprov.phases.addons import Rendered
    from kprov.release.catalog import Release
    from kprov.report.model import NodeRow, Results
    from kprov.spec.load import Loaded
    from kprov.spec.model import ClusterSpec
    from kprov.spec.paths import ClusterPaths


@dataclass(frozen=True, slots=True)
class Context:
    """What phases are given, and what they have found out so far; a phase returns it with its own findings added.

    ``store`` is the folder of the bundle, ``run`` the folder of this run, ``mirrors`` where published files are fetched
    instead, by host. The other fields with a default are findings.
    """

    loaded: Loaded
    release: Release
    provider: Provider | None
    playbooks: Playbooks
    store: Path
    run: Path
    emit: Emit
    mirrors: Mapping[str, str] = field(default_factory=dict)
    machines: Machines = field(default_factory=Machines)
    bundle: Bundle | None = None
    addons: tuple[Rendered, ...] = ()
    recap: Recap | None = None
    nodes: tuple[NodeRow, ...] = ()
    results: Results | None = None

    @property
    def spec(self) -> ClusterSpec:
        """The cluster file."""
        return self.loaded.spec

    @property
    def paths(self) -> ClusterPaths:
        """The files beside it."""
        return self.loaded.paths


@dataclass(frozen=True, slots=True)
class Done:
    """How a phase ended well: the context for the next one, what it did, and a line for people."""

    context: Context
    outcome: PhaseOutcome
    summary: str = ""


class Phase(Protocol):
    """One step of a run. It may be repeated and interrupted; one that finds its work done says ``unchanged``."""

    @property
    def name(self) -> str:
        """What the user calls it: ``--from``, ``--until``, ``--skip``."""

    @property
    def title(self) -> str:
        """What it does, for people."""

    def should_run(self, context: Context) -> bool:
        """Whether this cluster needs the phase at all."""

    def run(self, context: Context) -> Done:
        """Do it.

        Raises:
            KprovError: it could not be done; the run ends here.
        """


@runtime_checkable
class Foresees(Protocol):
    """A phase that can tell, before the run begins and anything is made, that it cannot do its work here."""

    def foresee(self, loaded: Loaded, provider: Provider | None) -> None:
        """Refuse what cannot work.

        Raises:
            InputError: with what is missing and the remedy.
        """


def foresee(phases: Sequence[Phase], loaded: Loaded, provider: Provider | None) -> None:
    """Ask every phase that can tell.

    Raises:
        InputError: the first refusal.
    """
    for phase in phases:
        if isinstance(phase, Foresees):
            phase.foresee(loaded, provider)


def chosen(phases: Sequence[Phase], *, first: str = "", last: str = "", skip: Sequence[str] = ()) -> tuple[Phase, ...]:
    """The phases from ``first`` until ``last`` without the skipped ones; empty names mean the list's own ends.

    Raises:
        InputError: a name is not a phase, or nothing is left.
    """
    names = [phase.name for phase in phases]
    for name in (first, last, *skip):
        if name and name not in names:
            raise InputError("no such phase", where=name, remedy=f"Name one of: {', '.join(names)}.")
    start = names.index(first) if first else 0
    end = names.index(last) + 1 if last else len(names)
    left = tuple(phase for phase in phases[start:end] if phase.name not in skip)
    if not left:
        raise InputError("no phase is left to run", remedy=f"The phases are, in this order: {', '.join(names)}.")
    return left


def run_all(phases: Sequence[Phase], context: Context) -> Context:
    """Run phases in order; return what they found out.

    Raises:
        KprovError: the first phase that failed.
    """
    for index, phase in enumerate(phases, start=1):
        if not phase.should_run(context):
            context.emit(PhaseFinished(phase.name, "skipped", 0.0, "not needed for this cluster"))
            continue
        context.emit(PhaseStarted(phase.name, phase.title, index, len(phases)))
        started = time.monotonic()
        try:
            done = phase.run(context)
        except (KeyboardInterrupt, Interrupted):  # a phase without an end is shown as stopped
            raise
        except BaseException:
            context.emit(PhaseFinished(phase.name, "failed", time.monotonic() - started))
            raise
        context.emit(PhaseFinished(phase.name, done.outcome, time.monotonic() - started, done.summary))
        context = done.context
    return context
