"""Have a bundle: the sources of the cluster file, tried in order."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kprov.bundle.packages.source import PackagesSource
from kprov.bundle.packages.workshop import DebianWorkshop
from kprov.errors import InputError, UnreachableError
from kprov.events import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from kprov.bundle.model import Bundle, Source
    from kprov.events import Emit


@dataclass(frozen=True)
class UnknownSource:
    """A source that the cluster file may name but that this version of kprov does not have."""

    name: str

    def ensure(self, kubernetes: str, store: Path, emit: Emit) -> Bundle:  # noqa: ARG002
        """Refuse.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"the bundle's source `{self.name}` is not in this version of kprov",
            where="bundle.source",
            why="it has only `packages`",
            remedy="Set bundle.source to packages.",
        )


def sources_for(names: Sequence[str]) -> tuple[Source, ...]:
    """The sources of these names, in order; ``names`` is ``bundle.source`` of the cluster file."""
    packages = PackagesSource(lambda store: DebianWorkshop(store, dict(os.environ)))
    return tuple(packages if name == packages.name else UnknownSource(name) for name in names)


def ensure(sources: Sequence[Source], kubernetes: str, store: Path, emit: Emit) -> Bundle:
    """Have a bundle of this version of Kubernetes from the first source that can serve it.

    A source that cannot serve this machine or version, or does not answer, hands over to the next one; a build that
    fails does not. Where nothing is missing this takes a second.

    Raises:
        InputError: no source can serve this machine or version; the last one's error.
        UnreachableError: the last source does not answer.
        CheckFailed: a build failed, or a checksum differs.
    """
    for source in sources[:-1]:
        try:
            return source.ensure(kubernetes, store, emit)
        except (InputError, UnreachableError) as error:
            emit(Notice("info", f"the bundle does not come from {source.name}: {error}", error.remedy))
    return sources[-1].ensure(kubernetes, store, emit)
