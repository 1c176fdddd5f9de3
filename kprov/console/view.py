"""The state of a run as seen so far, folded from its events without looking at a clock or a terminal."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kprov.events import (
    Event,
    Notice,
    PhaseFinished,
    PhaseStarted,
    Progress,
    RunFinished,
    RunStarted,
    TaskFinished,
    TaskStarted,
)


@dataclass(frozen=True, slots=True)
class Task:
    """The Ansible task that runs; ``done``, ``changed`` and ``failed`` count hosts."""

    play: str
    role: str
    name: str
    started_s: float
    done: int = 0
    changed: int = 0
    failed: int = 0

    @property
    def label(self) -> str:
        """The name as Ansible prints it: ``role : task``."""
        return f"{self.role} : {self.name}" if self.role else self.name


@dataclass(frozen=True, slots=True)
class View:
    """What is going on; times are seconds on the clock of whoever folds.

    ``doing`` is the last progress of the running phase; ``doing_since_s`` is when its text appeared.
    """

    started_s: float
    command: str = ""
    cluster: str = ""
    phase: PhaseStarted | None = None
    phase_started_s: float = 0.0
    doing: Progress | None = None
    doing_since_s: float = 0.0
    task: Task | None = None


def fold(view: View, event: Event, now_s: float) -> View:
    """The view after the event.

    >>> view = fold(View(0.0), PhaseStarted("lab", "Make the machines", 2, 9), 3.0)
    >>> fold(view, Progress("lab", "booting", host="m1"), 4.0).doing.host
    'm1'
    """
    match event:
        case RunStarted():
            return View(started_s=now_s, command=event.command, cluster=event.cluster)
        case PhaseStarted():
            return replace(view, phase=event, phase_started_s=now_s, doing=None, task=None)
        case PhaseFinished():
            return replace(view, phase=None, doing=None, task=None)
        case Progress():
            same = view.doing is not None and (view.doing.text, view.doing.host) == (event.text, event.host)
            return replace(view, doing=event, doing_since_s=view.doing_since_s if same else now_s)
        case TaskStarted():
            return replace(view, task=Task(event.play, event.role, event.task, now_s))
        case TaskFinished():
            return replace(view, task=_counted(view.task, event))
        case Notice() | RunFinished():
            return view


def _counted(task: Task | None, result: TaskFinished) -> Task | None:
    """The running task with one host more done; a late result of an earlier task does not count."""
    if task is None or (task.play, task.role, task.name) != (result.play, result.role, result.task):
        return task
    return replace(
        task,
        done=task.done + 1,
        changed=task.changed + (result.status == "changed"),
        failed=task.failed + (result.status in ("failed", "unreachable")),
    )


def activity(view: View) -> tuple[str, float] | None:
    """What is being done, as one text, and since when; None between phases and before a phase says anything.

    >>> activity(View(0.0, doing=Progress("lab", "booting", host="m1"), doing_since_s=4.0))
    ('m1: booting', 4.0)
    """
    task, doing = view.task, view.doing
    if task and (doing is None or task.started_s >= view.doing_since_s):
        return task.label, task.started_s
    if doing:
        return spoken(doing), view.doing_since_s
    return None


def spoken(progress: Progress) -> str:
    """A progress as one text.

    >>> spoken(Progress("bundle", "building kubelet", done=3, total=9))
    'building kubelet 3/9'
    """
    text = f"{progress.host}: {progress.text}" if progress.host else progress.text
    return f"{text} {progress.done}/{progress.total}" if progress.total is not None else text
