"""The probe: what its commands do in a real shell, and what the API server's answers about it mean."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kprov.ssh.batch import NOT_ASKED, Answer
from kprov.verify.manifests import objects
from kprov.verify.probe import ProbePod, Sight, ask_pods, create, reached, sight, stale

if TYPE_CHECKING:
    from pathlib import Path

# A kubectl whose pods are this machine: 'exec NAME -- sh -c …' runs here, with NODE set as in the pod.
KUBECTL = """#!/bin/sh
while [ "$1" != exec ]; do shift; done
pod=$2; shift 3
[ "$pod" = probe-gone ] && echo 'Error from server (NotFound): pods "probe-gone" not found' >&2 && exit 1
NODE=$pod exec "$@"
"""
WGET = """#!/bin/sh
for url; do :; done
case $url in
  *10.244.0.1:*) echo m1;;
  *10.96.7.7*) echo "w1";;
  *) echo 'wget: download timed out' >&2; exit 1;;
esac
"""
# 'busybox timeout 2 wget ...' and 'busybox ping ...': the kernel of probe-a learns from a first packet, which is lost,
# that it must send the next one in fragments; the path from probe-b carries packets of 1450 bytes whole.
BUSYBOX = """#!/bin/sh
[ "$1" = ping ] || { shift 2; exec "$@"; }
for address; do :; done
[ "$NODE" = probe-b ] && exit 0
case $* in *"-s 1422 "*) ;; *) exit 2;; esac
[ -e "$TMPDIR/$NODE-$address" ] || { touch "$TMPDIR/$NODE-$address"; exit 1; }
"""
CAT = """#!/bin/sh
case $1 in /sys/class/net/eth0/mtu) echo 1450;; *) exec /bin/cat "$@";; esac
"""
NSLOOKUP = """#!/bin/sh
printf 'Server: 10.96.0.10\\n\\nName: %s\\nAddress: 10.96.7.7\\n' "$2"
"""


def test_every_pod_asks_every_target_and_the_answers_come_back_by_pod(tmp_path: Path) -> None:
    for name, text in {
        "kubectl": KUBECTL,
        "wget": WGET,
        "nslookup": NSLOOKUP,
        "sleep": "#!/bin/sh\n",
        "busybox": BUSYBOX,
        "cat": CAT,
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    pods = [
        ProbePod("probe-a", "m1", "10.244.0.1", running=True),
        ProbePod("probe-b", "w1", "10.244.1.1", running=True),
        ProbePod("probe-gone", "w2", "10.244.2.1", running=True),
    ]
    command = ask_pods("ns", pods, "10.96.7.7", ["kubernetes.default.svc.cluster.local"], ["m1"])
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env=environment)
    found = reached(ran.stdout)
    assert found["probe-gone"] == {}
    for pod in ("probe-a", "probe-b"):
        assert {target: reach.ok for target, reach in found[pod].items()} == {
            "pod/m1": True,
            "pod/w1": False,
            "pod/w2": False,
            "service": True,
            "dns/kubernetes.default.svc.cluster.local": True,
            "mtu": True,
            "full/m1": pod == "probe-b",
        }
        assert found[pod]["mtu"].text == "1450"
        assert found[pod]["pod/m1"].text == "m1"
        assert found[pod]["pod/w1"].text == "wget: download timed out"
        assert "10.96.7.7" in found[pod]["dns/kubernetes.default.svc.cluster.local"].text.split()
    assert found["probe-a"]["full/m1"].text == "packets of 1450 bytes, the MTU of the pod, pass in fragments only"
    assert not [path for path in tmp_path.iterdir() if path.is_dir()], "nothing is left on the control plane"


def test_over_ipv6_addresses_are_in_brackets_names_asked_for_in_their_family_and_headers_larger(tmp_path: Path) -> None:
    scripts = {
        "kubectl": KUBECTL,
        "wget": '#!/bin/sh\ncase $* in *"//[fd00:10:244::1]:"*|*"//[fd00:10:96::7]/") echo m1;; *) exit 1;; esac\n',
        "nslookup": '#!/bin/sh\n[ "$1" = -type=aaaa ] && echo "Address: fd00:10:96::7"\n',
        "sleep": "#!/bin/sh\n",
        "busybox": '#!/bin/sh\n[ $1 = ping ] || { shift 2; exec "$@"; }\ncase $* in *" 1402 "*) ;; *) exit 2;; esac\n',
        "cat": CAT,
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    pods = [ProbePod("probe-a", "m1", "fd00:10:244::1", running=True)]
    command = ask_pods("ns", pods, "fd00:10:96::7", ["probe.ns.svc"], [])
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env=environment)
    found = reached(ran.stdout)["probe-a"]
    wanted = ("pod/m1", "service", "dns/probe.ns.svc", "full/m1")
    assert {target: found[target].ok for target in wanted} == dict.fromkeys(wanted, True)
    assert found["dns/probe.ns.svc"].text.split() == ["Address:", "fd00:10:96::7"]


def test_pods_are_told_with_their_node_and_what_they_wait_for() -> None:
    waiting = {
        "name": "probe",
        "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "Container image is not present"}},
    }
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["w2"]}]}]}}}  # fmt: skip
    text = json.dumps({"items": [
        {"metadata": {"name": "a"}, "spec": {"nodeName": "m1"},
         "status": {"phase": "Running", "podIP": "10.244.0.9", "containerStatuses": [{"state": {"running": {}}}]}},
        {"metadata": {"name": "b"}, "spec": {"nodeName": "w1"},
         "status": {"phase": "Pending", "containerStatuses": [waiting]}},
        {"metadata": {"name": "c"}, "spec": {"affinity": affinity},
         "status": {"phase": "Pending", "conditions": [
             {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]}},
        {"metadata": {"name": "d"}, "spec": {"nodeName": "w3"}, "status": {"phase": "Pending"}},
    ]})  # fmt: skip
    answers = {"pods": Answer(text, 0), "service": Answer("Error from server (NotFound)", 1), "endpoints": NOT_ASKED}
    found = sight(answers)
    assert (found.service, found.behind, found.running) == ("", frozenset(), found.pods[:1])
    m1, w1, w2, w3 = found.pods
    assert m1 == ProbePod("a", "m1", "10.244.0.9", running=True)
    assert (w1.running, w1.hopeless, w1.why) == (False, True, "ErrImageNeverPull Container image is not present")
    assert (w2.node, w2.why, w2.hopeless) == ("w2", "0/3 nodes are available", False)
    assert (w3.running, w3.why) == (False, "Pending")


def test_the_probe_is_complete_when_every_pod_runs_behind_the_service_or_never_will() -> None:
    a = ProbePod("a", "m1", "10.244.0.9", running=True)
    hopeless = ProbePod("b", "w1", "", running=False, why="ErrImageNeverPull")
    waiting = ProbePod("b", "w1", "", running=False, why="ContainerCreating")
    behind = frozenset({"10.244.0.9"})
    assert Sight((a, hopeless), "10.96.7.7", behind).complete(["m1", "w1"])
    assert Sight((a, waiting), "10.96.7.7", behind).complete(["m1"])
    assert not Sight((a, waiting), "10.96.7.7", behind).complete(["m1", "w1"])
    assert not Sight((a,), "10.96.7.7", frozenset()).complete(["m1"])
    assert not Sight((a,), "10.96.7.7", behind).complete(["m1", "w1"])


def test_namespaces_of_dead_runs_are_stale_and_those_of_living_ones_are_not() -> None:
    def namespace(name: str, owner: str, made: str, **more: str) -> dict[str, object]:
        return {"metadata": {"name": name, "labels": {"kprov.io/verify": owner}, "creationTimestamp": made, **more}}

    now, fresh, old = datetime(2026, 1, 2, 12, 0, tzinfo=UTC), "2026-01-02T11:59:00Z", "2026-01-02T11:00:00Z"
    text = json.dumps({"items": [
        namespace("dead", "aaaa-7", fresh),
        namespace("alive", "aaaa-8", fresh),
        namespace("another-controllers", "bbbb-7", fresh),
        namespace("another-controllers-old", "bbbb-7", old),
        namespace("going-already", "aaaa-7", old, deletionTimestamp=fresh),
        namespace("odd", "aaaa", fresh),
    ]})  # fmt: skip
    assert stale(text, now, "aaaa", lambda pid: pid == 8) == ("dead", "another-controllers-old")


def test_the_probe_runs_on_tainted_nodes_and_is_never_pulled() -> None:
    daemon_set = objects("ns", "me")["/apis/apps/v1/namespaces/ns/daemonsets"]
    pod = daemon_set["spec"]["template"]["spec"]  # type: ignore[index]
    assert pod["tolerations"] == [{"operator": "Exists"}]
    assert pod["containers"][0]["imagePullPolicy"] == "Never"


def test_the_objects_survive_the_shell(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text("#!/bin/sh\ncat; echo\n")
    kubectl.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    made = [
        json.loads(subprocess.run(["sh", "-c", command], capture_output=True, check=True, env=environment).stdout)
        for command in create("ns").values()
    ]
    assert [each["kind"] for each in made] == ["Namespace", "DaemonSet", "Service"]
    assert made[0]["metadata"]["labels"]["kprov.io/verify"].endswith(f"-{os.getpid()}")
