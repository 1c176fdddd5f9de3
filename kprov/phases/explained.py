"""A playbook that failed, explained by what the machine says of itself."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from kprov.ansible.runner import GOES_ON
from kprov.diagnose.evidence import Evidence, collect
from kprov.diagnose.explain import explain
from kprov.errors import KprovError, PlaybookError, UnreachableError
from kprov.phases.machines import log_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.load import Loaded


@contextmanager
def explained(loaded: Loaded) -> Iterator[None]:
    """Run a playbook; where a task fails, the error that goes on says the likely cause, the remedy and the logs.

    Raises:
        PlaybookError, UnreachableError: the same error, with what was found out.
    """
    try:
        yield
    except (PlaybookError, UnreachableError) as error:
        if error.host not in loaded.spec.nodes:
            raise
        raise with_cause(error, _ask(loaded, error)) from error


def _ask(loaded: Loaded, error: KprovError) -> Evidence:
    """What the machine says; only the error's own words where it cannot be asked."""
    try:
        with log_in(loaded, error.host) as remote:
            return collect(remote, error.why)
    except KprovError:
        return Evidence(error.why)


def with_cause(error: KprovError, evidence: Evidence) -> KprovError:
    """The error with the likely cause; one that nothing explains still says where to read on.

    A node that has no Python, or a sudo that asks, is unreachable for some strategies of Ansible: with its cause known,
    it is a task that failed.
    """
    told = explain(evidence)
    places = [f"{error.host}: {', '.join(told.logs)}"] if told.logs else []
    lost = isinstance(error, UnreachableError) and not told.name
    kind = UnreachableError if lost else PlaybookError
    return kind(
        error.what if lost or isinstance(error, PlaybookError) else "a task failed",
        where=error.where,
        why=error.why,
        cause=told.cause,
        remedy=f"{told.remedy} Then {GOES_ON}." if told.remedy else error.remedy,
        log="\n".join([*places, f"Ansible: {error.log}"]),
        host=error.host,
    )
