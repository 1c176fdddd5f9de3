"""A service of the type LoadBalancer before the probe's pods: whether it is given an address, and answers there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final

from kprov.spec.addresses import in_url
from kprov.ssh.batch import NOT_ASKED, Answer
from kprov.verify.asking import creations, refusal, wait_for
from kprov.verify.manifests import balanced
from kprov.verify.questions import KUBECTL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event

    from kprov.verify.asking import Ask

_PATIENCE_S: Final = 30.0
"""An address is given within a second; rules of kube-proxy and a speaker's announcement follow it."""


@dataclass(frozen=True, slots=True)
class Balanced:
    """The address that the service was given, empty where it got none, and what a node was answered there.

    ``refused``: why the API server would not make the service.
    """

    address: str = ""
    answer: Answer = NOT_ASKED
    refused: str = ""


def try_balancer(ask: Ask, namespace: str, stop: Event) -> Balanced:
    """Make the service, wait for its address, and ask there until the pod of a node answers with that node's name."""
    objects = balanced(namespace)
    if refused := refusal(ask(creations(objects, "balanced"))):
        return Balanced(refused=refused)
    ((path, service),) = objects.items()
    name = service["metadata"]["name"]

    def look() -> Balanced:
        found = ask({"service": f"{KUBECTL} get --raw {path}/{name}"})["service"]
        address = _address(json.loads(found.text)) if found.ok else ""
        if not address:
            return Balanced()
        return Balanced(address, ask({"answer": f"curl -sS -m 5 --noproxy '*' http://{in_url(address)}/"})["answer"])

    return wait_for(look, lambda found: found.answer.ok and bool(found.answer.text.strip()), stop, _PATIENCE_S)


def holds(pool: str, address: str) -> bool:
    """Whether an address is one of a pool.

    >>> holds("10.0.0.200-10.0.0.210", "10.0.0.203"), holds("10.0.1.0/28", "10.0.0.203")
    (True, False)
    """
    first, dash, last = pool.partition("-")
    if not dash:
        return ip_address(address) in ip_network(pool)
    return int(ip_address(first)) <= int(ip_address(address)) <= int(ip_address(last))


def _address(service: Mapping[str, Mapping[str, Mapping[str, list[Mapping[str, str]]]]]) -> str:
    """The first address that a service was given.

    >>> _address({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.200"}]}}}), _address({"status": {}})
    ('10.0.0.200', '')
    """
    given = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return given[0].get("ip", "")
