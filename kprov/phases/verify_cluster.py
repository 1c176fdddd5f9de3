"""Prove that the cluster works: the suites of `kprov verify` against every node."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kprov.bundle import lockfile
from kprov.errors import CheckFailed
from kprov.events import Notice
from kprov.phases import manifests
from kprov.phases.base import Context, Done
from kprov.report.results import RESULTS, save_results
from kprov.verify.run import verify
from kprov.verify.settings import settings_for

if TYPE_CHECKING:
    from typing import Final

    from kprov.spec.load import Loaded
    from kprov.verify.settings import Settings


@dataclass(frozen=True, slots=True)
class VerifyCluster:
    """Runs the suites; a failed check fails the run."""

    name: Final = "verify"
    title: Final = "Prove that it works"

    def should_run(self, context: Context) -> bool:  # noqa: D102 - see Phase
        return bool(context.spec.nodes)

    def run(self, context: Context) -> Done:  # noqa: D102 - see Phase
        results = verify(promised(context.loaded, shared_kernel=context.machines.shared_kernel), context.emit)
        save_results(results, context.run / RESULTS)
        for check in results.bad:
            place = f"{check.host}: " if check.host else ""
            context.emit(Notice("error", f"{place}{check.suite}: {check.name}: {check.message}"))
        if not results.ok:
            raise CheckFailed(
                f"{len(results.bad)} of {len(results.checks)} checks failed",
                where=", ".join(dict.fromkeys(check.host for check in results.bad if check.host)),
                why="; ".join(f"{check.suite}: {check.name}" for check in results.bad[:5]),
                remedy="Look at the checks named above; `kprov verify` repeats them without changing anything.",
            )
        skipped = results.counts.get("skipped", 0)
        summary = f"{results.counts['passed']} checks passed" + (f", {skipped} skipped" if skipped else "")
        return Done(replace(context, results=results), "unchanged", summary)


def promised(loaded: Loaded, *, shared_kernel: bool) -> Settings:
    """What the cluster file, the bundle's lock and the objects that were made of them promise, for the suites."""
    lock = loaded.paths.lock
    left_out = {part.name: part.why for part in lockfile.read(lock).left_out} if lock.is_file() else {}
    return settings_for(
        loaded.spec,
        loaded.paths.ssh_config,
        manifests.read(loaded.paths.manifests),
        without_dns=left_out.get("coredns", ""),
        shared_kernel=shared_kernel,
    )
