"""The end of ``kprov up``: what was made, how long it took, what is missing, what to type next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from kprov.console.lines import bar, clean, clip, indented
from kprov.console.screen import glyphs, screen
from kprov.console.tables import Column, fitting, natural_width, table
from kprov.report.words import count, duration, listing, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, RenderableType

    from kprov.console.screen import Glyphs
    from kprov.report.model import NodeRow, PhaseRow, Summary

_WIDEST = 100
_INDENT = "  "
_TITLES = 30
_BAR_STYLES = {"failed": "red", "stopped": "yellow", "unchanged": "dim", "skipped": "dim"}


def print_summary(summary: Summary, *, color: bool = True) -> None:
    """Print the summary on stdout."""
    console = screen(color=color)
    # Long words and commands stay whole: the terminal may wrap them, so that they can still be copied.
    console.print(render_summary(summary, console), no_wrap=True, overflow="ignore", crop=False)


def render_summary(summary: Summary, console: Console) -> Group:
    """The summary as it fits this console."""
    width = min(console.width - 1, _WIDEST)
    signs = glyphs(console)
    return Group(
        Text(),
        *_headline(summary, signs, width),
        *_nodes(summary.nodes, signs, width),
        *_phases(summary.phases, signs, width),
        *_facts(summary, width),
        *_missing(summary, signs, width),
        *_alarms(summary.alarms, signs, width),
        *_next(summary.next_steps),
    )


def _headline(summary: Summary, signs: Glyphs, width: int) -> Iterator[RenderableType]:
    """One sentence: what the cluster is and whether it stands; below it what the run did."""
    ready, total = sum(node.ready for node in summary.nodes), len(summary.nodes)
    kinds = _kinds(summary.nodes)
    if ready == total:
        mark, style, state = signs.done, "bold green", "is up" if total else "is as far as it was asked to be"
    else:
        mark, style, state = signs.failed, "bold red", f"is not whole: {ready} of {count(total, 'node')} ready"
    head = Text(f"{mark} {summary.cluster} {state}", style)
    if head.cell_len + 2 + len(kinds) <= width:
        yield Text.assemble(head, f"  {kinds}")
    else:
        yield from (head, Text(f"{_INDENT}{kinds}"))
    hosts = count(summary.hosts, "host")
    did = f"{count(summary.changed_tasks, 'task')} changed on {hosts}, " if summary.hosts else ""
    if summary.hosts and not summary.changed_tasks:
        did = f"nothing to change on {hosts}, "
    yield Text(f"{_INDENT}{did}in {duration(summary.duration_s)}", "dim")


def _kinds(nodes: Sequence[NodeRow]) -> str:
    """How many there are of each: a control plane that also carries workloads is a control plane."""
    planes = sum("control-plane" in node.roles for node in nodes)
    etcd_alone = sum(node.roles == ("etcd",) for node in nodes)
    numbers = ((planes, "control plane"), (etcd_alone, "etcd member"), (len(nodes) - planes - etcd_alone, "worker"))
    return listing([count(number, noun) for number, noun in numbers if number])


def _nodes(nodes: Sequence[NodeRow], signs: Glyphs, width: int) -> Iterator[RenderableType]:
    if not nodes:
        return
    yes, no = f"{signs.done} yes", f"{signs.failed} no"
    columns = (
        Column("node"),
        Column("address"),
        Column("roles"),
        Column("ready", styles={yes: "green", no: "bold red"}),
        Column("version"),
        Column("system", spare=3),
        Column("runtime", spare=2),
    )
    room = width - len(_INDENT)

    def rows_with(roles: slice) -> list[tuple[str, ...]]:
        return [
            (n.name, n.address, ",".join(n.roles[roles]), yes if n.ready else no, n.version, n.system, n.runtime)
            for n in nodes
        ]

    rows = rows_with(slice(None))
    if natural_width(columns, rows, range(5)) > room:
        rows = rows_with(slice(1))  # the first role is the one that matters: etcd goes with the control planes
    yield Text()
    yield Padding(table(columns, rows, room), (0, 0, 0, len(_INDENT)))
    # What all nodes share is not lost when its column has no room.
    dropped = [i for i in range(len(columns)) if i not in fitting(columns, rows, room)]
    shared = [next(iter(values)) for i in dropped if len(values := {row[i] for row in rows}) == 1]
    if any(shared):
        yield Text(f"{_INDENT}all on {listing([text for text in shared if text])}", "dim")


def _phases(phases: Sequence[PhaseRow], signs: Glyphs, width: int) -> Iterator[RenderableType]:
    """A line per phase: its title, a bar as long as its share of the time, the time; why it is not ``done``."""
    shown = [row for row in phases if row.outcome != "skipped"]
    skipped = [clean(row.title) for row in phases if row.outcome == "skipped"]
    if not shown:
        return
    longest_s = max([0.001, *(row.duration_s for row in shown)])
    titles = min(max(len(row.title) for row in shown), _TITLES if width >= 56 else 20)
    cells = min(width - len(_INDENT) - titles - 2 - 9, 40)
    yield Text()
    for row in shown:
        style = _BAR_STYLES.get(row.outcome, "green")
        drawn = bar(row.duration_s / longest_s, cells, signs)
        note = f"  {row.outcome}" if row.outcome in ("failed", "stopped") else ""
        yield Text.assemble(
            f"{_INDENT}{clip(clean(row.title), titles, signs):<{titles}}  ",
            (f"{duration(row.duration_s):>7}", "dim" if row.outcome == "unchanged" else ""),
            "  ",
            (drawn, style),
            (note, style),
        )
    if skipped:
        yield from indented(Text(f"skipped: {', '.join(skipped)}", "dim"), width, _INDENT)


def _facts(summary: Summary, width: int) -> Iterator[RenderableType]:
    facts = [(fact.name, clean(fact.value)) for fact in summary.facts]
    if summary.kubeconfig:
        facts.append(("Kubeconfig", str(summary.kubeconfig)))
    if not facts:
        return
    names = max(len(name) for name, _ in facts) + 2
    yield Text()
    for name, value in facts:
        first, *more = indented(Text(value), width, _INDENT + " " * names)
        yield Text.assemble(_INDENT, (f"{name:<{names}}", "dim"), first.plain.lstrip())
        yield from more


def _missing(summary: Summary, signs: Glyphs, width: int) -> Iterator[RenderableType]:
    """What was left out and why, then the notices that are more than information, nothing twice; then notes."""
    told = [sentences(f"{part.name} is left out: {part.why}", part.consequence) for part in summary.left_out]
    told += [sentences(n.text, n.remedy) for n in summary.notices if n.level != "info"]
    if not told and not summary.notes:
        return
    yield Text()
    for text in dict.fromkeys(told):
        yield from _marked(Text(clean(text)), (signs.notice, "bold yellow"), width)
    for text in summary.notes:
        yield from _marked(Text(clean(text), "dim"), (signs.skipped, "dim"), width)


def _alarms(alarms: Sequence[str], signs: Glyphs, width: int) -> Iterator[RenderableType]:
    """What nobody may overlook: loud in colours, and in words where there are none."""
    for text in alarms:
        yield Text()
        yield from _marked(Text(f"WARNING: {clean(text)}", "bold red"), (signs.notice, "bold red"), width)


def _marked(text: Text, mark: tuple[str, str], width: int) -> Iterator[RenderableType]:
    """A text behind its mark, wrapped to the width."""
    first, *more = indented(text, width, _INDENT * 2)
    yield Text.assemble(_INDENT, mark, " ", (first.plain.lstrip(), text.style))
    yield from more


def _next(steps: Sequence[str]) -> Iterator[RenderableType]:
    """The commands to type, never wrapped by us: they are there to be copied."""
    if not steps:
        return
    yield Text()
    yield Text(f"{_INDENT}Next", "bold")
    for step in steps:
        command, _, comment = step.partition("  # ")
        yield Text.assemble(_INDENT * 2, (command, "cyan"), (f"  # {comment}" if comment else "", "dim"))
