"""From facts to findings: every rule on every machine and between them, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kprov.preflight.facts import HostFacts, Unreachable, UnreachableKind
from kprov.preflight.finding import Finding, Remark, finding, merged
from kprov.preflight.rules import CLUSTER_RULES, HOST_RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kprov.preflight.expectations import Expectations

REACHABLE: Final = "reachable"

_UNREACHABLE: Final[Mapping[UnreachableKind, tuple[str, str]]] = {
    "network": (
        "the machine cannot be reached",
        "See that it is up, that its address in the cluster file is right and that sshd answers on its port.",
    ),
    "login": (
        "the machine refuses the login",
        "Run 'kprov trust' to install the key there, or set ssh.user and ssh.key in the cluster file.",
    ),
    "host-key": (
        "the machine shows another host key than the pinned one, or none is pinned",
        "If the machine was made anew, run 'kprov trust' again; if not, find out who answers at this address.",
    ),
    "no-answer": (
        "the machine lets us in but does not answer",
        "Look at the machine's load and disks, then try again.",
    ),
}


def rule_names() -> tuple[str, ...]:
    """The name of every rule, in the order in which they are asked."""
    return (REACHABLE, *(_name(rule) for rule in (*HOST_RULES, *CLUSTER_RULES)))


def judge(facts: Mapping[str, HostFacts | Unreachable], cluster: Expectations) -> tuple[Finding, ...]:
    """Everything that stands in the way, each thing once, errors first; nothing where all is as it should be."""
    return merged(_all(facts, cluster))


def _all(facts: Mapping[str, HostFacts | Unreachable], cluster: Expectations) -> Iterator[Finding]:
    for seen in facts.values():
        if isinstance(seen, Unreachable):
            what, remedy = _UNREACHABLE[seen.kind]
            yield finding(REACHABLE, Remark("error", what, seen.why, remedy), seen.host)
    answered = [seen for seen in facts.values() if isinstance(seen, HostFacts)]
    for host_rule in HOST_RULES:
        for seen in answered:
            for remark in host_rule(seen, cluster.hosts[seen.host], cluster):
                yield finding(_name(host_rule), remark, seen.host)
    for cluster_rule in CLUSTER_RULES:
        for remark in cluster_rule(answered, cluster):
            yield finding(_name(cluster_rule), remark)


def _name(rule: object) -> str:
    """The rule's name for people.

    >>> _name(judge)
    'judge'
    """
    return str(getattr(rule, "__name__", "")).replace("_", "-")
