"""The display on a terminal: finished phases as lines that stay, the running one as a few lines that change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.text import Text

from kprov.console.base import Sink
from kprov.console.lines import GUTTER, bar, clean, clip, indented, spread, trouble
from kprov.console.screen import glyphs
from kprov.console.view import View, fold
from kprov.events import Notice, PhaseFinished, PhaseStarted, RunStarted, TaskFinished
from kprov.report.words import count, duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from kprov.console.screen import Verbosity
    from kprov.events import Event, PhaseOutcome, Progress

_FRAMES_PER_S = 8
_WIDEST = 100
_SHORT = 72
_STYLES = {"done": "green", "unchanged": "dim", "skipped": "dim", "failed": "bold red", "stopped": "bold yellow"}


class Terminal(Sink):
    """Draws the run on ``console``, which must be a terminal.

    The moving lines are redrawn by the sink's own tick, not by rich's thread: rich renders under its lock but writes
    outside of it, so that a line printed in between may be overwritten.
    """

    def __init__(self, console: Console, verbosity: Verbosity, clock: Callable[[], float]) -> None:
        super().__init__(clock, tick_s=1 / _FRAMES_PER_S)
        self._console = console
        self._glyphs = glyphs(console)
        self._verbose = verbosity == "verbose"
        self._view = View(clock())
        self._live = Live(console=console, get_renderable=self.frame, auto_refresh=False, transient=True)

    def _open(self) -> None:
        self._live.start(refresh=False)

    def _tick(self) -> None:
        self._live.refresh()

    def _close(self) -> None:
        view, self._view = self._view, View(self._clock())
        self._live.stop()
        if view.phase:
            self._print(*self._phase_lines(view.phase.title, "stopped", self._clock() - view.phase_started_s, ""))

    def _take(self, event: Event) -> None:
        before = self._view
        self._view = fold(before, event, self._clock())
        match event:
            case RunStarted():
                self._print(Text(f"kprov {event.command}: {event.cluster}", "bold"), Text())
            case PhaseFinished():
                title = before.phase.title if before.phase else event.phase
                self._print(*self._phase_lines(title, event.outcome, event.duration_s, event.summary))
            case TaskFinished(status="failed" | "unreachable"):
                self._print(*trouble(event, self._glyphs, self._width))
            case TaskFinished() if self._verbose:
                self._print(self._result(event))
            case Notice():
                self._print(*self._notice(event))
            case _:
                pass

    @property
    def _width(self) -> int:
        """One less than there is, so that no terminal wraps a full line."""
        return min(self._console.width - 1, _WIDEST)

    @property
    def _short(self) -> int:
        """The width of lines that change: what a resize wraps before it is redrawn stays behind as a stray line."""
        return min(self._width, _SHORT)

    def _print(self, *lines: Text) -> None:
        self._console.print(*lines, sep="\n", soft_wrap=False)

    def _phase_lines(self, title: str, outcome: PhaseOutcome | str, duration_s: float, summary: str) -> list[Text]:
        style = _STYLES[outcome]
        glyph = getattr(self._glyphs, outcome)
        words = clean(summary) if outcome in ("done", "unchanged") else f"{outcome}: {clean(summary)}".rstrip(": ")
        quiet = "dim" if outcome in ("unchanged", "skipped") else ""
        left = Text.assemble("  ", (glyph, style), " ", (clean(title), quiet))
        took = duration(duration_s) if outcome != "skipped" else ""
        return spread(left, Text(words, "dim" if outcome != "failed" else "red"), took, self._width)

    def _result(self, event: TaskFinished) -> Text:
        status_style = {"changed": "yellow", "skipped": "dim"}.get(event.status, "green")
        name = f"{event.role} : {event.task}" if event.role else event.task
        tail = f"  {duration(event.duration_s)}"
        return Text.assemble(
            GUTTER, (f"{event.status:<8}", status_style), f"{event.host}  ", (clean(name), "dim"), (tail, "dim")
        )

    def _notice(self, event: Notice) -> list[Text]:
        style = {"info": "cyan", "warning": "yellow", "error": "bold red"}[event.level]
        first, *more = indented(Text(clean(event.text)), self._width, "    ")
        head = Text.assemble("  ", (self._glyphs.notice, style), " ", first.plain.lstrip())
        return [head, *more, *indented(Text(clean(event.remedy), "dim"), self._width, "    ")]

    def frame(self) -> Group:
        """The running phase as it is drawn now; nothing between phases."""
        view, now_s = self._view, self._clock()
        if view.phase is None:
            return Group()
        running_s = now_s - view.phase_started_s
        return Group(
            self._head(view.phase, running_s),
            *([self._task_line(view, now_s)] if view.task else []),
            *([self._doing_line(view.doing)] if view.doing else []),
        )

    def _head(self, phase: PhaseStarted, running_s: float) -> Text:
        spinner = self._glyphs.spinner
        glyph = spinner[int(running_s * _FRAMES_PER_S) % len(spinner)]
        tail = f" [{phase.index}/{phase.total}]  {duration(running_s)}"
        title = clip(clean(phase.title), self._short - len(tail) - 4, self._glyphs)
        return Text.assemble("  ", (glyph, "cyan"), " ", (title, "bold"), (tail, "dim"))

    def _task_line(self, view: View, now_s: float) -> Text:
        assert view.task is not None  # noqa: S101 - the caller asked
        done = f"  {count(view.task.done, 'host')} done" if view.task.done else ""
        tail = f"{done}  {duration(now_s - view.task.started_s)}"
        if len(tail) + 30 > self._short:
            tail = ""
        room = self._short - len(GUTTER) - len(tail)
        return Text.assemble(GUTTER, clip(clean(view.task.label), room, self._glyphs), (tail, "dim"))

    def _doing_line(self, doing: Progress) -> Text:
        host = f"{doing.host}: " if doing.host else ""
        tail = ""
        if doing.total:
            tail = f"  {doing.done or 0}/{doing.total}"
            if self._short >= 60:
                tail = f"  {bar((doing.done or 0) / doing.total, 12, self._glyphs, rest=True)}{tail}"
        room = self._short - len(GUTTER) - len(tail)
        return Text.assemble(GUTTER, (clip(clean(host + doing.text), room, self._glyphs), "dim"), (tail, "cyan"))
