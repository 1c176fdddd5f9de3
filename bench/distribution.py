"""What it costs to bring 400 MB to nine machines: by the bundle's server as kprov does it, and by `ansible copy`.

Both are playbooks under Ansible's own strategy, to the same node containers in turn, with nothing of the files there
before; what differs is how the bytes go. Figures of one run compare, those of different runs do not, so ratios are
told. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import yaml
from machine import as_program, await_quiet, describe
from meter import Cost, measure

from kprov import project
from kprov.spec.load import load

_PROGRAMS = Path(sys.executable).parent
_NAME, _NET = "bench-spread", "10.105.251"
_NODES = {f"m{i}": f"{_NET}.{10 + i}" for i in range(1, 4)} | {f"w{i}": f"{_NET}.{100 + i}" for i in range(1, 7)}
_FILES, _SIZE_MB = 4, 100
_TARGET = "/opt/kprov-bench"
_CASES = ("kprov", "ansible copy")


def cluster_file(folder: Path) -> Path:
    """Write the file of a lab of nine machines."""
    nodes = "".join(
        f"  {name}: {{address: {address}, roles: [{'control-plane' if name[0] == 'm' else 'worker'}]}}\n"
        for name, address in _NODES.items()
    )
    path = folder / "cluster.yaml"
    path.write_text(
        f"cluster: {_NAME}\nnetwork: {{plugin: bridge}}\n"
        "bundle: {source: packages}\nkubernetes: {version: 1.20.2}\n"
        f"lab: {{provider: podman, subnet: {_NET}.0/24}}\nnodes:\n{nodes}",
        encoding="utf-8",
    )
    return path


def make_files(folder: Path) -> dict[str, Path]:
    """Files of random bytes, so that nothing on the way can make them smaller."""
    made = {}
    for number in range(_FILES):
        path = folder / f"file-{number}"
        with path.open("wb") as out:
            for _ in range(_SIZE_MB):
                out.write(os.urandom(10**6))
        made[path.name] = path
    return made


def playbooks(folder: Path, files: dict[str, Path]) -> dict[str, Path]:
    """One playbook for each case."""
    artifacts = []
    for name, path in files.items():
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
        artifacts.append(
            {"name": name, "kind": "binary", "path": name, "sha256": digest, "size": path.stat().st_size, "images": []}
        )
    serve = {
        "name": "Serve the files",
        "kprov_bundle_server": {
            "files": {name: str(path) for name, path in files.items()},
            "peer": next(iter(_NODES.values())),
        },
        "register": "server",
    }
    fetch = {
        "name": "Fetch the files",
        "kprov_artifacts": {
            "url": "{{ hostvars['localhost'].server.url }}",
            "artifacts": artifacts,
            "bin_dir": _TARGET,
        },
    }
    copy = {
        "name": "Copy the files",
        "ansible.builtin.copy": {"src": "{{ item }}", "dest": f"{_TARGET}/", "mode": "0755"},
        "loop": [str(path) for path in files.values()],
    }
    on_nodes = {"hosts": "nodes", "gather_facts": False}
    plays = {
        "kprov": [
            {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [serve]},
            {**on_nodes, "tasks": [fetch]},
        ],
        "ansible copy": [{**on_nodes, "tasks": [copy]}],
    }
    made = {}
    for case, content in plays.items():
        made[case] = folder / f"{case.replace(' ', '-')}.yml"
        made[case].write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return made


def on_every_node(script: str) -> None:
    """Run a script on every machine."""
    for node in _NODES:
        subprocess.run(["podman", "exec", f"kprov-{_NAME}-{node}", "sh", "-ec", script], check=True)


def spread(case: str, playbook: Path, inventory: Path) -> Cost:
    """Measure one way, from machines that have nothing of the files."""
    # containerd is asked for the images that it has; here no image is among the files, and it does not run yet.
    on_every_node(f"rm -rf {_TARGET} /var/lib/kprov; mkdir {_TARGET}; systemctl start containerd")
    busy = await_quiet(20)
    env = {**os.environ, "ANSIBLE_CONFIG": str(project.ansible_home() / "ansible.cfg"), "ANSIBLE_STRATEGY": "linear"}
    command = [str(_PROGRAMS / "ansible-playbook"), "-i", str(inventory), str(playbook)]
    log = playbook.with_suffix(".log")
    cost = measure(command, log, env)
    print(f"{case:12} {cost.wall_s:6.1f} s  {cost.cpu_s:6.1f} s of CPU  (machine {busy:.0%} busy before)", flush=True)
    if cost.exit_code:
        sys.exit(log.read_text(encoding="utf-8"))
    on_every_node(f'[ "$(cat {_TARGET}/file-* | wc -c)" = {_FILES * _SIZE_MB * 10**6} ]')
    return cost


def main() -> None:
    """Boot the machines, measure, remove them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2, metavar="N", help="how often both are measured (default: 2)")
    given = parser.parse_args()
    print("; ".join(f"{key}: {value}" for key, value in describe().items()), flush=True)
    with tempfile.TemporaryDirectory(prefix="kprov-bench-") as name:
        folder = Path(name)
        path = cluster_file(folder)
        kprov = [str(_PROGRAMS / "kprov")]
        costs: dict[str, list[Cost]] = {case: [] for case in _CASES}
        try:
            subprocess.run([*kprov, "lab", "up", "-f", str(path)], check=True, stdout=subprocess.DEVNULL)
            subprocess.run([*kprov, "trust", "-f", str(path)], check=True, stdout=subprocess.DEVNULL)
            config = load(path).paths.ssh_config
            inventory = folder / "nodes.ini"
            lines = [f"{node} ansible_ssh_common_args='-F {config}' ansible_user=root\n" for node in _NODES]
            inventory.write_text("[nodes]\n" + "".join(lines), encoding="utf-8")
            made = playbooks(folder, make_files(folder))
            for _ in range(max(1, given.rounds)):
                for case in _CASES:
                    costs[case].append(spread(case, made[case], inventory))
        finally:
            subprocess.run([*kprov, "lab", "down", "-f", str(path)], check=True, stdout=subprocess.DEVNULL)
    for what in ("wall_s", "cpu_s"):
        ours, theirs = (median(getattr(cost, what) for cost in costs[case]) for case in _CASES)
        print(f"kprov / ansible copy, {what}: {ours / theirs:.2f} (medians of {given.rounds})")


if __name__ == "__main__":
    as_program(main)
