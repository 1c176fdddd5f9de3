"""A command that runs phases: one at a time per cluster, shown on the terminal and kept in the run's journal."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from kprov.ansible.runner import AnsiblePlaybooks
from kprov.bundle.lockfile import read
from kprov.bundle.mirrors import merged
from kprov.bundle.model import Bundle
from kprov.bundle.store import default_store
from kprov.console.sink import open_sink
from kprov.errors import InputError, Interrupted, KprovError
from kprov.events import Bus, Notice, RunFinished, RunStarted
from kprov.inventory.variables import Machines
from kprov.journal.folders import EVENTS, new_run_folder
from kprov.journal.journal import Journal
from kprov.lab.providers import provider
from kprov.phases.addons import recalled
from kprov.phases.base import Context, foresee
from kprov.phases.supported import line_of
from kprov.release.catalog import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kprov.ansible.runner import Strategy
    from kprov.cli.options import Settings
    from kprov.console.screen import StreamName
    from kprov.phases.base import Phase
    from kprov.spec.load import Loaded
    from kprov.spec.paths import ClusterPaths


@contextmanager
def exclusive(loaded: Loaded) -> Iterator[None]:
    """Hold the cluster for this process; the lock ends with the process, however it ends.

    Raises:
        InputError: another kprov holds it, or the folder has the keys and the lock of another cluster.
    """
    paths = loaded.paths
    paths.artifacts.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(paths.artifacts / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
            raise InputError(
                "another kprov is at work on this cluster",
                where=str(paths.file),
                why=f"process {holder}" if holder else "",
                remedy="Wait until it has ended, or end it; then run the same command again.",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        _claim(paths, loaded.spec.cluster)
        yield
    finally:
        os.close(handle)


@contextmanager
def session(
    command: str,
    loaded: Loaded,
    phases: Sequence[Phase],
    settings: Settings,
    strategy: Strategy = "auto",
    mirrors: Sequence[str] = (),
    told: str = "",
    shown_on: StreamName = "stdout",
) -> Iterator[Context]:
    """What phases need, with display and journal around it; the end of the run is told whatever happens.

    ``mirrors`` are those of the command line, ``told`` is what the user should know first. ``shown_on`` is
    where the display is, ``stderr`` for commands whose output is data.

    Raises:
        SpecError: the version in the cluster file has no rules.
        InputError: another kprov is at work on the cluster, a phase foresees that it cannot do its work, or a mirror is
            neither a URL nor a folder.
    """
    lines = partial(line_of, loaded)
    release = resolve(loaded.spec, file=str(loaded.paths.file), line=lines("kubernetes.version"), line_of=lines)
    machines = provider(loaded.spec.lab.provider) if loaded.spec.lab else None
    instead = merged(loaded.spec.bundle.mirrors, os.environ, mirrors)
    foresee(phases, loaded, machines)
    store = default_store(os.environ)
    started = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(exclusive(loaded))
        run = new_run_folder(loaded.paths.runs)
        journal = stack.enter_context(Journal(run / EVENTS))
        sink = stack.enter_context(open_sink(settings.verbosity, color=settings.color, stream=shown_on))
        emit = Bus((journal, sink))
        emit(RunStarted(command, loaded.spec.cluster, tuple(phase.name for phase in phases)))
        if told:
            emit(Notice("info", told))
        code = 0
        try:
            yield Context(
                loaded=loaded,
                release=release,
                provider=machines,
                playbooks=AnsiblePlaybooks(loaded.paths.inventory, run / "ansible.log", strategy),
                store=store,
                run=run,
                emit=emit,
                mirrors=instead,
                machines=Machines(shared_kernel=machines is not None and machines.facts()["shared_kernel"]),
                bundle=Bundle(read(loaded.paths.lock), store, changed=False) if loaded.paths.lock.exists() else None,
                addons=recalled(loaded, release, store),
            )
        except BaseException as error:
            code = _exit_code(error)
            raise
        finally:
            emit(RunFinished(command, code, time.monotonic() - started))


def _claim(paths: ClusterPaths, cluster: str) -> None:
    """Have the folder belong to this cluster: what lies in ``artifacts`` has the same place for every cluster file."""
    owner = paths.owner.read_text(encoding="utf-8").strip() if paths.owner.exists() else ""
    if owner and owner != cluster:
        raise InputError(
            f"this folder belongs to the cluster {owner}, not to {cluster}",
            where=str(paths.artifacts),
            why=f"{owner} was made from a cluster file here, and its keys would be lost",
            remedy=f"Name the cluster {owner} again, or keep this cluster file in a folder of its own. "
            f"Where nothing of {owner} is left, remove {paths.artifacts}.",
        )
    if not owner:
        paths.owner.write_text(f"{cluster}\n", encoding="utf-8")


def _exit_code(error: BaseException) -> int:
    """The exit code that this error will end the command with."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted.exit_code
    return error.exit_code if isinstance(error, KprovError) else KprovError.exit_code
