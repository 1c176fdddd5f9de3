r"""What Vagrant says with ``--machine-readable``, and what it means: states, progress, and causes with their remedies.

A line is ``timestamp,machine,kind,data…``; commas inside of data are written ``%!(VAGRANT_COMMA)``, line ends ``\n``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.events import Emit, Progress
from kprov.lab.vagrant_files import node

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from kprov.lab.provider import MachineState


@dataclass(frozen=True, slots=True)
class Said:
    """One line: of which machine (empty: of none), what kind, and what."""

    machine: str
    kind: str
    data: tuple[str, ...]

    @property
    def text(self) -> str:
        """The last datum without the marks that Vagrant puts before what it shows."""
        return re.sub(r"^(==> )?\S+: +", "", self.data[-1].strip()) if self.data else ""


def parse(line: str) -> Said | None:
    """One line; None where it is none of these.

    >>> parse("1700000000,lab.m1,ui,info,==> lab.m1: Waiting%!(VAGRANT_COMMA) still")
    Said(machine='lab.m1', kind='ui', data=('info', '==> lab.m1: Waiting, still'))
    >>> parse("Traceback") is None
    True
    """
    stamp, *rest = line.rstrip("\n").split(",")
    if not stamp.isdigit() or len(rest) < 2:
        return None
    data = (part.replace("%!(VAGRANT_COMMA)", ",").replace("\\n", "\n").replace("\\r", "") for part in rest[2:])
    return Said(rest[0], rest[1], tuple(data))


def states(lines: Iterable[str]) -> dict[str, MachineState]:
    """The state of each machine out of ``vagrant status``.

    >>> states(["1,lab.m1,state,running", "1,lab.m2,state,not_created", "1,lab.m3,state,poweroff"])
    {'lab.m1': 'running', 'lab.m2': 'absent', 'lab.m3': 'stopped'}
    """
    words: dict[str, MachineState] = {"running": "running", "not_created": "absent"}
    said = filter(None, map(parse, lines))
    return {one.machine: words.get(one.data[0], "stopped") for one in said if one.kind == "state" and one.data}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why Vagrant failed, and what to do. ``transient``: it may work when asked again in a while."""

    why: str
    remedy: str
    transient: bool = False


_CAUSES = (
    (
        r"provider 'libvirt' could not be found",
        "Vagrant has no plugin for libvirt here",
        "Run `apt-get install vagrant-libvirt`, or `vagrant plugin install vagrant-libvirt`.",
    ),
    (
        r"provider 'parallels' could not be found",
        "Vagrant has no plugin for parallels here",
        "Run `vagrant plugin install vagrant-parallels`; Parallels Desktop runs on macOS only.",
    ),
    (
        r"provider 'vmware_desktop' could not be found",
        "Vagrant has no plugin for vmware_desktop here",
        "Run `vagrant plugin install vagrant-vmware-desktop`, and install its utility.",
    ),
    (
        r"provider '(\S+)' could not be found",
        "Vagrant has no provider {0} here",
        "Name another as lab.vagrant.provider.",
    ),
    (
        r"provider '(\S+)' that was requested",
        "{0} cannot be used on this host",
        "Install it, or name another as lab.vagrant.provider.",
    ),
    (
        r"No usable default provider could be found",
        "Vagrant finds no hypervisor here",
        "Install VirtualBox, or vagrant-libvirt with libvirt, and name it as lab.vagrant.provider.",
    ),
    (
        r"[Ff]ailed to connect socket to '(\S+libvirt\S*)'|error while connecting to Libvirt",
        "libvirt does not answer",
        "Start it: `systemctl start libvirtd`; the user must be in the group libvirt.",
    ),
    (
        r"The box '(\S+)' could not be found|The box you're attempting to add",
        "the box cannot be had",
        "See whether this host reaches the registry of boxes, or name a box that is here: lab.vagrant.box and box_url.",
    ),
    (
        r"An error occurred while downloading the remote file",
        "the box cannot be downloaded",
        "See whether this host reaches the registry of boxes, or name a box that is here: lab.vagrant.box and box_url.",
    ),
    (
        r"[Nn]ame `?(\S+?)`? of domain about to create is already taken",
        "a machine {0} exists that Vagrant does not know",
        "Remove it: `virsh undefine --remove-all-storage {0}`, after `virsh destroy {0}` where it runs.",
    ),
    (
        r"IP address '?(\S+?)'? .*network|[Nn]etwork .* (already in use|is not available|overlaps)",
        "the lab's network collides with another one",
        "Choose another lab.subnet, or remove that network: `virsh net-list --all`.",
    ),
    (
        r"Unable to find '(\S+)' binary",
        "{0} is not installed here",
        "Install it: `apt-get install dnsmasq-base` brings dnsmasq.",
    ),
    (
        r"could not open kernel file '(\S+)'|could not load kernel '(\S+?)'",
        "the hypervisor cannot read {0}",
        "Put lab.vagrant.libvirt.kernel and initrd where its user may read them, as /var/lib/libvirt/boot.",
    ),
    (
        r"VT-x is not available|AMD-V is disabled|KVM.*(not|isn't) (available|supported)|Could not access KVM",
        "the processor's virtualization cannot be used",
        "Switch it on in the firmware, or use software emulation: lab.vagrant.libvirt.driver: qemu.",
    ),
    (
        r"Timed out while waiting for the machine to boot|[Tt]imeout.*waiting for (the )?(domain|machine)",
        "a machine did not boot in time",
        "Look at its console (`virsh console`), give it more processors, or raise lab.vagrant.boot_timeout_s.",
    ),
    (
        r"shows another host key than the pinned one",
        "a machine shows another host key than the pinned one",
        "If it was made anew behind Vagrant's back, remove its line from artifacts/ssh/known_hosts.",
    ),
    (
        r"snapshot name `?(\S+?)`? was not found|no domain snapshot with matching name|[Ss]napshot .*not found",
        "there is no such snapshot",
        "See `vagrant snapshot list`; make one with `kprov lab snapshot NAME`.",
    ),
    (
        r"[Nn]o space left on device",
        "the disk is full",
        "Free some space: boxes (`vagrant box prune`) and disks of machines are large.",
    ),
)
_TRACE = re.compile(r"\s+from /|#<Thread:")
_BUSY = re.compile(r"another process is already executing an action|is locked|Vagrant locks each machine")


def cause(said: str) -> Cause:
    """The cause out of all that Vagrant said; its own last words where none is known.

    >>> cause("The provider 'libvirt' could not be found, but was requested").why
    'Vagrant has no plugin for libvirt here'
    """
    if _BUSY.search(said):
        return Cause("another vagrant works on these machines", "Let it end, then run the command again.", True)
    for pattern, why, remedy in _CAUSES:
        if found := re.search(pattern, said):
            named = next(filter(None, found.groups()), "")
            return Cause(why.format(named), remedy.format(named))
    # Ruby tells the place in its own code first: …/vm_action.rb:7:in `create': Call to … failed: …
    lines = [re.sub(r"^/\S+:\d+:in `\S+': ", "", line.strip()) for line in said.splitlines() if line.strip()]
    last = " ".join(lines[-3:])[-400:]
    return Cause(last or "it says nothing", "Run the command again; `vagrant up --debug` tells everything.")


def readable(lines: Iterable[str]) -> str:
    """What was said, for people: texts, and lines that are of another program."""
    every = [(parse(line), line) for line in lines]
    kept = [
        one.data[-1] if one else line for one, line in every if one is None or (one.data and one.kind != "metadata")
    ]
    return "".join(f"{line.rstrip()}\n" for line in kept)


def failure(lines: Iterable[str]) -> str:
    """What to look for causes in: the errors, and else everything that is text."""
    every = [(parse(line), line) for line in lines]
    errors = [one.data[-1] for one, _ in every if one and one.data and one.kind == "error-exit"]
    shown = [one.data[-1] for one, _ in every if one and one.kind == "ui" and one.data[:1] in (("error",), ("warn",))]
    plain = [line for one, line in every if one is None and not _TRACE.match(line)]
    return "\n".join([*shown, *plain, *errors])


class Listener:
    """Turns what Vagrant says into progress; a machine is done when its action ends."""

    def __init__(self, emit: Emit, names: Sequence[str]) -> None:
        self._emit = emit
        self._names = frozenset(names)
        self._done: set[str] = set()

    def __call__(self, line: str) -> None:
        """Take a line."""
        said = parse(line)
        if said is None or said.machine not in self._names or not said.data:
            return
        if said.kind == "action" and said.data[-1] == "end":
            self._done.add(said.machine)
        elif said.kind != "ui" or said.data[0] not in {"info", "output", "success", "detail"}:
            return
        text = "done" if said.kind == "action" else said.text.partition("\n")[0].rstrip(". ")[:80]
        self._emit(Progress("lab", text, host=node(said.machine), done=len(self._done), total=len(self._names)))
