"""What a cluster costs: by kprov, and by the shell script that does the least (``floor.sh``), in turn in one run.

Every case begins with the same machines: booted by the lab, their host keys pinned, nothing of Kubernetes on them, the
bundle in the cache. Only `whole` begins with no machines at all. Figures of different runs are not comparable, those of
one run are; so everything is told as ratios too. Written to ``bench/results``; nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import floorplan
import yaml
from machine import as_program, await_quiet, describe
from meter import measure
from sample import Sample, told
from show import AGAIN, show

from kprov.bundle.ensure import ensure, sources_for
from kprov.bundle.model import Wanted
from kprov.bundle.store import default_store
from kprov.events import silent
from kprov.journal.folders import run_folders
from kprov.spec.load import load
from kprov.ssh.config import control_folder, hang_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from kprov.spec.load import Loaded

_HERE = Path(__file__).resolve().parent
_RESULTS = _HERE / "results"
_LAB_FILE = _HERE.parent / "inventory" / "lab" / "cluster.yaml"
_KPROV = str(Path(sys.executable).parent / "kprov")
_SUBNET = "10.99.200"
_LOG_TAIL = 15


class Bench:
    """The lab that is measured on, and the folder in which the results come to lie."""

    def __init__(self, loaded: Loaded, results: Path, strategy: str, patience_s: float) -> None:
        self._loaded = loaded
        self._results = results
        self._strategy = strategy
        self._patience_s = patience_s
        self._env = {**os.environ, "PYTHON": sys.executable}
        sources = sources_for(loaded.spec.bundle.source, {}, os.environ)
        self._bundle = ensure(sources, Wanted(loaded.spec.kubernetes.version), default_store(os.environ), silent)

    def floor(self, number: int, order: str, case: str) -> Iterator[Sample]:
        """The shell script; ``order`` is how control planes join."""
        self._lab("up")
        with tempfile.TemporaryDirectory(prefix="kprov-bench-") as name:
            floorplan.lay_out(Path(name), self._loaded, self._bundle, f"{_SUBNET}.1")
            yield self._measure(case, number, [str(_HERE / "floor.sh"), name, order])

    def prepared(self, number: int) -> Iterator[Sample]:
        """`kprov up` on machines that are there, without the proof, and once more."""
        self._lab("up")
        for case in ("kprov", "kprov, again"):
            yield self._kprov(case, number, "--skip", "verify")

    def whole(self, number: int) -> Iterator[Sample]:
        """`kprov up` from no machines to the proof, and once more."""
        for case in ("whole", "whole, again"):
            yield self._kprov(case, number)

    def down(self) -> None:
        """Remove the lab."""
        self._lab("down")

    def _kprov(self, case: str, number: int, *options: str) -> Sample:
        command = [_KPROV, "up", "-f", str(self._loaded.paths.file), "--strategy", self._strategy, *options]
        return self._measure(case, number, command)

    def _lab(self, verb: str) -> None:
        command = [_KPROV, "lab", verb, "-q", "-f", str(self._loaded.paths.file)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            sys.exit(f"kprov lab {verb} ended with {done.returncode}:\n{done.stdout}")

    def _measure(self, case: str, number: int, command: list[str]) -> Sample:
        hang_up(self._loaded.paths.known_hosts)
        control_folder()
        before = run_folders(self._loaded.paths.runs)
        log = self._results / f"{case.replace(', ', '-').replace(' ', '-')}-{number}.log"
        waiting = time.monotonic()
        busy = await_quiet(0 if case.endswith(AGAIN) else self._patience_s)
        self._patience_s = max(0.0, self._patience_s - (time.monotonic() - waiting))
        load = os.getloadavg()[0]
        print(f"round {number}: {case} ... ", end="", flush=True)
        cost = measure(command, log, self._env)
        print(f"{cost.wall_s:.1f} s, {cost.cpu_s:.1f} s of CPU (machine {busy:.0%} busy before)", flush=True)
        if cost.exit_code:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL:])
            sys.exit(f"{' '.join(command)} ended with {cost.exit_code}:\n{tail}\nsee {log}")
        made = [folder for folder in run_folders(self._loaded.paths.runs) if folder not in before]
        phases, tasks = told(made[-1]) if made else ({}, {})
        return Sample(case, number, cost, round(busy, 3), load, phases, tasks)


def cluster_file(planes: int, workers: int) -> Path:
    """Write the file of the measured cluster: as `make lab` has it, but with a name and a subnet of its own."""
    data = yaml.safe_load(_LAB_FILE.read_text(encoding="utf-8"))
    data["cluster"] = "bench"
    # The same on every machine, whatever release servers it reaches.
    data["kubernetes"] = {"version": "1.20.2"}
    data["bundle"] = {"source": "packages"}
    data["lab"]["subnet"] = f"{_SUBNET}.0/24"
    data["nodes"] = {
        **{f"m{i}": {"address": f"{_SUBNET}.{10 + i}", "roles": ["control-plane", "etcd"]} for i in _count(planes)},
        **{f"w{i}": {"address": f"{_SUBNET}.{100 + i}", "roles": ["worker"]} for i in _count(workers)},
    }
    path = _RESULTS / "lab" / "cluster.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    return path


def _count(number: int) -> range:
    return range(1, number + 1)


CASES: Mapping[str, Callable[[Bench, int], Iterator[Sample]]] = {
    "floor": lambda bench, number: bench.floor(number, "serial", "floor"),
    "floor-parallel": lambda bench, number: bench.floor(number, "parallel", "floor, parallel"),
    "kprov": Bench.prepared,
    "whole": Bench.whole,
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--nodes", default="3+1", metavar="N+M", help="control planes and workers (default: 3+1)")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="how often all of it (default: 1)")
    parser.add_argument("--keep", action="store_true", help="leave the last cluster up")
    parser.add_argument("--only", action="append", choices=CASES, help="measure this case; may be given several times")
    parser.add_argument(
        "--strategy", default="auto", choices=("auto", "linear", "mitogen"), help="how Ansible runs tasks"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=120,
        metavar="S",
        help="how long to wait altogether for a quiet machine before measurements (default: 120)",
    )
    given = parser.parse_args()
    try:
        given.planes, given.workers = map(int, given.nodes.split("+"))
    except ValueError:
        parser.error(f"--nodes {given.nodes}: write control planes and workers as in 3+1")
    if given.rounds < 1:
        parser.error("--rounds: at least 1")
    return given


def save(path: Path, about: Mapping[str, str], samples: Sequence[Sample]) -> None:
    """Write what was measured so far: an interruption loses nothing."""
    path.write_text(json.dumps({**about, "samples": [asdict(each) for each in samples]}, indent=1), encoding="utf-8")


def main() -> None:
    """Measure, and show."""
    given = arguments()
    loaded = load(cluster_file(given.planes, given.workers))
    results = _RESULTS / time.strftime("%Y%m%dT%H%M%S")
    results.mkdir()
    bench = Bench(loaded, results, given.strategy, given.patience)
    about = {**describe(), "nodes": given.nodes, "strategy": given.strategy}
    print("; ".join(f"{key}: {value}" for key, value in about.items()), flush=True)
    samples: list[Sample] = []
    try:
        for number in _count(given.rounds):
            for case in given.only or CASES:
                bench.down()
                for sample in CASES[case](bench, number):
                    samples.append(sample)
                    save(results / "result.json", about, samples)
    finally:
        if not given.keep:
            bench.down()
    show(samples, loaded.spec.control_planes)
    print(f"\nAll figures and logs: {results}")
    if given.keep:
        print(f"The cluster is up: kprov lab down -f {loaded.paths.file}")


if __name__ == "__main__":
    as_program(main)
