"""Shows measurements as tables: costs with their ratios to the floor, tasks by host, seconds by phase."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from machine import QUIET_SHARE

from kprov.console.tables import Column, print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from meter import Cost
    from sample import Sample

FLOORS = ("floor", "floor, parallel")
FIRSTS = ("kprov", "whole")
AGAIN = ", again"
CONTROL_PLANE_TASKS, WORKER_TASKS = 90, 60


def show(samples: Sequence[Sample], planes: Collection[str]) -> None:
    """Print all tables that the measurements have something for; every figure is the median over the rounds."""
    cases: dict[str, list[Sample]] = {}
    for sample in samples:
        cases.setdefault(sample.case, []).append(sample)
    _costs(cases)
    _again(cases)
    for first in FIRSTS:
        if first in cases:
            _tasks(cases[first][-1], cases[first + AGAIN][-1], planes)
            break
    _phases(cases)
    # Before a second run there is a cluster, which is never quiet.
    firsts = [each for each in samples if not each.case.endswith(AGAIN)]
    if noisy := [f"{each.case} of round {each.round}" for each in firsts if each.busy_before > QUIET_SHARE]:
        print(f"\nThe machine was busy with something else before: {', '.join(noisy)}. These figures mean little.")


def ratio(cases: Mapping[str, Sequence[Sample]], case: str, base: str, figure: Callable[[Cost], float]) -> float | None:
    """The median over the rounds of a figure of one case to that of another in the same round."""
    bases = {each.round: figure(each.cost) for each in cases.get(base, ())}
    ratios = [figure(each.cost) / bases[each.round] for each in cases.get(case, ()) if bases.get(each.round)]
    return median(ratios) if ratios else None


def _costs(cases: Mapping[str, Sequence[Sample]]) -> None:
    titles = ("wall s", "range", "cpu s", "range", "largest MiB", "machine cpu s")
    columns = [Column("case"), *(Column(title, "right") for title in titles)]
    floors = [floor for floor in FLOORS if floor in cases]
    for floor in floors:
        columns += [Column(f"wall / {floor}", "right"), Column(f"cpu / {floor}", "right")]
    rows = []
    for case, samples in cases.items():
        costs = [each.cost for each in samples]
        row = [case, *_spread([cost.wall_s for cost in costs]), *_spread([cost.cpu_s for cost in costs])]
        row.append(f"{max(cost.largest_mib for cost in costs):.0f}")
        row.append(f"{median(cost.machine_cpu_s for cost in costs):.0f}")
        for floor in floors:
            row.append(_number(ratio(cases, case, floor, lambda cost: cost.wall_s)))
            row.append(_number(ratio(cases, case, floor, lambda cost: cost.cpu_s)))
        rows.append(row)
    print()
    print_table(columns, rows)


def _spread(values: Sequence[float]) -> tuple[str, str]:
    """The median, and from where to where the values go."""
    return f"{median(values):.1f}", f"{min(values):.1f}-{max(values):.1f}" if len(values) > 1 else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _again(cases: Mapping[str, Sequence[Sample]]) -> None:
    """What a second run costs that finds nothing to do."""
    for first in FIRSTS:
        again = ratio(cases, first + AGAIN, first, lambda cost: cost.wall_s)
        if again is not None:
            changed = sum(counts.get("changed", 0) for counts in cases[first + AGAIN][-1].tasks.values())
            print(f"\n{first}: the second run takes {again:.2f} of the first; tasks changed: {changed}")


def _tasks(first: Sample, again: Sample, planes: Collection[str]) -> None:
    titles = ("tasks", "changed", "again: tasks", "changed", "at most")
    rows = []
    for host, counts in first.tasks.items():
        later = again.tasks.get(host, {})
        run = [sum(counts.values()), counts.get("changed", 0), sum(later.values()), later.get("changed", 0)]
        limit = CONTROL_PLANE_TASKS if host in planes else WORKER_TASKS
        rows.append([host, *map(str, run), str(limit)])
    print()
    print_table([Column("host"), *(Column(title, "right") for title in titles)], rows)


def _phases(cases: Mapping[str, Sequence[Sample]]) -> None:
    shown = [case for case, samples in cases.items() if samples[0].phases]
    titles = dict.fromkeys(title for case in shown for sample in cases[case] for title in sample.phases)
    rows = []
    for title in titles:
        seconds = [[each.phases[title] for each in cases[case] if title in each.phases] for case in shown]
        rows.append([title, *(f"{median(values):.1f}" if values else "" for values in seconds)])
    if rows:
        print()
        print_table([Column("phase, s"), *(Column(case, "right") for case in shown)], rows)
