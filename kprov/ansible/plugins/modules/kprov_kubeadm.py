#!/usr/bin/python
"""Make the node a member of the cluster with kubeadm, safe to interrupt and to repeat."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_kubeadm
short_description: Make the node a member of the cluster with kubeadm
description:
  - Runs C(kubeadm init) or C(kubeadm join) unless the node is a member already.
  - What an interrupted run of this module left behind is undone with C(kubeadm reset) first; anything that this module
    did not begin itself is never touched.
  - Where kubeadm gave up because the API or etcd did not answer for a moment, that is undone and tried again.
  - The configuration with the join secrets lies in a tmpfs, readable by root alone, and is removed afterwards.
  - A control plane that joins gets the keys with which the others encrypt what is stored before its API server starts.
options:
  operation: {description: What to run., type: str, choices: [init, join], required: true}
  cluster: {description: Name of the cluster., type: str, required: true}
  documents:
    description: kubeadm's configuration documents, without secrets.
    type: list
    elements: dict
    required: true
  endpoint: {description: "The API endpoint as host:port.", type: str, required: true}
  after:
    description:
      - Address of the control plane that joins before this one; empty where none does.
      - etcd takes new members one at a time, so a control plane waits until the API server there is ready.
    type: str
    default: ""
  material:
    description: What a join needs, as M(kprov_join_material) returns it.
    type: dict
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Found the cluster
  kprov_kubeadm:
    operation: init
    cluster: lab
    endpoint: api.lab.internal:8443
    documents: "{{ control_plane_init_documents }}"
"""

RETURN = r"""
log: {description: Where kubeadm's output is kept on the node., returned: always, type: str}
repaired: {description: Whether an interrupted or failed run was undone first., returned: always, type: bool}
"""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import re
import secrets
import shutil
import ssl
import string
import subprocess
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule

MARKER = "/var/lib/kprov/kubeadm.json"
RUNTIME = "/run/kprov"
LOGS = "/var/log/kprov"
DISCOVERY = RUNTIME + "/discovery.conf"
ENCRYPTION = "/etc/kubernetes/kprov/api-server/encryption.json"
TRACES = ("/etc/kubernetes/*.conf", "/etc/kubernetes/manifests/*.yaml", "/var/lib/etcd/member")
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C"}
DEADLINE_S = 540
LOCK_S = 600
TURN_S = 300
STEADY = 3
POLL_S = 0.3
ATTEMPTS = 3
PATCHES = RUNTIME + "/patches"
ETCD_PATCH = {"spec": {"containers": [{"name": "etcd", "resources": {"requests": {"ephemeral-storage": None}}}]}}
"""etcd's pod of kubeadm 1.20 asks for disk space. A kubelet that has just started does not know its disk yet, refuses
such a pod and never tries again; kubeadm 1.21 asks no longer (kubernetes issue 99305)."""


class KubeadmError(Exception):
    """It did not work; the text says what kubeadm or the node reported."""


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
        r"|etcdserver: |timeout waiting for etcd"
    )
    return any(reasons.search(line) for line in output.splitlines() if line.startswith("error execution phase"))


def throwaway_token():
    """A bootstrap token in kubeadm's format: kubeadm init insists on one, and this one expires at once."""
    letters = string.ascii_lowercase + string.digits
    pick = lambda count: "".join(secrets.choice(letters) for _ in range(count))  # noqa: E731
    return "%s.%s" % (pick(6), pick(16))


def with_secrets(documents, material):
    """The documents as kubeadm is to read them: the join secrets put in.

    An InitConfiguration gets a token that expires at once; the JoinConfiguration of a control plane gets the key of the
    shared certificates. Nothing else differs from what was rendered.
    """
    out = []
    for document in documents:
        copy = dict(document)
        if copy["kind"] == "InitConfiguration":
            copy["bootstrapTokens"] = [{"token": throwaway_token(), "ttl": "1m0s", "description": "kprov: init"}]
        if copy["kind"] == "JoinConfiguration" and "controlPlane" in copy:
            copy["controlPlane"] = {**copy["controlPlane"], "certificateKey": material["certificate_key"]}
        out.append(copy)
    return out


def discovery(material, endpoint):
    """The kubeconfig that kubeadm join discovers the cluster with: its CA, its address and the token."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "join",
                "cluster": {"server": "https://" + endpoint, "certificate-authority-data": material["ca"]},
            }
        ],
        "users": [{"name": "join", "user": {"token": material["token"]}}],
        "contexts": [{"name": "join", "context": {"cluster": "join", "user": "join"}}],
        "current-context": "join",
    }


def is_control_plane(documents):
    """Whether these documents make a control plane."""
    return any(each["kind"] == "InitConfiguration" or "controlPlane" in each for each in documents)


def have_encryption(documents, material):
    """Have the keys of the cluster that a control plane joins, and none of another one."""
    text = material.get("encryption", "")
    if text:
        os.makedirs(os.path.dirname(ENCRYPTION), mode=0o700, exist_ok=True)
        write_private(ENCRYPTION, text)
    elif is_control_plane(documents) and os.path.exists(ENCRYPTION):
        os.unlink(ENCRYPTION)


def patches(documents):
    """By component, what is to differ from the manifest that kubeadm makes.

    The annotation, of which kprov_static_pods knows too, ties an API server to the keys that it was started with.
    """
    made = {}
    if any(document.get("apiVersion") == "kubeadm.k8s.io/v1beta2" for document in documents):
        made["etcd"] = ETCD_PATCH
    if is_control_plane(documents) and os.path.exists(ENCRYPTION):
        with open(ENCRYPTION, "rb") as handle:
            loaded = hashlib.sha256(handle.read()).hexdigest()
        made["kube-apiserver"] = {"metadata": {"annotations": {"kprov.io/encryption": loaded}}}
    return made


def write_private(path, text):
    """Write a file that only root may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)


def mark(cluster, operation, state):
    """Remember, in one step, how far the node is."""
    os.makedirs(os.path.dirname(MARKER), exist_ok=True)
    temporary = MARKER + ".new"
    with open(temporary, "w", encoding="utf-8") as out:
        json.dump({"cluster": cluster, "operation": operation, "state": state}, out)
        out.flush()
        os.fsync(out.fileno())
    os.rename(temporary, MARKER)


def marker():
    """The marker's content, or None."""
    try:
        with open(MARKER, encoding="utf-8") as handle:
            return json.load(handle)
    except FileNotFoundError:
        return None


def traces():
    """Whether kubeadm or etcd left anything on the node."""
    return any(glob.glob(trace) for trace in TRACES)


@contextlib.contextmanager
def alone():
    """Wait for an earlier run of this module on the node: it goes on when its connection is cut."""
    handle = os.open(RUNTIME + "/kubeadm.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(handle)
                raise KubeadmError("another kubeadm has been running on the node for %d s" % LOCK_S) from None
            time.sleep(0.5)
        else:
            break
    try:
        yield
    finally:
        os.close(handle)


def run(command, log):
    """Run a command with its output appended to the log; return its code and output."""
    with open(log, "a", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write("$ %s\n" % " ".join(command))
        out.flush()
        start = out.tell()
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=ENVIRONMENT,
                timeout=DEADLINE_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
            out.write("error: %s did not end within %d s\n" % (command[0], DEADLINE_S))
    with open(log, encoding="utf-8", errors="replace") as back:
        back.seek(start)
        return code, back.read()


def ready(endpoint):
    """Whether the API answers at the endpoint, asked past any proxy; that it is the right one, the kubelet checks."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with direct.open("https://%s/readyz" % endpoint, timeout=3) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def wait_for_turn(address):
    """Wait until the control plane that joins before this one has been ready for about a second."""
    deadline = time.monotonic() + TURN_S
    seen = 0
    while seen < STEADY:
        if time.monotonic() > deadline:
            raise KubeadmError("the control plane at %s, which joins before this one, did not become ready" % address)
        seen = seen + 1 if ready(address + ":6443") else 0
        if seen < STEADY:
            time.sleep(POLL_S)


def undo(operation, endpoint, log):
    """Take back what an interrupted run left, without hurting the members.

    A control plane that was cut off while it joined may be counted as an etcd member already. Its etcd has to run
    before it can leave: otherwise the others lose their quorum. So the kubelet runs until the API answers, and only
    then comes the reset.
    """
    if operation == "join" and os.path.exists("/etc/kubernetes/manifests/etcd.yaml"):
        run(["systemctl", "start", "kubelet"], log)
        deadline = time.monotonic() + 150
        while not ready(endpoint):
            if time.monotonic() > deadline:
                raise KubeadmError(
                    "the join of this node was interrupted, and the API at %s does not answer: undoing it now "
                    "could cost etcd its quorum; start the other control planes first" % endpoint
                )
            time.sleep(1)
    code, output = run(["kubeadm", "reset", "--force"], log)
    if code:
        raise KubeadmError("kubeadm reset: " + first_errors(output))
    if not has_crictl():
        remove_containers(log)


def has_crictl():
    """Whether crictl is there: a bundle built without a Go module proxy lacks it."""
    return shutil.which("crictl", path=ENVIRONMENT["PATH"]) is not None


def remove_containers(log):
    """Remove all pods' containers, as kubeadm reset does where it has crictl."""
    ctr = ["ctr", "--namespace", "k8s.io"]
    for kind, force in (("tasks", ["--force"]), ("containers", [])):
        for name in run([*ctr, kind, "list", "--quiet"], log)[1].split():
            run([*ctr, kind, "remove", *force, name], log)


def arguments(operation, documents):
    """The words after ``kubeadm init --config FILE`` or ``kubeadm join --config FILE``."""
    words = ["--skip-token-print"] if operation == "init" else []
    if not has_crictl():
        # Its checks insist on crictl, which only they use; kprov's own preflight has looked at the node.
        words.append("--skip-phases=preflight")
    if patches(documents):
        # The patches of the v1beta2 days were called experimental.
        old = any(document.get("apiVersion") == "kubeadm.k8s.io/v1beta2" for document in documents)
        words.append("--%spatches=%s" % ("experimental-" if old else "", PATCHES))
    return words


def kubeadm(params, log):
    """Run kubeadm with its secrets in a tmpfs; return its code and output."""
    operation, material, config = params["operation"], params["material"] or {}, RUNTIME + "/kubeadm.yaml"
    try:
        # JSON is YAML; kubeadm takes several documents in one file.
        parts = [json.dumps(document) for document in with_secrets(params["documents"], material)]
        write_private(config, "\n---\n".join(parts))
        if operation == "join":
            write_private(DISCOVERY, json.dumps(discovery(material, params["endpoint"])))
            have_encryption(params["documents"], material)
        os.makedirs(PATCHES, mode=0o700, exist_ok=True)
        for name, patch in patches(params["documents"]).items():
            write_private("%s/%s.json" % (PATCHES, name), json.dumps(patch))
        return run(["kubeadm", operation, "--config", config, *arguments(operation, params["documents"])], log)
    finally:
        for path in (config, DISCOVERY):
            if os.path.exists(path):
                os.unlink(path)
        shutil.rmtree(PATCHES, ignore_errors=True)


def become_member(params, log):
    """Run kubeadm; return whether something had to be undone first."""
    cluster, operation = params["cluster"], params["operation"]
    attempts, repaired = 0, False
    while True:
        seen = marker()
        if seen and seen["state"] == "in-progress" and traces():
            undo(seen["operation"], params["endpoint"], log)
            repaired = True
        if params.get("after"):
            wait_for_turn(params["after"])
        mark(cluster, operation, "in-progress")
        code, output = kubeadm(params, log)
        if code == 0:
            mark(cluster, operation, "member")
            return repaired
        attempts += 1
        if attempts == ATTEMPTS or not passing(output):
            raise KubeadmError("kubeadm %s: %s" % (operation, first_errors(output)))


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "operation": {"type": "str", "choices": ["init", "join"], "required": True},
            "cluster": {"type": "str", "required": True},
            "documents": {"type": "list", "elements": "dict", "required": True},
            "endpoint": {"type": "str", "required": True},
            "after": {"type": "str", "default": ""},
            "material": {"type": "dict", "no_log": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    log = "%s/kubeadm-%s.log" % (LOGS, params["operation"])

    def settled():
        seen = marker()
        return bool(seen and seen["cluster"] == params["cluster"] and seen["state"] == "member" and traces())

    if module.check_mode:
        module.exit_json(changed=not settled(), log=log, repaired=False)
    for folder in (RUNTIME, LOGS):
        os.makedirs(folder, mode=0o700, exist_ok=True)
    repaired = None
    try:
        with alone():
            if not settled():
                seen = marker()
                if traces() and (seen is None or seen["cluster"] != params["cluster"]):
                    raise KubeadmError("the node carries another cluster (/etc/kubernetes or /var/lib/etcd is in use)")
                repaired = become_member(params, log)
    except KubeadmError as error:
        module.fail_json(msg=str(error), log=log)
    module.exit_json(changed=repaired is not None, log=log, repaired=bool(repaired))


if __name__ == "__main__":
    main()
