"""The files of a lab by Vagrant: what is rendered for its Vagrantfile, and whose lab it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import InputError
from kprov.inventory.model import HEADER
from kprov.project import ansible_home
from kprov.spec.paths import ClusterPaths
from kprov.ssh.target import SSH_PORT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kprov.ssh.known_hosts import Place


def paths_of(home: str) -> ClusterPaths:
    """The paths beside the cluster file to which a lab belongs.

    Raises:
        InputError: it belongs to none.
    """
    if not home:
        raise InputError(
            "machines by Vagrant need a cluster file",
            remedy="Name it: the Vagrantfile reads what is rendered beside it.",
        )
    return ClusterPaths(Path(home))


def render(path: Path, definition: str) -> bool:
    """Write what the Vagrantfile reads, if it differs; return whether it did.

    Raises:
        InputError: a file that kprov did not render stands in the way.
    """
    if path.exists():
        present = path.read_text(encoding="utf-8")
        if present == definition:
            return False
        if HEADER not in present[:256]:
            raise InputError(
                "a file that kprov did not render stands in the way", where=str(path), remedy="Move it away."
            )
    path.write_text(definition, encoding="utf-8")
    return True


def ids(path: Path) -> dict[str, str]:
    """The rendered machines by Vagrant's name, each with its place in known_hosts.

    Raises:
        InputError: what was rendered cannot be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {one["id"]: one["place"] for one in document["machines"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            "what was rendered for Vagrant cannot be read",
            where=str(path),
            why=str(error),
            remedy="Run `kprov inventory render`.",
        ) from error


def parsed(place: str) -> Place:
    """What known_hosts writes as a place, as a key of ``known_hosts.read``.

    >>> parsed("10.0.0.11"), parsed("[10.0.0.11]:2222")
    (('10.0.0.11', 22), ('10.0.0.11', 2222))
    """
    address, _, port = place.removeprefix("[").partition("]:")
    return (address, int(port or SSH_PORT))


def node(name: str) -> str:
    """The node's name out of Vagrant's.

    >>> node("lab.m1")
    'm1'
    """
    return name.partition(".")[2]


def state_folder() -> Path:
    """Where Vagrant keeps its state, as Vagrant itself decides it: $VAGRANT_DOTFILE_PATH or beside the Vagrantfile."""
    return Path(os.environ.get("VAGRANT_DOTFILE_PATH") or ansible_home() / ".vagrant").absolute()


def was_made(name: str) -> bool:
    """Whether Vagrant knows a machine of this name of its own, whatever became of it; asked without Vagrant."""
    return any((state_folder() / "machines" / name).glob("*/id"))


def owner(name: str) -> Path:
    """The note of the cluster file to which a lab belongs."""
    return state_folder() / "kprov" / name


def forget_owner(name: str) -> None:
    """Let the name be anybody's."""
    owner(name).unlink(missing_ok=True)
    note_unfinished(name, ())


def unfinished(name: str) -> frozenset[str]:
    """The machines of a lab that kprov began to make, by Vagrant's names, where that did not come to its end."""
    note = _making(name)
    return frozenset(note.read_text(encoding="utf-8").split()) if note.is_file() else frozenset()


def note_unfinished(name: str, machines: Iterable[str]) -> None:
    """Note which machines are being made; none: all are made."""
    note, text = _making(name), " ".join(sorted(machines))
    if text:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(f"{text}\n", encoding="utf-8")
    else:
        note.unlink(missing_ok=True)


def _making(name: str) -> Path:
    """A note beside the owner's; names of labs have no dot."""
    return state_folder() / "kprov" / f"{name}.making"


def refuse_other(name: str, home: str) -> None:
    """Refuse a lab of this name that belongs to another cluster file, as long as that file is there.

    Raises:
        InputError: with the file that it belongs to.
    """
    note = owner(name)
    other = note.read_text(encoding="utf-8").strip() if note.is_file() else home
    if home and other != home and Path(other).is_file():
        raise InputError(
            f"the lab {name} belongs to another cluster file",
            where=other,
            why="names of labs are unique on a host",
            remedy=f"Give this cluster another name (key `cluster`), or remove that lab: kprov lab down -f {other}",
        )
