"""A cluster for a test: its file, the commands on it, and what its runs left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

KPROV = str(Path(sys.executable).parent / "kprov")
HOME = Path(__file__).parents[2]


def missing() -> str:
    """What this machine lacks for a container lab, in words; empty where nothing is missing."""
    lacking = [name for name in ("podman", "runc", "mmdebstrap", "ssh") if shutil.which(name) is None]
    if os.geteuid() != 0:
        lacking.append("root")
    return f"needs {', '.join(lacking)}" if lacking else ""


@dataclass(frozen=True)
class Cluster:
    """One cluster in the container lab, in a folder of its own."""

    folder: Path
    name: str
    subnet: str

    @classmethod
    def of(
        cls,
        folder: Path,
        name: str,
        third: int,
        nodes: str,
        *,
        network: str = "plugin: bridge",
        lab: bool = True,
        second: int = 99,
    ) -> Cluster:
        """Write the cluster file; ``nodes`` are the lines below ``nodes:``, with ``{net}`` for the subnet's start."""
        net = f"10.{second}.{third}"
        text = (
            f"cluster: {name}\nkubernetes: {{version: 1.20.2}}\nnetwork: {{{network}}}\nbundle: {{source: packages}}\n"
        )
        if lab:
            text += f"lab: {{provider: podman, subnet: {net}.0/24}}\n"
        (folder / "cluster.yaml").write_text(text + "nodes:\n" + nodes.replace("{net}", net))
        return cls(folder, name, f"{net}.0/24")

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a kprov command in the cluster's folder."""
        return subprocess.Popen(
            [KPROV, *words], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def kprov(self, *words: str, code: int = 0, timeout_s: int = 1500) -> str:
        """Run a kprov command that must end with this code; return what it said."""
        process = self.start(*words)
        said = process.communicate(timeout=timeout_s)[0]
        assert process.returncode == code, f"kprov {' '.join(words)} ended with {process.returncode}:\n{said}"
        assert "Traceback" not in said, said
        return said

    def playbook(self, *words: str) -> str:
        """Run the playbook without the driver, as a person would."""
        playbook = [str(Path(KPROV).with_name("ansible-playbook")), "-i", str(self.folder / "hosts.ini")]
        done = subprocess.run(
            [*playbook, "playbooks/up.yml", *words], cwd=HOME, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
        return done.stdout

    def on(self, node: str, command: str, text: str = "") -> str:
        """What a command on a node prints; it reads the text."""
        argv = ["ssh", "-F", str(self.folder / "artifacts/ssh/config"), node, command]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command} on {node}: {done.stderr[-2000:]}"
        return done.stdout

    def kubectl(self, *words: str) -> dict[str, object]:
        """What kubectl on this machine says, by the fetched kubeconfig, as data."""
        artifacts = self.folder / "artifacts"
        argv = [str(artifacts / "kubectl"), "--kubeconfig", str(artifacts / "kubeconfig"), *words, "-o", "json"]
        return json.loads(subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout)

    def events(self) -> list[dict[str, object]]:
        """The events of the last run."""
        runs = sorted((self.folder / "artifacts/runs").iterdir(), key=lambda run: run.stat().st_mtime_ns)
        lines = (runs[-1] / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def tasks(self) -> dict[str, list[str]]:
        """The status of every task of the last run, by host."""
        found: dict[str, list[str]] = {}
        for event in self.events():
            if event["event"] == "TaskFinished" and event["host"] != "localhost":
                found.setdefault(str(event["host"]), []).append(str(event["status"]))
        return found

    def ready(self) -> dict[str, bool]:
        """Whether each node is Ready."""
        return {
            item["metadata"]["name"]: any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in item["status"]["conditions"]
            )
            for item in self.kubectl("get", "nodes")["items"]
        }


def podman(*words: str) -> str:
    """What podman prints."""
    return subprocess.run(["podman", *words], capture_output=True, text=True, timeout=120, check=True).stdout
