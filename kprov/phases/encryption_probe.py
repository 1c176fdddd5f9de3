"""Run on a control plane, by its own Python 3.8 or later: how it encrypts and stores objects. No key leaves the node.

Arguments: resources, each with its folder in etcd (``secrets=/registry/secrets/``). Answers one JSON object: by
resource ``writes`` (provider and key's name, or ``plain``), ``keys`` (how many can read), ``loaded`` (whether the API
server was started with this file) and ``stored`` (of the first objects in etcd, how many begin with which mark).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ENCRYPTION = "/etc/kubernetes/kprov/api-server/encryption.json"
MANIFEST = "/etc/kubernetes/manifests/kube-apiserver.yaml"
ETCD_MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
CTR = ["ctr", "--namespace", "k8s.io"]
PKI = "/etc/kubernetes/pki/etcd/"
ETCD = [
    *("etcdctl", "--cacert=" + PKI + "ca.crt"),
    *("--cert=" + PKI + "server.crt", "--key=" + PKI + "server.key"),
]
SAMPLE = "200"


def read(path: str) -> str:
    """A file's text; empty where there is none."""
    file = Path(path)
    return file.read_text(encoding="utf-8") if file.exists() else ""


def providers(document: dict[str, Any]) -> dict[str, list[str]]:
    """By resource, the names of what reads it; the first writes.

    >>> keys = {"keys": [{"name": "key2", "secret": "YQ=="}]}
    >>> providers({"resources": [{"resources": ["secrets"], "providers": [{"aescbc": keys}, {"identity": {}}]}]})
    {'secrets': ['aescbc key2', 'plain']}
    """
    found: dict[str, list[str]] = {}
    for group in document.get("resources", []):
        names: list[str] = []
        for provider in group["providers"]:
            for kind, settings in provider.items():
                keys = settings.get("keys", [settings]) if settings else [{}]
                names += ["plain" if kind == "identity" else kind + " " + key["name"] for key in keys]
        for resource in group["resources"]:
            found.setdefault(resource, names)
    return found


def mark(value: bytes) -> str:
    """How an object is stored, by its first bytes.

    >>> mark(b"k8s:enc:aescbc:v1:key2:..."), mark(b"k8s\\0...")
    ('aescbc key2', 'plain')
    """
    found = re.match(rb"k8s:enc:([a-z0-9]+):v[0-9]:([^:]+):", value)
    return b" ".join(found.groups()).decode() if found else "plain"


def endpoint(manifest: str) -> str:
    """Where this machine's etcd answers: by kubeadm, first on the loopback of its address's family.

    >>> endpoint("- --listen-client-urls=https://[::1]:2379,https://[fd00::11]:2379"), endpoint("")
    ('https://[::1]:2379', 'https://127.0.0.1:2379')
    """
    found = re.search(r"--listen-client-urls=([^,\s]+)", manifest)
    return found[1] if found else "https://127.0.0.1:2379"


def run(*command: str) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, timeout=30, check=True, text=True).stdout


def stored(folder: str) -> dict[str, int]:
    """Of the first objects in a folder of etcd, how many are stored in which way."""
    listed = run(*CTR, "containers", "list", "-q", 'labels."io.kubernetes.container.name"==etcd').split()
    running = [line.split()[0] for line in run(*CTR, "tasks", "list").splitlines() if "RUNNING" in line]
    own = [name for name in running if name in listed]
    inside = [
        *ETCD,
        "--endpoints=" + endpoint(read(ETCD_MANIFEST)),
        "get",
        "--prefix",
        "--limit",
        SAMPLE,
        "-w",
        "json",
        folder,
    ]
    answer = json.loads(run(*CTR, "tasks", "exec", "--exec-id", f"kprov-{os.getpid()}", own[0], *inside))
    counts: dict[str, int] = {}
    for pair in answer.get("kvs", []):
        name = mark(base64.b64decode(pair.get("value", "")))
        counts[name] = counts.get(name, 0) + 1
    return counts


def main(arguments: list[str]) -> None:
    """Print the answer."""
    manifest, text = read(MANIFEST), read(ENCRYPTION)
    used = "--encryption-provider-config=" in manifest
    found = providers(json.loads(text)) if used and text else {}
    loaded = not used or hashlib.sha256(text.encode()).hexdigest() in manifest
    answer: dict[str, dict[str, Any]] = {}
    for resource, folder in (argument.split("=") for argument in arguments):
        names = found.get(resource, ["plain"])
        keys = len([name for name in names if name != "plain"])
        answer[resource] = {"writes": names[0], "keys": keys, "loaded": loaded, "stored": stored(folder)}
    print(json.dumps(answer))  # noqa: T201 - this is the answer


if __name__ == "__main__":
    main(sys.argv[1:])
