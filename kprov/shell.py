"""kubectl made comfortable in the user's own shell: one file of kprov's, and one line that reads it.

The file is the one that the role ``shell`` gives to control planes.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from kprov.errors import InputError
from kprov.project import ansible_home

if TYPE_CHECKING:
    from collections.abc import Mapping

Shell: TypeAlias = Literal["bash", "zsh"]

_FILES: Final[Mapping[Shell, str]] = {"bash": ".bashrc", "zsh": ".zshrc"}
_OWN: Final = ".config/kprov/shell.sh"
_LINE: Final = f'[ ! -r "$HOME/{_OWN}" ] || . "$HOME/{_OWN}" # kprov shell-setup'


def script() -> str:
    """What the shell reads."""
    return (ansible_home() / "roles" / "shell" / "files" / "kprov-kubectl.sh").read_text(encoding="utf-8")


def commands() -> tuple[tuple[str, str], ...]:
    """Each command with what it does, as the script's own head has them.

    >>> dict(commands())["knodes"]
    'the nodes with their addresses and versions'
    """
    found = re.findall(r"^#   (\S.*?)  +(\S.*)$", script(), re.MULTILINE)
    return tuple((usage, does) for usage, does in found)


def own_shell(environ: Mapping[str, str]) -> Shell:
    """The user's login shell.

    >>> own_shell({"SHELL": "/usr/bin/zsh"})
    'zsh'

    Raises:
        InputError: it is another one than those that are known here.
    """
    name = Path(environ.get("SHELL", "")).name
    for shell in _FILES:
        if shell == name:
            return shell
    raise InputError("this shell is not known", where=name or "$SHELL", remedy="Name yours with --shell bash or zsh.")


def install(home: Path, shell: Shell) -> tuple[Path, ...]:
    """Have the file, and the line in what this shell reads; return what was written, nothing where all was there."""
    own, rc = home / _OWN, home / _FILES[shell]
    before = _read(rc)
    apart = "" if before.endswith("\n") or not before else "\n"
    after = before if _LINE in before.splitlines() else f"{before}{apart}{_LINE}\n"
    return tuple(path for path, text in ((own, script()), (rc, after)) if _written(path, text))


def remove(home: Path) -> tuple[Path, ...]:
    """Take the file and the line back; return what was changed or removed."""
    changed = []
    for path in (home / name for name in _FILES.values()):
        before = _read(path)
        after = "".join(line for line in before.splitlines(keepends=True) if line.rstrip("\n") != _LINE)
        if after and _written(path, after):
            changed.append(path)
        elif before and not after:  # there was nothing else: kprov made it
            path.unlink()
            changed.append(path)
    own = home / _OWN
    if own.exists():
        own.unlink()
        changed.append(own)
    return tuple(changed)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as error:
        remedy = "Mend the file, or name the other shell."
        raise InputError("this is no text in UTF-8", where=str(path), why=str(error), remedy=remedy) from None


def _written(path: Path, text: str) -> bool:
    """Write in one step, through links and with the mode that is there; whether anything differed."""
    target = path.resolve()
    there = target.exists()
    if there and _read(target) == text:
        return False
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=".kprov-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(draft).chmod(target.stat().st_mode & 0o777 if there else 0o644)
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
    return True
