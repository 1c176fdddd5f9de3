"""The driver killed at random moments of an `up`; the same command again ends in a verified cluster, each time.

``KPROV_E2E_ROUNDS`` says how many moments (2), ``KPROV_E2E_SEED`` which (printed, so that a failure can be repeated).
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.e2e.made import Cluster, podman

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODES = """\
  m[1:3]: {address: "{net}.[11:13]", roles: [control-plane, etcd]}
  w1: {address: "{net}.101", roles: [worker]}
"""
ALL = {"m1", "m2", "m3", "w1"}
ROUNDS = int(os.environ.get("KPROV_E2E_ROUNDS", "2"))
SEED = int(os.environ.get("KPROV_E2E_SEED", str(time.time_ns() % 1_000_000)))


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster file whose machines do not exist yet."""
    made = Cluster.of(tmp_path, "e2e-cut", 3, NODES)
    made.kprov("lab", "down")
    try:
        yield made
    finally:
        made.kprov("lab", "down")


def follow(cluster: Cluster, sign: str, *words: str) -> tuple[object, str]:
    """Start `up` and return it once its output shows the sign."""
    process = cluster.start("up", *words)
    said = ""
    while sign not in said:
        line = process.stdout.readline()
        assert line, f"it ended before {sign!r}:\n{said}"
        said += line
    return process, said


@pytest.mark.parametrize("number", range(ROUNDS))
def test_the_driver_is_killed_and_up_runs_again(fresh: Cluster, number: int) -> None:
    # The first rounds hit what is most delicate; the later ones any moment of a run.
    dice = random.Random(SEED + number)
    sign = ("Found the cluster", "Join the cluster")[number] if number < 2 else "Make the cluster"
    sent = (signal.SIGKILL, signal.SIGINT)[number % 2]
    process, said = follow(fresh, sign)
    delay_s = dice.uniform(0, 12) if number < 2 else dice.uniform(0, 75)
    time.sleep(delay_s)
    sys.stdout.write(f"seed {SEED}: {sent.name} {delay_s:.1f} s after {sign!r}\n")
    process.send_signal(sent)
    said += process.communicate(timeout=60)[0]
    if process.returncode != 0:
        assert process.returncode == (130 if sent is signal.SIGINT else -signal.SIGKILL), said
    fresh.kprov("up")
    assert fresh.ready() == dict.fromkeys(ALL, True)


def test_a_node_is_killed_while_it_joins(fresh: Cluster) -> None:
    process, said = follow(fresh, "Join the cluster")
    time.sleep(random.Random(SEED).uniform(2, 8))
    podman("kill", podman("ps", "-q", "--filter", "label=kprov.cluster=e2e-cut", "--filter", "name=m3").strip())
    said += process.communicate(timeout=600)[0]
    assert process.returncode in (0, 1, 3, 4), said
    fresh.kprov("up")
    assert fresh.ready() == dict.fromkeys(ALL, True)
