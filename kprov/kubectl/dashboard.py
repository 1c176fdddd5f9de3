"""The way to a cluster's dashboard from this machine, and the tokens that let people in.

Tokens are asked of the API by TokenRequest, which every Kubernetes from 1.20 on serves and which is what ``kubectl
create token`` (1.24) sends: one way for all. They live for an hour and are in no argument, file or log.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypedDict

from kprov.addons.dashboards.common import ADMIN, NAME, SPACE, VIEWER
from kprov.errors import CheckFailed, InputError, UnreachableError
from kprov.kubectl.client import last_line
from kprov.spec.addresses import host_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprov.kubectl.client import Forwarding, Kubectl
    from kprov.spec.addons import Dashboard
    from kprov.spec.model import ClusterSpec

_LIFE_S: Final = 3600
_UP: Final = "Run 'kprov up': it brings the cluster to what the cluster file says."


class _Port(TypedDict):
    name: str
    port: int


class _Spec(TypedDict, total=False):
    type: str
    ports: list[_Port]


class _Status(TypedDict, total=False):
    readyReplicas: int


class _Item(TypedDict):
    """A Service or a Deployment, as far as it is looked at."""

    kind: str
    spec: _Spec
    status: _Status


@dataclass(frozen=True, slots=True)
class Door:
    """A dashboard that runs: who answers for it, and where its service listens.

    ``context`` is the API server that answered, ``server`` its URL; ``scheme`` is also the name of the port.
    """

    context: str
    server: str
    port: int
    scheme: str

    @property
    def url(self) -> str:
        """Where the API server leads to the dashboard whoever shows a token; browsers cannot, curl can."""
        return f"{self.server}/api/v1/namespaces/{SPACE}/services/{self.scheme}:{NAME}:{self.scheme}/proxy/"


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and when it ends as the API writes it: ``2026-11-21T13:00:00Z``."""

    text: str
    expires: str


def wanted(spec: ClusterSpec, file: str) -> Dashboard:
    """The dashboard of the cluster file.

    Raises:
        InputError: it asks for none.
    """
    if spec.addons.dashboard is None:
        remedy = "Run 'kprov addons enable headlamp --apply', or another kind: see 'kprov addons list'."
        raise InputError("the cluster file asks for no dashboard", where=file, remedy=remedy)
    return spec.addons.dashboard


def node_urls(spec: ClusterSpec) -> tuple[str, ...]:
    """Where an open dashboard answers: every node, the first control plane first; none where it is not open.

    >>> from kprov.spec.load import loads
    >>> node = "m1: {address: 10.0.0.11, roles: [control-plane]}"
    >>> addons = "dashboard: {kind: headlamp, access: lab-open}"
    >>> text = f"cluster: a\\nlab: {{provider: podman}}\\nnodes: {{{node}}}\\naddons: {{{addons}}}"
    >>> node_urls(loads(text, "cluster.yaml").spec)
    ('http://10.0.0.11:31000',)
    """
    dashboard = spec.addons.dashboard
    if dashboard is None or dashboard.access != "lab-open":
        return ()
    names = dict.fromkeys((*spec.control_planes, *spec.workers))
    reached = (spec.nodes[name].ssh_address or spec.nodes[name].address for name in names)
    return tuple(f"http://{host_port(address, dashboard.port)}" for address in reached)


def find(kubectl: Kubectl, dashboard: Dashboard) -> Door:
    """The dashboard in the cluster, through the first API server that answers.

    Raises:
        UnreachableError: no API server answers.
        CheckFailed: it is not there, is not what the cluster file asks for, or does not run.
    """
    context, listed = _get(kubectl, dashboard.kind)
    found = {item["kind"]: item for item in listed}
    if "Service" not in found:
        raise CheckFailed("the dashboard is not installed yet", where=f"namespace {SPACE}", remedy=_UP)
    service = found["Service"]["spec"]
    opened = "lab-open" if service["type"] == "NodePort" else "token"
    if "Deployment" not in found or opened != dashboard.access:
        why = f"{dashboard.kind} with access {dashboard.access} is asked for, another one is installed"
        raise CheckFailed("the dashboard is not what the cluster file says", why=why, remedy=_UP)
    if not found["Deployment"]["status"].get("readyReplicas"):
        remedy = "Wait a moment; 'kprov verify' tells what holds it up."
        raise CheckFailed("the dashboard does not run yet", where=f"{SPACE}/{dashboard.kind}", remedy=remedy)
    (port,) = service["ports"]
    return Door(context, kubectl.contexts[context], port["port"], port["name"])


def _get(kubectl: Kubectl, kind: str) -> tuple[str, list[_Item]]:
    """The context that answered, and what there is of service and deployment."""
    names = (f"service/{NAME}", f"deployment/{kind}")
    why = ""
    for context in kubectl.contexts:
        said = kubectl.run(context, ("get", *names, f"--namespace={SPACE}", "--ignore-not-found", "--output=json"))
        if said.code == 0:
            listed: list[_Item] = json.loads(said.out)["items"] if said.out.strip() else []
            return context, listed
        why = last_line(said.err)
    raise UnreachableError(
        "no API server of the cluster answers",
        where=", ".join(kubectl.contexts.values()),
        why=why,
        remedy="See that the machines run; where the cluster was made anew, run 'kprov up --from kubeconfig'.",
    )


def request_token(kubectl: Kubectl, door: Door, *, admin: bool) -> Token:
    """A token for an hour: of the account that may look, or of the one that may do everything.

    Raises:
        CheckFailed: the API gives none.
    """
    space, account = ADMIN if admin else VIEWER
    path = f"/api/v1/namespaces/{space}/serviceaccounts/{account}/token"
    order = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": _LIFE_S},
    }
    said = kubectl.run(door.context, ("create", f"--raw={path}", "--filename=-"), json.dumps(order))
    if said.code:
        raise CheckFailed("the cluster gives no token", where=f"{space}/{account}", why=last_line(said.err), remedy=_UP)
    status = json.loads(said.out)["status"]
    return Token(status["token"], status["expirationTimestamp"])


@contextlib.contextmanager
def opened(kubectl: Kubectl, door: Door) -> Iterator[tuple[str, Forwarding]]:
    """A way from a free port of this machine to the dashboard: its URL here, and what holds it open.

    Raises:
        CheckFailed: it cannot be opened.
    """
    words = ("--address=127.0.0.1", f"--namespace={SPACE}", f"service/{NAME}", f":{door.port}")
    with kubectl.forward(door.context, words) as way:
        for line in way.lines():
            told = re.search(r"127\.0\.0\.1:(\d+)", line)
            if told:
                yield f"{door.scheme}://127.0.0.1:{told[1]}/", way
                return
        remedy = "Run the same command again; 'kprov verify' tells whether the dashboard runs."
        raise CheckFailed("the way to the dashboard cannot be opened", why=way.error(), remedy=remedy)
