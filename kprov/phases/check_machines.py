"""Check every machine before it is touched; an error found here stops the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed, UnreachableError
from kprov.events import Notice
from kprov.inventory.variables import RUNTIME_KINDS
from kprov.phases.addons import asked
from kprov.phases.base import Context, Done
from kprov.preflight.expectations import expect
from kprov.preflight.gather import gather
from kprov.preflight.judge import REACHABLE, judge
from kprov.report.words import count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from kprov.events import Emit
    from kprov.preflight.finding import Finding
    from kprov.release.catalog import Release
    from kprov.spec.load import Loaded


@dataclass(frozen=True, slots=True)
class CheckMachines:
    """Runs preflight and says every finding; warnings do not stop the run."""

    name: Final = "preflight"
    title: Final = "Check the machines"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        shared_kernel = context.machines.shared_kernel
        parts = context.bundle.lock.artifacts if context.bundle else ()
        findings = examine(
            context.loaded,
            context.release,
            shared_kernel=shared_kernel,
            emit=context.emit,
            system_runtime=not any(part.kind in RUNTIME_KINDS for part in parts) if context.bundle else None,
        )
        for finding in findings:
            hosts = ", ".join(finding.hosts)
            context.emit(Notice(finding.level, f"{hosts}: {finding.what}: {finding.why}", finding.remedy))
        _refuse([finding for finding in findings if finding.level == "error"])
        said = f", {count(len(findings), 'finding')}" if findings else ", nothing to say"
        return Done(context, "unchanged", f"{count(len(context.spec.nodes), 'machine')}{said}")


def examine(
    loaded: Loaded,
    release: Release,
    *,
    shared_kernel: bool,
    emit: Emit,
    fsync: bool = False,
    system_runtime: bool | None = None,
) -> tuple[Finding, ...]:
    """Everything that is to be said about the machines of a cluster file.

    Args:
        loaded: the cluster file.
        release: its Kubernetes.
        shared_kernel: the machines are containers.
        emit: takes the progress.
        fsync: measure the disks that etcd will lie on.
        system_runtime: whether the bundle at hand lacks containerd; None: there is none at hand.

    Raises:
        InputError: there is no SSH configuration yet.
    """
    addons = asked(loaded, release)
    cluster = expect(loaded.spec, addons, shared_kernel=shared_kernel, system_runtime=system_runtime)
    facts = gather(tuple(loaded.spec.nodes), loaded.paths.ssh_config, cluster=cluster, fsync=fsync, emit=emit)
    return judge(facts, cluster)


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
