"""Rules about the ways between machines, from what they found of each other: pure functions; see ``rules``."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from kprov.preflight.facts import Probe
from kprov.preflight.finding import Remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kprov.preflight.expectations import Expectations
    from kprov.preflight.facts import HostFacts

_TELLING: Final = {
    "bound": {"refused", "silent", "unreachable"},
    "held": {"silent", "unreachable"},
    "own": {"silent", "unreachable"},
}
"""What tells that packets do not come through, by who listens there: a refusal is the process's own matter unless we
listen ourselves, and a datagram without an answer tells nothing of others."""
_ENCAPSULATION: Final = 50
"""What VXLAN, the thickest of the networks' wraps, adds to a packet of a pod."""
_WORDS: Final = {"refused": "refused", "silent": "no answer", "unreachable": "no way there"}


def ports_reachable(seen: Sequence[HostFacts], cluster: Expectations) -> Iterator[Remark]:
    """Every port is reached by every machine that needs it, whether or not something listens there yet."""
    states = {facts.host: facts.probe.ports for facts in seen if facts.probe}
    needed: dict[tuple[str, int], str] = {
        (port.protocol, port.port): needs for host in cluster.hosts.values() for port, needs in host.ports.items()
    }
    shut: defaultdict[tuple[str, str], defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for facts in seen:
        for to, outcomes in (facts.probe.reached if facts.probe else {}).items():
            for port, outcome in outcomes.items():
                if _tells(states.get(to, {}).get(port, ""), port, outcome):
                    shut[to, outcome][port].append(facts.host)
    for (to, outcome), by_port in shut.items():
        for sources, ports in _same_sources(by_port):
            words = [f"{port.replace('/', ' ')} ({needed.get(_split(port), 'the cluster')})" for port in ports]
            why = f"from {', '.join(sources)}: {', '.join(words)}: {_WORDS[outcome]}"
            what = "ports cannot be reached" if len(ports) > 1 else "a port cannot be reached"
            remedy = f"Let {', '.join(port.replace('/', ' ') for port in ports)} through to {to}, there and on the way."
            yield Remark("error", what, why, remedy, (to,))


def path_mtu(seen: Sequence[HostFacts], cluster: Expectations) -> Iterator[Remark]:
    """A path that carries less than its ends think swallows large packets: small requests work, answers never come."""
    narrow: defaultdict[tuple[int, int], set[frozenset[str]]] = defaultdict(set)
    for facts in seen:
        probe = facts.probe or Probe()
        for to, size in probe.mtu.items():
            fits = cluster.pods_mtu is not None and cluster.pods_mtu + _ENCAPSULATION <= size
            if size < probe.own_mtu and not fits:
                narrow[probe.own_mtu, size].add(frozenset((facts.host, to)))
    for (wanted, size), pairs in narrow.items():
        for host, others in _covered(pairs):
            why = f"of {wanted} bytes, {size} come through to and from {', '.join(others)}"
            remedy = (
                f"Mend the MTU of the machines and the path, or set network.mtu to {size - _ENCAPSULATION} or less."
            )
            yield Remark("warning", "large packets are lost on the way", why, remedy, (host,))


def _tells(state: str, port: str, outcome: str) -> bool:
    if outcome == "silent" and state != "bound" and port.startswith("udp/"):
        return False
    return outcome in _TELLING.get(state, ())


def _split(port: str) -> tuple[str, int]:
    protocol, _, number = port.partition("/")
    return protocol, int(number)


def _same_sources(by_port: Mapping[str, list[str]]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Ports that fail from the same machines, together."""
    together: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for port, sources in by_port.items():
        together[tuple(sources)].append(port)
    yield from together.items()


def _covered(pairs: set[frozenset[str]]) -> Iterator[tuple[str, list[str]]]:
    """Few machines that explain all pairs: the one that is in most of them first, with its partners.

    >>> list(_covered({frozenset(("m1", "w1")), frozenset(("m2", "w1"))}))
    [('w1', ['m1', 'm2'])]
    """
    left = set(pairs)
    while left:
        counts = Counter(name for pair in left for name in pair)
        host = min(counts, key=lambda name: (-counts[name], name))
        mine = {pair for pair in left if host in pair}
        yield host, sorted(name for pair in mine for name in pair if name != host)
        left -= mine
