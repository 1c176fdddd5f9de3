"""The probe's life: the commands that make it, ask its pods and remove it, and what their answers say."""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kprov.spec.addresses import host_port, in_url
from kprov.verify.asking import creations
from kprov.verify.manifests import LABEL, NAME, PORT, objects
from kprov.verify.questions import KUBECTL, KUBECTL_UNTIMED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from kprov.ssh.batch import Answer

_LONGEST_RUN_S: Final = 900
"""No verification runs longer than this: an older namespace is nobody's."""
_TRIES: Final = 4
"""A rule of kube-proxy or a route may be a second behind the pod; what fails this often in a row is broken."""

_PATIENT_TRIES: Final = 12
"""Three seconds each at most. A kube-proxy whose API server was killed hears of new services again when its proxy has
noticed that, which has taken half a minute; one that does not run at all is not waited for."""


@dataclass(frozen=True, slots=True)
class ProbePod:
    """A probe pod as the cluster reports it; ``why`` says what it waits for while it does not run."""

    name: str
    node: str
    address: str
    running: bool
    why: str = ""

    @property
    def hopeless(self) -> bool:
        """Whether waiting longer helps nothing: its image is not on the node."""
        return self.why.startswith("ErrImageNeverPull")


@dataclass(frozen=True, slots=True)
class Sight:
    """The probe as the API server has it: its pods, the service's address, and the addresses of pods behind it."""

    pods: tuple[ProbePod, ...]
    service: str
    behind: frozenset[str]

    @property
    def running(self) -> tuple[ProbePod, ...]:
        """The pods that run."""
        return tuple(pod for pod in self.pods if pod.running)

    def complete(self, nodes: Collection[str]) -> bool:
        """Whether waiting longer changes nothing: each node's pod runs and is behind the service, or never will."""
        decided = {pod.node for pod in self.pods if pod.hopeless or (pod.running and pod.address in self.behind)}
        return decided.issuperset(nodes)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one probe pod got from one target: whether it answered, and the answer or the error."""

    ok: bool
    text: str


def boot_id() -> str:
    """What tells this boot of this controller from all others."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]


def lives(pid: int) -> bool:
    """Whether there is such a process on this controller."""
    return Path(f"/proc/{pid}").is_dir()


def create(namespace: str) -> dict[str, str]:
    """The commands that make the probe, owned by this process."""
    return creations(objects(namespace, f"{boot_id()}-{os.getpid()}"))


def delete(namespaces: Sequence[str]) -> dict[str, str]:
    """The commands that remove namespaces with all that is in them; they do not wait for it."""
    return {f"delete.{name}": f"{KUBECTL} delete --raw /api/v1/namespaces/{name}" for name in namespaces}


def look(namespace: str) -> dict[str, str]:
    """The commands that show the pods, the service and what is behind it."""
    paths = {
        "pods": f"pods?labelSelector=app%3D{NAME}",
        "service": f"services/{NAME}",
        "endpoints": f"endpoints/{NAME}",
    }
    return {name: f"{KUBECTL} get --raw '/api/v1/namespaces/{namespace}/{path}'" for name, path in paths.items()}


def sight(answers: Mapping[str, Answer]) -> Sight:
    """The probe in the answers to ``look``; what the API server did not tell is not there."""
    pods, service, endpoints = (
        json.loads(answers[name].text) if answers[name].ok else {} for name in ("pods", "service", "endpoints")
    )
    return Sight(
        pods=tuple(_probe_pod(item) for item in pods.get("items", ())),
        service=str(service.get("spec", {}).get("clusterIP", "")),
        behind=frozenset(each["ip"] for subset in endpoints.get("subsets", ()) for each in subset.get("addresses", ())),
    )


FIND_STALE: Final = {"stale": f"{KUBECTL} get --raw '/api/v1/namespaces?labelSelector={LABEL.replace('/', '%2F')}'"}


def stale(text: str, now: datetime, boot: str, lives: Callable[[int], bool]) -> tuple[str, ...]:
    """The namespaces of runs that died: their process is gone from this boot of this controller, or they are too old.

    Args:
        text: the answer to ``FIND_STALE``.
        now: the time, in UTC.
        boot: this boot's ``boot_id``.
        lives: whether a process of this boot lives.
    """
    found = []
    for metadata in (item["metadata"] for item in json.loads(text)["items"]):
        made_by, _, pid = metadata["labels"][LABEL].partition("-")
        age_s = (now - datetime.fromisoformat(metadata["creationTimestamp"])).total_seconds()
        dead = made_by == boot and pid.isdigit() and not lives(int(pid))
        if (dead or age_s > _LONGEST_RUN_S) and "deletionTimestamp" not in metadata:
            found.append(metadata["name"])
    return tuple(found)


def _probe_pod(item: dict[str, Any]) -> ProbePod:
    status = item["status"]
    states = [each["state"] for each in status.get("containerStatuses", ())]
    address = status.get("podIP", "")
    running = bool(address) and bool(states) and all("running" in state for state in states)
    waits = [f"{state['waiting'].get('reason', '')} {state['waiting'].get('message', '')}"
             for state in states if "waiting" in state]  # fmt: skip
    unmet = [each.get("message", "") for each in status.get("conditions", ()) if each["status"] == "False"]
    why = next((each.strip() for each in (*waits, *unmet) if each.strip()), status.get("phase", "unknown"))
    node = item["spec"].get("nodeName") or _wanted_node(item["spec"])
    return ProbePod(item["metadata"]["name"], node, address, running, "" if running else why)


def _wanted_node(spec: dict[str, Any]) -> str:
    """The node that a pod of a DaemonSet is meant for, told by its affinity while nobody has scheduled it."""
    found = re.search(
        r'"key": "metadata.name", "operator": "In", "values": \["([^"]+)"', json.dumps(spec, sort_keys=True)
    )
    return found[1] if found else ""


_MTU: Final = 'm=$(cat /sys/class/net/eth0/mtu); echo "@ mtu ok $m"'
_FULL: Final = """\
full() { h=28; case $2 in *:*) h=48;; esac; p="busybox ping -q -c 1 -W 3 -s $((m - h)) $2"
if $p >/dev/null 2>&1; then echo "@ full/$1 ok $m"
elif $p >/dev/null 2>&1; then echo "@ full/$1 failed packets of $m bytes, the MTU of the pod, pass in fragments only"
else echo "@ full/$1 failed no packet of $m bytes, the MTU of the pod, passes"; fi; }"""
"""A packet as large as the pod's interface takes: 20 bytes of IP (IPv6: 40), 8 of ICMP, the rest data.

Linux forbids routers to split a packet that fits into its interface (ip-sysctl: ip_no_pmtu_disc 0), so a network whose
path carries less than that drops it and tells the pod, whose kernel sends the next one in fragments. That is why the
first one decides, and why it is sent only when a small packet has passed; busybox's ping has no option for all this."""


def ask_pods(
    namespace: str, running: Sequence[ProbePod], service: str, names: Sequence[str], proxied: Collection[str]
) -> str:
    """One command that has every pod ask every pod, the service, and the DNS for names; eight pods at a time.

    A pod that is reached is also sent a packet as large as can be. On the nodes ``proxied``, whose kube-proxy runs, the
    service is asked for longer.
    """
    return in_pods(namespace, running, _pod_script(running, service, names, proxied))


def in_pods(namespace: str, running: Sequence[ProbePod], script: str) -> str:
    """One command that runs a script in every pod, in eight at a time, and prints what came of it pod by pod."""
    pods = " ".join(pod.name for pod in running)
    words = f"timeout 60 {KUBECTL_UNTIMED} -n {namespace} exec {{}} -- sh -c {shlex.quote(script)}"
    one = shlex.quote(f'{words} >"$d/{{}}" 2>&1')
    return (
        f"d=$(mktemp -d); export d; printf '%s\\n' {pods} | xargs -P 8 -I'{{}}' sh -c {one};"
        f' for p in {pods}; do echo "pod $p"; cat "$d/$p"; done; rm -rf "$d"'
    )


def _pod_script(running: Sequence[ProbePod], service: str, names: Sequence[str], proxied: Collection[str]) -> str:
    """What runs in a pod: all questions at once, each repeated until it is answered or has failed often enough."""
    patient = "|".join(sorted(proxied)) or "-"
    record = "aaaa" if any(":" in pod.address for pod in running) else "a"
    asked = [
        f"{{ ask pod/{pod.node} busybox timeout 2 wget -q -O - http://{host_port(pod.address, PORT)}/;"
        f" [ $r = ok ] && full {pod.node} {pod.address}; }} &"
        for pod in running
    ]
    if service:
        asked += [
            f"case $NODE in {patient}) most={_PATIENT_TRIES};; esac",
            f"ask service busybox timeout 2 wget -q -O - http://{in_url(service)}/ &",
            f"most={_TRIES}",
        ]
    asked += [f"ask dns/{name} busybox timeout 4 nslookup -type={record} {name} &" for name in names]
    ask = (
        'ask() { t=$1; shift; n=0; r=ok; until o=$("$@" 2>&1); do n=$((n+1));'
        ' if [ $n -ge $most ]; then r=failed; break; fi; sleep 1; done; echo "@ $t $r" $o; }'
    )
    return "\n".join([f"most={_TRIES}", _MTU, ask, _FULL, *asked, "wait"])


def reached(text: str) -> dict[str, dict[str, Reach]]:
    """What each pod got, by pod and target, out of the answer to ``ask_pods``.

    >>> reached("pod probe-a\\n@ pod/m1 ok m1\\n@ service failed timed out\\npod probe-b\\nerror: no such pod")
    {'probe-a': {'pod/m1': Reach(ok=True, text='m1'), 'service': Reach(ok=False, text='timed out')}, 'probe-b': {}}
    """
    found: dict[str, dict[str, Reach]] = {}
    for part in re.split(r"^pod ", text, flags=re.MULTILINE)[1:]:
        pod, _, rest = part.partition("\n")
        lines = re.findall(r"^@ (\S+) (ok|failed) ?(.*)$", rest, re.MULTILINE)
        found[pod] = {target: Reach(outcome == "ok", answer) for target, outcome, answer in lines}
    return found
