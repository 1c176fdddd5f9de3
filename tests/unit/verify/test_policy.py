"""A NetworkPolicy and the pods that it locks up: who asks whom, what runs in the pods, and what comes of it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from kprov.ssh.batch import Answer
from kprov.verify.policy import try_policy
from kprov.verify.probe import ProbePod

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PODS = [ProbePod(f"probe-{node}", node, f"10.244.0.{number}", running=True) for number, node in enumerate(("m1", "w1"))]
# What runs in a pod runs here; ``closed`` names the addresses that nobody reaches, and is gone with the policy.
KUBECTL = """#!/bin/sh
while [ "$1" != exec ]; do shift; done
NODE=${2#probe-}; shift 3; export NODE
exec "$@"
"""
WGET = """#!/bin/sh
echo "$NODE $4" >>asked
for url; do :; done
case " $(cat closed) " in *" ${url#http://} "*) exit 1;; esac
"""
PROGRAMS = {"kubectl": KUBECTL, "wget": WGET, "sleep": "#!/bin/sh\n", "busybox": '#!/bin/sh\nshift 2; exec "$@"\n'}


class Plane:
    """A control plane whose network shuts some addresses off while there is a policy."""

    def __init__(self, folder: Path, shut: str, *, opens: bool = True) -> None:
        self.folder, self.shut, self.opens = folder, shut, opens
        for name, text in PROGRAMS.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "closed").touch()

    def ask(self, questions: Mapping[str, str]) -> Mapping[str, Answer]:
        if "create.0" in questions:
            (self.folder / "closed").write_text(self.shut)
            return {"create.0": Answer("", 0)}
        if "free" in questions:
            assert questions["free"].endswith("/namespaces/ns/networkpolicies/probe")
            (self.folder / "closed").write_text("" if self.opens else self.shut)
            return {"free": Answer("", 0)}
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        command = ["sh", "-c", questions["guard"]]
        ran = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment, cwd=self.folder, timeout=60
        )
        return {"guard": Answer(ran.stdout, 0)}


def outcome(plane: Plane) -> dict[str, tuple[bool, bool]]:
    found = try_policy(plane.ask, "ns", PODS)
    assert found.asker == {"m1": "w1", "w1": "m1"}
    return {node: (found.locked[node].ok, found.freed[node].ok) for node in found.asker}


def test_pods_are_shut_off_and_let_go(tmp_path: Path) -> None:
    assert outcome(Plane(tmp_path, "10.244.0.0:8080/ 10.244.0.1:8080/")) == {"m1": (True, True), "w1": (True, True)}


def test_a_node_that_does_not_enforce_is_found(tmp_path: Path) -> None:
    assert outcome(Plane(tmp_path, "10.244.0.1:8080/")) == {"m1": (False, True), "w1": (True, True)}


def test_a_node_that_does_not_let_go_is_found(tmp_path: Path) -> None:
    plane = Plane(tmp_path, "10.244.0.0:8080/ 10.244.0.1:8080/", opens=False)
    assert outcome(plane) == {"m1": (True, False), "w1": (True, False)}


def test_a_policy_that_the_api_server_refuses_is_quoted() -> None:
    found = try_policy(lambda _: {"create.0": Answer("Error from server (Forbidden): no policies here", 1)}, "ns", PODS)
    assert found.refused == "Error from server (Forbidden): no policies here"
