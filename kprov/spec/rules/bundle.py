"""Rules on where the parts of a cluster come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.spec.flaw import Flaw, Loc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.spec.model import ClusterSpec


def bundle_directory(spec: ClusterSpec) -> Iterator[Flaw]:
    """A folder exactly where the source directory asks for one."""
    source, directory = spec.bundle.source, spec.bundle.directory
    at: Loc = ("bundle", "directory")
    needs: tuple[Loc, ...] = (("bundle", "source"),)
    if "directory" in source and not directory:
        yield Flaw(at, "is missing: bundle.source directory needs it", "Name the folder with the files.", None, needs)
    if directory and "directory" not in source:
        wrong = f"{directory} is not used: bundle.source is {', '.join(source)}"
        yield Flaw(at, wrong, "Remove it, or add directory to bundle.source.", None, needs)
