"""Check every machine before it is touched; an error found here stops the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed, UnreachableError
from kprov.events import Notice
from kprov.phases.addons import asked
from kprov.phases.base import Context, Done
from kprov.preflight.expectations import expect
from kprov.preflight.gather import gather
from kprov.preflight.judge import REACHABLE, judge

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from kprov.preflight.finding import Finding


@dataclass(frozen=True, slots=True)
class CheckMachines:
    """Runs preflight and says every finding; warnings do not stop the run."""

    name: Final = "preflight"
    title: Final = "Check the machines"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        facts = gather(tuple(context.spec.nodes), context.paths.ssh_config, emit=context.emit)
        addons = asked(context.loaded, context.release)
        findings = judge(facts, expect(context.spec, addons, shared_kernel=context.machines.shared_kernel))
        for finding in findings:
            hosts = ", ".join(finding.hosts)
            context.emit(Notice(finding.level, f"{hosts}: {finding.what}: {finding.why}", finding.remedy))
        _refuse([finding for finding in findings if finding.level == "error"])
        said = f", {len(findings)} findings" if findings else ", nothing to say"
        return Done(context, "unchanged", f"{len(facts)} machines{said}")


def _refuse(errors: Sequence[Finding]) -> None:
    """Stop the run on errors; all of them were said already.

    Raises:
        UnreachableError: a machine could not be asked.
        CheckFailed: a machine is not fit.
    """
    if not errors:
        return
    hosts = ", ".join(dict.fromkeys(host for finding in errors for host in finding.hosts))
    kind = UnreachableError if any(finding.rule == REACHABLE for finding in errors) else CheckFailed
    raise kind(
        f"{len(errors)} check{'s' if len(errors) > 1 else ''} failed before anything was changed",
        where=hosts,
        why="; ".join(finding.what for finding in errors),
        remedy="Mend what is named above, then run the same command again.",
    )
