"""The lab of virtual machines, by Vagrant and whatever hypervisor stands behind it."""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.errors import CheckFailed, InputError
from kprov.events import Emit, Notice, Progress, silent
from kprov.lab import kvm, vagrant_said
from kprov.lab.lock import alone
from kprov.lab.provider import LabRequest, Machine
from kprov.lab.sweep import until
from kprov.lab.vagrant_command import Talk, talk
from kprov.lab.vagrant_files import (
    forget_owner,
    ids,
    node,
    note_unfinished,
    owner,
    parsed,
    paths_of,
    refuse_other,
    render,
    state_folder,
    unfinished,
    was_made,
)
from kprov.project import ansible_home
from kprov.ssh import known_hosts
from kprov.ssh.files import write_private
from kprov.ssh.target import SSH_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from kprov.lab.host import Host
    from kprov.lab.process import Completed
    from kprov.lab.provider import MachineState
    from kprov.spec.paths import ClusterPaths

_PHASE = "lab"
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    ``ask_s``: for an answer about states. ``machine_s``: for one machine to be made, besides the time that it may take
    to boot or to stop. ``download_s``: for a box. ``busy_s``: for a vagrant that outlived a killed kprov.
    ``greeting_s``: until sshd answers at the fixed address. ``lock_s``: for another kprov.
    """

    ask_s: float = 120
    machine_s: float = 300
    download_s: float = 3600
    busy_s: float = 600
    greeting_s: float = 120
    lock_s: float = 10
    poll_s: float = 5


PATIENCE = Patience()


class VagrantLab:
    """Machines of the one Vagrantfile, which reads what is rendered beside the cluster file.

    Vagrant's own state is where a plain ``vagrant`` keeps it, so that both may be used in turns.
    """

    name = "vagrant"

    def __init__(
        self,
        host: Host,
        command: Talk = talk,
        patience: Patience = PATIENCE,
        kvm_driver: Callable[[str], tuple[kvm.Driver, str]] = kvm.driver,
    ) -> None:
        self._host = host
        self._talk = command
        self._patience = patience
        self._kvm_driver = kvm_driver

    def check(self, lab: LabRequest) -> None:
        """Refuse, before anything is made, what cannot work here.

        Raises:
            InputError: no vagrant; a lab of this name that belongs to another cluster file.
        """
        paths_of(lab.home)
        self._require()
        refuse_other(lab.name, lab.home)

    def up(self, lab: LabRequest, emit: Emit) -> int:
        """Make every machine that is missing, start every one that is stopped; return how many changed.

        Each lets the cluster's key in and has its host keys pinned, by the Vagrantfile.

        Raises:
            InputError: see ``check``; a plugin or a box that is missing; another kprov or vagrant works on this lab.
            CheckFailed: a machine cannot be made, or does not boot.
        """
        with self._mine(lab.name, lab.home):
            files = paths_of(lab.home)
            self._refuse_orphans(lab, files)
            render(files.vagrant, lab.definition)
            before = self._states(files)
            names = ids(files.vagrant)
            pinned = known_hosts.read(files.known_hosts)
            ready = {name for name, place in names.items() if before.get(name) == "running" and parsed(place) in pinned}
            todo = [name for name in names if name not in ready]
            if todo:
                owner(lab.name).parent.mkdir(parents=True, exist_ok=True)
                owner(lab.name).write_text(f"{lab.home}\n", encoding="utf-8")
                there = {name for name in todo if before.get(name, "absent") != "absent"}
                halves = {name for name in there & unfinished(lab.name) if parsed(names[name]) not in pinned}
                if halves:
                    self._discard(files, sorted(halves), emit)
                note_unfinished(lab.name, set(todo) - (there - halves))
                self._bring_up(files, todo, emit)
                note_unfinished(lab.name, ())
            self._await_ssh(lab, files)
        return sum(before.get(name) != "running" for name in names)

    def down(self, name: str, emit: Emit, home: str = "") -> int:
        """Remove every machine with its disks and the lab's network; return how many machines were removed.

        Raises:
            InputError: no vagrant; the lab belongs to another cluster file; another kprov or vagrant works on it.
            CheckFailed: a machine cannot be removed.
        """
        with self._mine(name, home):
            files = paths_of(home)
            if not files.vagrant.exists() or not any(map(was_made, ids(files.vagrant))):
                forget_owner(name)
                return 0
            there = [each for each, state in self._states(files).items() if state != "absent"]
            if there:
                emit(Progress(_PHASE, "removing machines", done=0, total=len(there)))
                self._must(
                    files,
                    ["destroy", "--force", *there],
                    "the machines cannot be removed",
                    self._time(len(there)),
                    emit,
                )
            forget_owner(name)
        return len(there)

    def status(self, lab: LabRequest) -> tuple[Machine, ...]:
        """Every machine of the request, with its state and the host keys that were pinned at the first contact.

        Raises:
            InputError: no vagrant.
            CheckFailed: it does not tell.
        """
        files = paths_of(lab.home)
        self._require()
        states: Mapping[str, MachineState] = self._states(files) if files.vagrant.exists() else {}
        names = ids(files.vagrant) if files.vagrant.exists() else {}
        pinned = known_hosts.read(files.known_hosts)
        found = []
        for machine in lab.machines:
            each = f"{lab.name}.{machine.name}"
            keys = pinned.get(parsed(names[each]), ()) if each in names else ()
            found.append(Machine(machine.name, machine.address, states.get(each, "absent"), keys))
        return tuple(found)

    def snapshot(self, lab: LabRequest, label: str, emit: Emit) -> None:
        """Stop all machines, keep their disks, start them again: so that what they keep is of the same moment.

        Raises:
            InputError: a name that cannot be; a machine that is not there.
            CheckFailed: a machine cannot be kept.
        """
        _refuse_label(label)
        with self._mine(lab.name, lab.home):
            files = paths_of(lab.home)
            names = self._all_there(lab, files)
            self._halt(files, names, emit)
            for number, name in enumerate(names):
                emit(Progress(_PHASE, f"keeping {label}", host=node(name), done=number, total=len(names)))
                words = ["snapshot", "save", "--force", name, label]
                self._must(files, words, f"the snapshot {label} cannot be made", self._patience.machine_s, silent)
            self._bring_up(files, names, emit)
            self._await_ssh(lab, files)

    def restore(self, lab: LabRequest, label: str, emit: Emit) -> None:
        """Stop all machines, have their disks as they were kept, start them again.

        Raises:
            InputError: a name that cannot be; a machine or a snapshot that is not there; then nothing is changed.
            CheckFailed: a machine cannot be restored.
        """
        _refuse_label(label)
        with self._mine(lab.name, lab.home):
            files = paths_of(lab.home)
            names = self._all_there(lab, files)
            kept = self._must(files, ["snapshot", "list", *names], "snapshots cannot be listed", self._patience.ask_s)
            without = [name for name in names if label not in _kept(kept.out, name)]
            if without:
                raise InputError(
                    f"there is no snapshot {label}",
                    where=", ".join(map(node, without)),
                    remedy="Make one with `kprov lab snapshot NAME`; `vagrant snapshot list` shows all.",
                )
            self._halt(files, names, emit)
            for number, name in enumerate(names):
                emit(Progress(_PHASE, f"restoring {label}", host=node(name), done=number, total=len(names)))
                words = ["snapshot", "restore", "--no-provision", name, label]
                self._must(files, words, f"the snapshot {label} cannot be restored", self._time(1), silent)
            self._bring_up(files, names, emit)
            self._await_ssh(lab, files)

    def facts(self) -> Mapping[str, bool]:
        """``shared_kernel``: no, each machine has a kernel of its own."""
        return {"shared_kernel": False}

    def private_folders(self) -> tuple[Path, ...]:
        """Where Vagrant keeps its state of the machines."""
        return (state_folder(),)

    @contextmanager
    def _mine(self, name: str, home: str) -> Iterator[None]:
        self._require()
        with alone(name, self._patience.lock_s):
            refuse_other(name, home)
            yield

    def _require(self) -> None:
        if not self._host.has("vagrant"):
            raise InputError(
                "vagrant is not installed here",
                where="PATH",
                remedy="Install it with a hypervisor: `apt-get install vagrant vagrant-libvirt libvirt-daemon-system`.",
            )

    def _refuse_orphans(self, lab: LabRequest, files: ClusterPaths) -> None:
        """Refuse to forget machines that were made and are no longer in the cluster file."""
        if not files.vagrant.exists():
            return
        named = {f"{lab.name}.{machine.name}" for machine in lab.machines}
        if not set(ids(files.vagrant)) - named:
            return
        orphans = [each for each, state in self._states(files).items() if state != "absent" and each not in named]
        if orphans:
            raise InputError(
                "machines of this lab are no longer in the cluster file",
                where=", ".join(map(node, orphans)),
                remedy=f"Remove them (`KPROV_CLUSTER={files.home} vagrant destroy {' '.join(orphans)}`), "
                "or write them into the cluster file again.",
            )

    def _states(self, files: ClusterPaths) -> dict[str, MachineState]:
        done = self._must(files, ["status"], "vagrant does not tell the machines' states", self._patience.ask_s)
        return vagrant_said.states(done.out.splitlines())

    def _all_there(self, lab: LabRequest, files: ClusterPaths) -> list[str]:
        """The names of all machines, which must exist."""
        states = self._states(files) if files.vagrant.exists() else {}
        names = [f"{lab.name}.{machine.name}" for machine in lab.machines]
        if absent := [node(name) for name in names if states.get(name, "absent") == "absent"]:
            raise InputError(
                "machines are not there", where=", ".join(absent), remedy="Make them first: `kprov lab up`."
            )
        return names

    def _bring_up(self, files: ClusterPaths, names: Sequence[str], emit: Emit) -> None:
        emit(Progress(_PHASE, "starting machines", done=0, total=len(names)))
        timeout_s = self._time(len(names), files) + self._patience.download_s
        self._must(files, ["up", *names], "the machines cannot be started", timeout_s, emit)

    def _discard(self, files: ClusterPaths, names: Sequence[str], emit: Emit) -> None:
        """Remove machines that were cut off while they were made: libvirt gives addresses only at that time."""
        emit(Notice("info", f"cut off while they were made, and made anew: {', '.join(map(node, names))}"))
        what = "a machine that is half made cannot be removed"
        self._must(files, ["destroy", "--force", *names], what, self._time(len(names)), emit)

    def _halt(self, files: ClusterPaths, names: Sequence[str], emit: Emit) -> None:
        emit(Progress(_PHASE, "stopping machines", done=0, total=len(names)))
        self._must(files, ["halt", *names], "the machines cannot be stopped", self._time(len(names), files), emit)

    def _time(self, machines: int, files: ClusterPaths | None = None) -> float:
        boot_s = json.loads(files.vagrant.read_text(encoding="utf-8"))["boot_timeout_s"] if files else 0
        return float(boot_s + self._patience.machine_s * machines)

    def _must(
        self, files: ClusterPaths, words: Sequence[str], what: str, timeout_s: float, emit: Emit = silent
    ) -> Completed:
        """Run vagrant; one that is kept from it by another vagrant is asked again for a while.

        Raises:
            CheckFailed: it failed; with the cause in words and the remedy.
        """
        environment = self._environment(files, words[0], emit)
        deadline = time.monotonic() + self._patience.busy_s
        while True:
            done = self._talk(
                ["--machine-readable", *words],
                environment=environment,
                heard=vagrant_said.Listener(emit, [word for word in words if "." in word]),
                timeout_s=timeout_s,
            )
            if not done.code:
                return done
            cause = vagrant_said.cause(vagrant_said.failure(done.out.splitlines()))
            if not cause.transient or time.monotonic() > deadline:
                log = files.artifacts / "vagrant.log"
                write_private(log, vagrant_said.readable(done.out.splitlines()).encode())
                raise CheckFailed(
                    what, where=files.home.name, why=cause.why, remedy=f"{cause.remedy} All that it said: {log}"
                )
            emit(Progress(_PHASE, "waiting for another vagrant to end"))
            time.sleep(self._patience.poll_s)

    def _environment(self, files: ClusterPaths, verb: str, emit: Emit) -> dict[str, str]:
        found = {
            "KPROV_CLUSTER": str(files.home),
            "VAGRANT_CWD": str(ansible_home()),
            "VAGRANT_DOTFILE_PATH": str(state_folder()),
            "VAGRANT_NO_COLOR": "1",
            "VAGRANT_CHECKPOINT_DISABLE": "1",
        }
        document = json.loads(files.vagrant.read_text(encoding="utf-8"))
        provider = os.environ.get("VAGRANT_DEFAULT_PROVIDER") or document["provider"]
        if verb == "up" and provider == "libvirt" and "driver" not in document["libvirt"]:
            driver, why = self._kvm_driver(document["libvirt"].get("kernel", ""))
            if why:
                emit(Notice("warning", f"virtual machines run by software emulation, slowly: {why}"))
            found["KPROV_LIBVIRT_DRIVER"] = driver
        return found

    def _await_ssh(self, lab: LabRequest, files: ClusterPaths) -> None:
        """Wait until sshd greets at the fixed addresses: Vagrant itself may have come another way."""
        pinned = known_hosts.read(files.known_hosts)
        places = {name: parsed(place) for name, place in ids(files.vagrant).items()}
        unpinned = [node(name) for name, place in places.items() if place not in pinned]
        if unpinned:
            raise CheckFailed(
                "no host key was pinned",
                where=", ".join(unpinned),
                remedy="Run the command again; if it fails again, run `vagrant up` and see what it says.",
            )
        waiting = {machine.name: machine.address for machine in lab.machines}

        def all_answer() -> bool:
            for name, address in list(waiting.items()):
                if self._host.ssh_answers(address, 1):
                    del waiting[name]
            return not waiting

        port = json.loads(files.vagrant.read_text(encoding="utf-8"))["port"]
        if port == SSH_PORT and not until(all_answer, self._patience.greeting_s):
            raise CheckFailed(
                f"no answer over SSH within {self._patience.greeting_s:.0f} s",
                where=", ".join(waiting),
                why="nothing greets at the fixed address",
                remedy="See the network of the machine: `vagrant ssh NAME -c 'ip address'`. One that was cut off while "
                "it was made has none: remove it by `vagrant destroy NAME`, and run the command again.",
            )


def _kept(said: str, name: str) -> set[str]:
    """The labels of a machine's snapshots out of ``vagrant snapshot list``."""
    lines = filter(None, map(vagrant_said.parse, said.splitlines()))
    return {one.text for one in lines if one.machine == name and one.kind == "ui"}


def _refuse_label(label: str) -> None:
    if not _LABEL.fullmatch(label):
        raise InputError(
            f"{label!r} cannot be the name of a snapshot",
            why="it has other signs than letters, digits, dots, dashes and underscores, or more than 60",
            remedy="Choose another name: before-upgrade.",
        )
