"""What a node needs of its operating system, by family: ``systems.yaml`` as data.

The roles get it as variables, preflight asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE: Final = Path(__file__).with_name("systems.yaml")


@dataclass(frozen=True, slots=True)
class Systems:
    """The needed commands, each with its package by family; the runtime's commands, and its packages by family."""

    commands: Mapping[str, Mapping[str, str]]
    runtime_commands: tuple[str, ...]
    runtime_packages: Mapping[str, tuple[str, ...]]

    @property
    def families(self) -> tuple[str, ...]:
        """The families that every command has a package for."""
        first, *rest = self.commands.values()
        return tuple(family for family in first if all(family in packages for packages in rest))


@cache
def systems() -> Systems:
    """The data file.

    >>> systems().families
    ('debian', 'rhel', 'suse')
    >>> systems().commands["conntrack"]["rhel"]
    'conntrack-tools'
    """
    loaded = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    runtime = loaded["runtime"]
    return Systems(
        commands=loaded["commands"],
        runtime_commands=tuple(runtime["commands"]),
        runtime_packages={family: tuple(packages) for family, packages in runtime["packages"].items()},
    )
