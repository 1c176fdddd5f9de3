"""Whether the network enforces NetworkPolicy on every node: the probe's pods are locked up, asked, set free, asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kprov.spec.addresses import in_url
from kprov.verify.asking import creations, refusal
from kprov.verify.manifests import NAME, PORT, guard
from kprov.verify.probe import in_pods, reached
from kprov.verify.questions import KUBECTL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kprov.verify.asking import Ask
    from kprov.verify.probe import ProbePod, Reach

_TRIES: Final = 12
"""So often at most, a second apart: plugins learn of a policy by watching the API, mostly within one or two."""
_IN_A_ROW: Final = 2
"""One request may be lost by chance."""
_ASK: Final = "busybox timeout 2 wget -q -O - http://$a:{port}/ >/dev/null 2>&1"


@dataclass(frozen=True, slots=True)
class Guarded:
    """What the pod on each node was asked by the pod on ``asker``: with a policy that lets nobody in, and after it.

    ``refused``: why the API server would not make the policy.
    """

    asker: Mapping[str, str]
    locked: Mapping[str, Reach]
    freed: Mapping[str, Reach]
    refused: str = ""


def try_policy(ask: Ask, namespace: str, running: Sequence[ProbePod]) -> Guarded:
    """Lock all pods up, have each asked by another node's pod, and free them; at least two pods are needed."""
    if refused := refusal(ask(creations(guard(namespace)))):
        return Guarded({}, {}, {}, refused)
    asker = dict(zip((pod.node for pod in running), (pod.node for pod in _turned(running)), strict=True))
    locked = _asked(ask, in_pods(namespace, running, _script(running, locked=True)))
    ask({"free": f"{KUBECTL} delete --raw {next(iter(guard(namespace)))}/{NAME}"})
    freed = _asked(ask, in_pods(namespace, running, _script(running, locked=False)))
    return Guarded(asker, locked, freed)


def _asked(ask: Ask, command: str) -> dict[str, Reach]:
    """What was found of the pod on each node, whoever asked it."""
    found = reached(ask({"guard": command})["guard"].text)
    return {node: reach for targets in found.values() for node, reach in targets.items()}


def _turned(running: Sequence[ProbePod]) -> tuple[ProbePod, ...]:
    """The pods, each in the place of the one that it asks."""
    return (*running[-1:], *running[:-1])


def _script(running: Sequence[ProbePod], *, locked: bool) -> str:
    """What runs in every pod: it asks the one that is its own, by the name of the node that it is on."""
    whom = " ".join(
        f"{asker.node}) t={pod.node} a={in_url(pod.address)};;"
        for pod, asker in zip(running, _turned(running), strict=True)
    )
    wanted, needed = ("!", _IN_A_ROW) if locked else ("", 1)
    return (
        f"case $NODE in {whom} esac; n=0; i=0\n"
        f"while [ $n -lt {needed} ] && [ $i -lt {_TRIES} ]; do\n"
        f"  if {wanted} {_ASK.format(port=PORT)}; then n=$((n+1)); else n=0; sleep 1; fi; i=$((i+1))\n"
        f'done; [ $n -ge {needed} ] && echo "@ $t ok" || echo "@ $t failed"'
    )
