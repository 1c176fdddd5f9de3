"""Writes a rendered inventory into a folder: only what differs, nothing that a person wrote, all files or none."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from kprov.errors import InputError
from kprov.inventory import render
from kprov.inventory.model import HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from kprov.inventory.model import Format, Inventory, Variables

_MODE = 0o644
"""Everybody may read: no secret ever goes there."""

_HEADER_WITHIN = 256
"""The mark stands this near the beginning, counted in characters."""


def files(inventory: Inventory, variables: Variables, form: Format) -> dict[str, str]:
    """The text of every file by its path inside the folder. JSON holds the variables itself: it is one file.

    >>> from kprov.inventory.model import Inventory, Variables
    >>> sorted(files(Inventory((), ()), Variables({"a": 1}, {"m1": {"b": 2}, "m2": {}}), "ini"))
    ['group_vars/all.yml', 'host_vars/m1.yml', 'hosts.ini']
    """
    if form == "json":
        return {"hosts.json": render.to_json(inventory, variables)}
    hosts = {"hosts.ini": render.to_ini(inventory)} if form == "ini" else {"hosts.yaml": render.to_yaml(inventory)}
    group = {"group_vars/all.yml": render.variables_file(variables.group)}
    per_host = {
        f"host_vars/{name}.yml": render.variables_file(values) for name, values in variables.hosts.items() if values
    }
    return {**hosts, **group, **per_host}


def write(folder: Path, inventory: Inventory, variables: Variables, form: Format = "ini") -> tuple[Path, ...]:
    """Bring the folder to what the inventory says; return the files written or removed, none if all was right.

    Files of ``host_vars/`` that were rendered for a host that is gone are removed.

    Raises:
        InputError: a file that kprov did not render stands in the way, or the folder cannot be written.
    """
    try:
        wanted = {folder / name: text for name, text in files(inventory, variables, form).items()}
        changed = {path: text for path, text in wanted.items() if _differs(path, text)}
        stale = () if form == "json" else _stale((folder / "host_vars").glob("*.yml"), wanted)
        _replace(changed)
        for path in stale:
            path.unlink()
    except OSError as error:
        raise InputError(
            "cannot write the inventory",
            where=str(error.filename or folder),
            why=error.strerror or str(error),
            remedy="Make the folder writable, or name another with --to.",
        ) from error
    return (*changed, *stale)


def _differs(path: Path, text: str) -> bool:
    """Whether the file must be written.

    Raises:
        InputError: the file is there and is not one of kprov's.
    """
    if not path.exists():
        return True
    present = path.read_bytes()
    if not _is_rendered(present):
        raise InputError(
            "a file that kprov did not render stands in the way",
            where=str(path),
            why=f"its first line is not: # {HEADER}",
            remedy="Move it away, or name another folder with --to.",
        )
    return present != text.encode()


def _stale(present: Iterable[Path], wanted: Mapping[Path, str]) -> tuple[Path, ...]:
    return tuple(sorted(path for path in present if path not in wanted and _is_rendered(path.read_bytes())))


def _is_rendered(content: bytes) -> bool:
    return HEADER.encode() in content[:_HEADER_WITHIN]


def _replace(texts: Mapping[Path, str]) -> None:
    """Write all texts beside their places first, then move them there: a full disk leaves the old files."""
    with ExitStack() as cleanup:
        staged: list[tuple[Path, Path]] = []
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", encoding="utf-8", delete=False) as file:
                draft = Path(file.name)
                cleanup.callback(draft.unlink, missing_ok=True)
                file.write(text)
            draft.chmod(_MODE)
            staged.append((draft, path))
        for draft, path in staged:
            draft.replace(path)
