"""A group of commands that imports only the command that is run, so that help is there at once."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Entry:
    """A command by name: where it is (``module:attribute``), and its one line in the list of commands."""

    name: str
    target: str
    help: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is no command")
        return command


@dataclass(frozen=True, slots=True)
class Section:
    """Commands that belong together in the help."""

    title: str
    entries: tuple[Entry, ...]


class LazyGroup(click.Group):
    """A group whose commands are a table."""

    def __init__(self, *args: Any, sections: Sequence[Section] = (), **attributes: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **attributes)
        self.sections = tuple(sections)

    @property
    def entries(self) -> dict[str, Entry]:
        """Every command by name, in the order of the table."""
        return {entry.name: entry for section in self.sections for entry in section.entries}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names in the order of the table."""
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import and return the command of this name."""
        entry = self.entries.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was meant."""
        name = args[0]
        if name not in self.entries and not name.startswith("-") and not ctx.resilient_parsing:
            near = get_close_matches(name, self.entries, n=1)
            raise click.UsageError(f"no command {name!r}{f'; did you mean {near[0]!r}?' if near else ''}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands by section, with the help of the table."""
        indent = max((len(name) for name in self.entries), default=0)
        for section in self.sections:
            with formatter.section(section.title):
                formatter.write_dl([(f"{entry.name:<{indent}}", entry.help) for entry in section.entries])
