"""What the first contact with nine machines costs: `kprov trust` by a password, and `kprov preflight` against Ansible.

The machines are node containers that take a password. Preflight and `ansible -m setup` ask the same machines in turn,
each with connections of its own; figures of one run compare, those of different runs do not, so ratios are told.
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from machine import as_program, await_quiet, describe
from meter import Cost, measure

from kprov import project
from kprov.events import silent
from kprov.lab import provider
from kprov.lab.providers import lab_request
from kprov.spec.load import load
from kprov.ssh.config import hang_up
from kprov.ssh.keys import ensure_key

_PROGRAMS = Path(sys.executable).parent
_PASSWORD = "only-in-this-benchmark"
_NAME, _NET = "bench-contact", "10.105.250"
_NODES = {f"m{i}": f"{_NET}.{10 + i}" for i in range(1, 4)} | {f"w{i}": f"{_NET}.{100 + i}" for i in range(1, 7)}
_TAKE_PASSWORDS = """\
printf 'PasswordAuthentication yes\\nPermitRootLogin yes\\n' >/etc/ssh/sshd_config.d/00-bench.conf
chpasswd
systemctl reload ssh
"""


def cluster_file(folder: Path, *, lab: bool) -> Path:
    """Write the cluster file: once for the lab that makes the machines, once as of machines that exist already."""
    nodes = "".join(
        f"  {name}: {{address: {address}, roles: [{'control-plane' if name[0] == 'm' else 'worker'}]}}\n"
        for name, address in _NODES.items()
    )
    made = f"lab: {{provider: podman, subnet: {_NET}.0/24}}\n" if lab else ""
    folder.mkdir(exist_ok=True)
    path = folder / "cluster.yaml"
    path.write_text(
        f"cluster: {_NAME}\nnetwork: {{plugin: flannel}}\nbundle: {{source: packages}}\n{made}nodes:\n{nodes}",
        encoding="utf-8",
    )
    return path


def run(name: str, command: list[str], folder: Path) -> Cost:
    """Measure one command, with no connection left of the one before."""
    known_hosts = load(folder / "cluster.yaml").paths.known_hosts
    if known_hosts.exists():
        hang_up(known_hosts)
    env = {**os.environ, "KPROV_SSH_PASSWORD": _PASSWORD, "ANSIBLE_CONFIG": str(project.ansible_home() / "ansible.cfg")}
    busy = await_quiet(10)
    log = folder / f"{name.replace(' ', '-')}.log"
    os.chdir(folder)
    cost = measure(command, log, env)
    print(f"{name:18} {cost.wall_s:6.2f} s  {cost.cpu_s:6.2f} s of CPU  (machine {busy:.0%} busy before)", flush=True)
    if cost.exit_code not in (0, 1):
        sys.exit(log.read_text(encoding="utf-8"))
    return cost


def compare(folder: Path, rounds: int) -> None:
    """Trust once, then ask in turn, and tell the ratios."""
    kprov, inventory = str(_PROGRAMS / "kprov"), folder / "hosts"
    run("trust", [kprov, "trust", "--accept-new"], folder)
    run("trust again", [kprov, "trust"], folder)
    config = folder / "artifacts" / "ssh" / "config"
    inventory.write_text("".join(f"{name} ansible_ssh_common_args='-F {config}'\n" for name in _NODES))
    setup = [str(_PROGRAMS / "ansible"), "-i", str(inventory), "all", "-m", "ansible.builtin.setup"]
    asked: dict[str, list[Cost]] = {"preflight": [], "ansible -m setup": []}
    for _ in range(rounds):
        asked["preflight"].append(run("preflight", [kprov, "preflight"], folder))
        asked["ansible -m setup"].append(run("ansible -m setup", setup, folder))
    ours, theirs = asked.values()
    for what in ("wall_s", "cpu_s"):
        ratio = median(getattr(cost, what) for cost in ours) / median(getattr(cost, what) for cost in theirs)
        print(f"preflight / ansible -m setup, {what}: {ratio:.2f} (medians of {rounds})")


def main() -> None:
    """Boot the machines, measure, remove them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often both are asked (default: 3)")
    given = parser.parse_args()
    print("; ".join(f"{key}: {value}" for key, value in describe().items()), flush=True)
    engine = provider("podman")
    with tempfile.TemporaryDirectory(prefix="kprov-bench-") as name:
        made = load(cluster_file(Path(name) / "lab", lab=True))
        cluster_file(Path(name) / "existing", lab=False)
        request = lab_request(made.spec, ensure_key(Path(name) / "key"), made.paths.file)
        engine.check(request)
        try:
            engine.up(request, silent)
            for node in _NODES:
                argv = ["podman", "exec", "-i", f"kprov-{_NAME}-{node}", "sh", "-ec", _TAKE_PASSWORDS]
                subprocess.run(argv, input=f"root:{_PASSWORD}\n", text=True, check=True, capture_output=True)
            compare(Path(name) / "existing", max(1, given.rounds))
        finally:
            engine.down(_NAME, silent)


if __name__ == "__main__":
    as_program(main)
