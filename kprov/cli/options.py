"""Options that commands share, declared once; the global ones work before and after the command's name."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any] | click.Command")
Verbosity: TypeAlias = Literal["quiet", "normal", "verbose"]
Output: TypeAlias = Literal["table", "json"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options; commands receive them by ``@click.pass_obj``."""

    debug: bool = False
    color: bool = True
    verbosity: Verbosity = "normal"

    @classmethod
    def initial(cls) -> Settings:
        """The settings before any option: colours unless ``NO_COLOR`` is set to anything (no-color.org)."""
        return cls(color=not os.environ.get("NO_COLOR"))


def settings_of(context: click.Context | None) -> Settings:
    """The settings in force."""
    found = context.find_object(Settings) if context else None
    return found or Settings.initial()


def common_options(command: F) -> F:
    """Add ``--debug``, ``--no-color``, ``-q`` and ``-v``; every command and group wears it.

    They are not passed to the function: what they say is in ``ctx.obj``, a ``Settings``.
    """
    for option in (
        _flag("--debug", help="Show tracebacks of errors.", debug=True),
        _flag("--no-color", help="No colours; the environment variable NO_COLOR does the same.", color=False),
        _flag("-v", "--verbose", help="Show the result of every task on every host.", verbosity="verbose"),
        _flag("-q", "--quiet", help="Show warnings, errors and the summary only.", verbosity="quiet"),
    ):
        command = option(command)
    return command


def _flag(*names: str, help: str, **change: Any) -> Callable[[F], F]:  # noqa: A002, ANN401 - click's and replace's
    """A flag that changes the settings of its context and of all above it, so that ``main`` knows them too."""

    def store(context: click.Context, _parameter: click.Parameter, given: bool) -> None:
        if given:
            settings = replace(settings_of(context), **change)
            place: click.Context | None = context
            while place is not None:
                place.obj = settings
                place = place.parent

    return click.option(*names, is_flag=True, expose_value=False, callback=store, help=help)


def file_option(command: F) -> F:
    """``-f/--file``: the cluster file, as the parameter ``file``; whether it exists is for ``spec`` to say."""
    return click.option(
        "-f",
        "--file",
        "file",
        type=click.Path(path_type=Path),
        envvar="KPROV_FILE",
        default=Path("cluster.yaml"),
        show_default="$KPROV_FILE, else ./cluster.yaml",
        help="The cluster file.",
    )(command)


def output_option(command: F) -> F:
    """``-o table|json`` for commands that only read, as the parameter ``output``."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="A table for people or JSON for programs.",
    )(command)


def mirror_option(command: F) -> F:
    """``--mirror`` for commands that fetch what others publish, as the parameter ``mirror`` (a tuple)."""
    return click.option(
        "--mirror",
        multiple=True,
        metavar="[HOST=]URL",
        help="Fetch published files of HOST from there, or those of every host from URL/HOST/...; a folder does too.",
    )(command)


def to_option(command: F) -> F:
    """``--to PATH`` for commands that write a file or a folder, as the parameter ``to`` (None when not given)."""
    return click.option(
        "--to", type=click.Path(path_type=Path), default=None, help="Where to write; see above for the default."
    )(command)
