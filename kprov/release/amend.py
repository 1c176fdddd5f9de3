"""The catalog's text with more in it: comments, order and form stay, so that a diff shows nothing but what is new."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.release.artifacts import Architecture

_WIDTH: Final = 120


def with_patch(text: str, version: str, sums: Mapping[str, Mapping[Architecture, str]]) -> str:
    """The catalog with one more patch of a minor version that it knows; ``sums`` are sha256 by artifact.

    >>> minors = 'minors:\\n  "1.36":\\n    patches: [1.36.4]\\n'
    >>> files = "artifacts:\\n  kubeadm:\\n    sha256:\\n      1.36.4: {amd64: aa}\\n"
    >>> print(with_patch(f"{minors}{files}", "1.36.5", {"kubeadm": {"amd64": "bb"}}), end="")
    minors:
      "1.36":
        patches: [1.36.4, 1.36.5]
    artifacts:
      kubeadm:
        sha256:
          1.36.4: {amd64: aa}
          1.36.5:
            amd64: bb

    Raises:
        ValueError: the text has no place for it.
    """
    minor = version.rpartition(".")[0]
    lines = text.splitlines()
    _add_to_list(lines, minor, version)
    for artifact, by_architecture in sums.items():
        entry = [f"      {version}:", *(f"        {name}: {value}" for name, value in by_architecture.items())]
        at = _place(lines, artifact, minor)
        lines[at:at] = entry
    return "\n".join(lines) + "\n"


def _add_to_list(lines: list[str], minor: str, version: str) -> None:
    """Add a version to the ``patches`` of its minor, in a second line where the first is full."""
    begin = _line(lines, rf'  "{re.escape(minor)}":', 0)
    at = _line(lines, r"    patches: \[.*", begin)
    while not lines[at].endswith("]"):
        at += 1
    longer = f"{lines[at].removesuffix(']')}, {version}]"
    if len(longer) <= _WIDTH:
        lines[at] = longer
    else:
        lines[at : at + 1] = [f"{lines[at].removesuffix(']')},", f"              {version}]"]


def _place(lines: Sequence[str], artifact: str, minor: str) -> int:
    """The line before which a version of an artifact belongs: behind the last one of its minor, else at the end."""
    begin = _line(lines, rf"  {re.escape(artifact)}:", _line(lines, "artifacts:", 0))
    begin = _line(lines, "    sha256:", begin) + 1
    end = begin
    behind = None
    while end < len(lines) and lines[end].startswith("      "):
        ours = lines[end].startswith(f"      {minor}.")
        end += 1
        while end < len(lines) and lines[end].startswith("        "):
            end += 1
        behind = end if ours else behind
    return behind or end


def _line(lines: Sequence[str], pattern: str, begin: int) -> int:
    for at in range(begin, len(lines)):
        if re.fullmatch(pattern, lines[at]):
            return at
    raise ValueError(f"the catalog has no line {pattern.strip()}")
