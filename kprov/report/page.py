"""What the page of a run shows, made of a run and its results: bars on an axis, lanes of hosts, checks by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.report.words import count, duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from kprov.events import Notice
    from kprov.report.model import CertificateRow, Check, CheckOutcome, NodeRow, PhaseRow, Results, Run, TaskRow

_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TICKS: Final = 6
_THINNEST: Final = 0.4
"""Percent of the axis; what is shorter could not be seen."""
_RANK: Final[dict[CheckOutcome, int]] = {"failed": 0, "error": 0, "skipped": 1, "passed": 2}
_SOON_DAYS: Final = 30
_FEW: Final = 4
"""So many hosts are named one by one."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A phase on the time axis; ``left`` and ``width`` in percent of the run."""

    row: PhaseRow
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis."""

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class Block:
    """Tasks of one host that followed each other and ended alike."""

    left: float
    width: float
    status: str
    title: str


@dataclass(frozen=True, slots=True)
class Lane:
    """What one host did over time."""

    host: str
    blocks: tuple[Block, ...]
    busy_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """The same evidence on some hosts; ``took_s`` is the longest of their times."""

    hosts: tuple[str, ...]
    text: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Row:
    """One question with its answers from every host: ``said`` are reasons, each with the hosts that gave it.

    ``alike``: so many hosts answered alike that their names would say nothing.
    """

    name: str
    outcome: CheckOutcome
    checks: tuple[Check, ...]
    said: tuple[Seen, ...]
    evidence: tuple[Seen, ...]
    alike: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that several hosts have in the same file, and how long it is valid; ``state`` is a CSS class."""

    file: str
    subject: str
    hosts: tuple[str, ...]
    ends: datetime
    left: str
    state: str


def whole_s(run: Run) -> float:
    """How long the axis is."""
    return max([run.duration_s, 0.001, *(row.start_s + row.duration_s for row in run.phases)])


def bars(phases: Sequence[PhaseRow], duration_s: float) -> tuple[Bar, ...]:
    """Where each phase's bar begins and how wide it is; none is too thin to be seen or reaches beyond the axis.

    >>> from kprov.report.model import PhaseRow
    >>> [(b.left, b.width) for b in bars((PhaseRow("a", "done", 0, 30), PhaseRow("b", "done", 30, 10)), 40)]
    [(0.0, 75.0), (75.0, 25.0)]
    """
    longest_s = max([duration_s, 0.001, *(row.start_s + row.duration_s for row in phases)])
    return tuple(Bar(row, *_placed(row.start_s, row.duration_s, longest_s)) for row in phases)


def _placed(start_s: float, duration_s: float, longest_s: float) -> tuple[float, float]:
    width = min(max(100 * duration_s / longest_s, _THINNEST), 100.0)
    return round(min(max(100 * start_s / longest_s, 0.0), 100 - width), 2), round(width, 2)


def ticks(longest_s: float) -> tuple[Tick, ...]:
    """The axis: round times, few enough to be read on a phone.

    >>> [(tick.left, tick.label) for tick in ticks(40)]
    [(0.0, '0'), (25.0, '10s'), (50.0, '20s'), (75.0, '30s'), (100.0, '40s')]
    """
    step_s = next((each for each in _STEPS_S if longest_s / each <= _MOST_TICKS), 7200)
    labels = [number * step_s for number in range(int(longest_s / step_s) + 1)][: 2 * _MOST_TICKS]
    return tuple(Tick(round(100 * at / longest_s, 2), _short(at)) for at in labels)


def _short(seconds: int) -> str:
    """A round time without parts that are zero."""
    hours, minutes, rest = seconds // 3600, seconds % 3600 // 60, seconds % 60
    parts = [f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if number]
    return " ".join(parts) or "0"


def lanes(work: Sequence[TaskRow], longest_s: float) -> tuple[Lane, ...]:
    """A lane per host in the order of their first tasks; neighbours that ended alike are one block."""
    by_host: dict[str, list[TaskRow]] = {}
    for row in work:
        by_host.setdefault(row.host, []).append(row)
    return tuple(
        Lane(host, _blocks(sorted(rows, key=lambda row: row.start_s), longest_s), sum(row.duration_s for row in rows))
        for host, rows in by_host.items()
    )


def _blocks(rows: Sequence[TaskRow], longest_s: float) -> tuple[Block, ...]:
    groups: list[list[TaskRow]] = []
    for row in rows:
        last = groups[-1][-1] if groups else None
        near = last is not None and row.start_s - (last.start_s + last.duration_s) < longest_s / 200
        if last is not None and near and last.status == row.status:
            groups[-1].append(row)
        else:
            groups.append([row])
    made = []
    for group in groups:
        end_s = max(row.start_s + row.duration_s for row in group)
        title = f"{group[0].label}, {duration(group[0].duration_s)}" if len(group) == 1 else count(len(group), "task")
        made.append(
            Block(
                *_placed(group[0].start_s, end_s - group[0].start_s, longest_s),
                group[0].status,
                f"{title}: {group[0].status}",
            )
        )
    return tuple(made)


def suites(checks: Iterable[Check]) -> dict[str, tuple[Row, ...]]:
    """The questions by suite, in the order in which they were put; suites with bad answers come first."""
    found: dict[str, dict[str, list[Check]]] = {}
    for check in checks:
        found.setdefault(check.suite, {}).setdefault(check.name, []).append(check)
    rows = {suite: tuple(_row(name, asked) for name, asked in names.items()) for suite, names in found.items()}
    ranked = sorted(rows, key=lambda suite: min(min(_RANK[row.outcome], 1) for row in rows[suite]))
    return {suite: tuple(sorted(rows[suite], key=lambda row: _RANK[row.outcome])) for suite in ranked}


def _row(name: str, checks: Sequence[Check]) -> Row:
    worst = min(checks, key=lambda check: _RANK[check.outcome])
    return Row(
        name=name,
        outcome=worst.outcome,
        checks=tuple(checks),
        said=_gathered((check, check.message) for check in checks),
        evidence=_gathered((check, check.evidence) for check in checks),
        alike=len(checks) > _FEW and len({check.outcome for check in checks}) == 1,
    )


def _gathered(said: Iterable[tuple[Check, str]]) -> tuple[Seen, ...]:
    """Texts, each once, with the hosts that gave it."""
    found: dict[str, list[Check]] = {}
    for check, text in said:
        if text:
            found.setdefault(text, []).append(check)
    return tuple(
        Seen(_hosts(checks), text, max(check.duration_s for check in checks)) for text, checks in found.items()
    )


def _hosts(checks: Sequence[Check]) -> tuple[str, ...]:
    """Their hosts, or how many there are."""
    hosts = tuple(check.host for check in checks if check.host)
    return hosts if len(hosts) <= _FEW else (count(len(hosts), "node"),)


def endings(rows: Sequence[CertificateRow], now: datetime) -> tuple[Ending, ...]:
    """The certificates, those that end first at the top; the same file that ends on the same day is one line."""
    found: dict[tuple[object, str], list[CertificateRow]] = {}
    for row in sorted(rows, key=lambda each: (each.ends.date(), each.file, each.host)):
        found.setdefault((row.ends.date(), row.file), []).append(row)
    return tuple(_ending(group, now) for group in found.values())


def _ending(group: Sequence[CertificateRow], now: datetime) -> Ending:
    first = min(group, key=lambda each: each.ends)
    subjects = {each.subject for each in group}
    days = (first.ends - now).days
    return Ending(
        file=first.file,
        subject=first.subject if len(subjects) == 1 else "",
        hosts=tuple(dict.fromkeys(each.host for each in group)),
        ends=first.ends,
        left=f"{count(days, 'day')} left" if days >= 0 else f"ended {count(-days, 'day')} ago",
        state="failed" if days < 0 else "stopped" if days <= _SOON_DAYS else "",
    )


def notices(run: Run, results: Results | None) -> tuple[Notice, ...]:
    """What is good to know, without what the checks that failed say themselves."""
    bad = results.bad if results else ()
    told = {": ".join(filter(None, (check.host, check.suite, check.name, check.message))) for check in bad}
    return tuple(dict.fromkeys(each for each in run.notices if each.text not in told))


def differing(nodes: Sequence[NodeRow]) -> dict[str, dict[str, str]]:
    """Columns worth having beside the others, by title, with their values by node: the version, and what differs."""
    columns = {
        "kubelet": {node.name: node.version for node in nodes},
        "runtime": {node.name: node.runtime for node in nodes},
        "system": {node.name: node.system for node in nodes},
        "kernel": {node.name: node.kernel for node in nodes},
    }
    return {title: values for title, values in columns.items() if title == "kubelet" or len(set(values.values())) > 1}


def tiles(run: Run, results: Results | None) -> tuple[tuple[str, str, str], ...]:
    """The figures at the top: what it is, the figure, and a CSS class."""
    found: list[tuple[str, str, str]] = []
    if results and results.nodes:
        nodes = [node for node in results.nodes if set(node.roles) - {"etcd"}]
        ready = sum(node.ready for node in nodes)
        found.append(("nodes ready", f"{ready} of {len(nodes)}", "done" if ready == len(nodes) else "failed"))
    if results:
        passed, bad = results.counts.get("passed", 0), len(results.bad)
        skipped = results.counts.get("skipped", 0)
        found += [("checks passed", f"{passed:,}", "done" if passed else "failed")]
        found += [("checks failed", f"{bad:,}", "failed")] if bad else []
        found += [("checks skipped", f"{skipped:,}", "skipped")] if skipped else []
    if run.hosts and run.tasks:
        found.append(("tasks changed", f"{run.changed_tasks:,}", ""))
    found.append(("in all", duration(run.duration_s), ""))
    if results and results.certificates:
        days = (min(each.ends for each in results.certificates) - results.started).days
        state = "failed" if days < 0 else "stopped" if days <= _SOON_DAYS else ""
        found.append(("to the next expiry", count(days, "day"), state))
    return tuple(found)
