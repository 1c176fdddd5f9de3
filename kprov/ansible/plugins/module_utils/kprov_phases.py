"""kubeadm as kprov's modules run it: its words when it fails, what differs from its manifests, its single phases."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess

from ansible.module_utils import kprov_node

MANIFESTS = "/etc/kubernetes/manifests"
ENCRYPTION = "/etc/kubernetes/kprov/api-server/encryption.json"
ANNOTATION = "kprov.io/encryption"
"""The hash of the encryption file that a manifest was written for: another file is another pod."""
ETCD_PATCH = {"spec": {"containers": [{"name": "etcd", "resources": {"requests": {"ephemeral-storage": None}}}]}}
"""etcd's pod of kubeadm 1.20 asks for disk space. A kubelet that has just started does not know its disk yet, refuses
such a pod and never tries again; kubeadm 1.21 asks no longer (kubernetes issue 99305)."""
TIMEOUT_S = 120


def digest(data):
    """The hash of a file's content."""
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def first_errors(output, limit=6):
    """The lines of kubeadm's output that say what went wrong.

    >>> first_errors("W0101 noise\\n[ERROR Swap]: running with swap on\\nTo see the stack trace ...\\n")
    '[ERROR Swap]: running with swap on'
    """
    telling = re.compile(r"\[ERROR|^error|^\s+- |[Tt]imed out|could not|couldn't|cannot|refused")
    # The kubelet's check repeats itself; each line counts once.
    said = [line for line in output.splitlines() if telling.search(line) and not re.match(r"[IW]\d{4} ", line)]
    lines = list(dict.fromkeys(line.strip() for line in said))
    return "\n".join(lines[:limit]) or "\n".join(output.splitlines()[-limit:])


def passing(output):
    """Whether kubeadm gave up on an API or an etcd that did not answer for a moment, as while a member joins.

    >>> passing('error execution phase kubelet-start: error patching node "m3" through apiserver: unexpected EOF')
    True
    >>> passing("[kubelet-check] connection refused\\nerror execution phase preflight: [ERROR Swap]: swap is on")
    False
    """
    reasons = re.compile(
        r"EOF|connection (refused|reset)|TLS handshake timeout|i/o timeout|Client\.Timeout|deadline exceeded"
        r"|etcdserver: |timeout waiting for etcd|ConfigMap after timeout"
    )
    return any(reasons.search(line) for line in output.splitlines() if line.startswith("error execution phase"))


def old(documents):
    """Whether these are of the v1beta2 days, when patches were called experimental."""
    return any(document.get("apiVersion") == "kubeadm.k8s.io/v1beta2" for document in documents)


def is_control_plane(documents):
    """Whether these documents make a control plane."""
    return any(each["kind"] == "InitConfiguration" or "controlPlane" in each for each in documents)


def patches(documents):
    """By component, what is to differ from the manifest that kubeadm makes.

    The annotation ties an API server to the keys that it was started with.
    """
    made = {"etcd": ETCD_PATCH} if old(documents) else {}
    if is_control_plane(documents) and os.path.exists(ENCRYPTION):
        with open(ENCRYPTION, "rb") as handle:
            made["kube-apiserver"] = {"metadata": {"annotations": {ANNOTATION: digest(handle.read())}}}
    return made


def patched(documents, folder):
    """Write the patches into a new folder; return the word that tells kubeadm of it, in a list, or nothing."""
    made = patches(documents)
    if not made:
        return []
    os.makedirs(folder, mode=0o700)
    for name, patch in made.items():
        kprov_node.write_private("%s/%s.json" % (folder, name), json.dumps(patch))
    return ["--%spatches=%s" % ("experimental-" if old(documents) else "", folder)]


def with_etcd_arguments(documents, arguments):
    """The documents with more arguments for the node's etcd, in the form of their API up to v1beta3.

    >>> given = [{"kind": "ClusterConfiguration", "etcd": {"local": {"extraArgs": {"a": "1"}}}}]
    >>> with_etcd_arguments(given, {"b": "2"})[0]["etcd"]["local"]["extraArgs"]
    {'a': '1', 'b': '2'}
    """
    made = []
    for document in documents:
        copy = dict(document)
        if copy["kind"] == "ClusterConfiguration":
            local = copy.get("etcd", {}).get("local", {})
            copy["etcd"] = {"local": {**local, "extraArgs": {**local.get("extraArgs", {}), **arguments}}}
        made.append(copy)
    return made


def phase(documents, *words, patch=False, overlay=""):
    """Run a phase of ``kubeadm init``; ``overlay`` is a folder that stands in for the manifests, for kubeadm alone."""
    with kprov_node.scratch("kubeadm") as folder:
        config = folder + "/kubeadm.yaml"
        # JSON is YAML; kubeadm takes several documents in one file.
        kprov_node.write_private(config, "\n---\n".join(json.dumps(each) for each in documents))
        command = ["kubeadm", "init", "phase", *words, "--config", config]
        command += patched(documents, folder + "/patches") if patch else []
        if overlay:
            script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", script, "sh", overlay, MANIFESTS, *command]
        environment = kprov_node.environment()
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False, env=environment)
    if done.returncode:
        said = first_errors(done.stderr or done.stdout)[-400:]
        raise kprov_node.NodeError("kubeadm init phase %s: %s" % (" ".join(words), said))
