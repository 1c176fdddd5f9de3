"""What comes of asking a cluster, and the reasons why nothing does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.verify.probe import ProbePod, Reach


class NoControlPlaneError(Exception):
    """kubectl gets no answer on any control plane; the text says what each of them said."""


class ProbeError(Exception):
    """The API server would not make the probe; the text is its answer."""


@dataclass(frozen=True, slots=True)
class ProbeAnswers:
    """What came of the probe: its pods by node, its service, and what each node's pod got from each target."""

    pods: Mapping[str, ProbePod]
    service: str
    behind: frozenset[str]
    reached: Mapping[str, Mapping[str, Reach]]
