#!/usr/bin/python
"""On a control plane: prepare what joining nodes need, and take it back when they have joined."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_join_material
short_description: Prepare what joining nodes need, and take it back afterwards
description:
  - With O(state=present), removes what a joining node left in the cluster in an earlier life (its Node object, its etcd
    member), uploads the shared certificates under a fresh key where a control plane joins, and creates a short-lived
    bootstrap token.
  - The material stays on the control plane, in a tmpfs that only root reads, until O(state=read) returns it. That
    result holds secrets, so its task needs C(no_log); the others say freely what went wrong.
  - With O(state=absent), removes the uploaded certificates and every bootstrap token that kprov made.
options:
  state:
    description: Prepare, hand over, or take back.
    type: str
    choices: [present, read, absent]
    default: present
  joiners:
    description: The nodes about to join.
    type: list
    elements: dict
    default: []
    suboptions:
      name: {description: Name of the node., type: str, required: true}
      address: {description: Its address., type: str, required: true}
      control_plane: {description: Whether it becomes a control plane., type: bool, required: true}
      prepared: {description: Whether its join was begun and is gone on with., type: bool, default: false}
  documents: {description: "kubeadm's documents for this control plane.", type: list, elements: dict, default: []}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Take the join material back
  kprov_join_material:
    state: absent
"""

RETURN = r"""
material: {description: "Token, certificate key, CA, encryption keys, etcd's URLs.", returned: with O(state=read),
  type: dict}
removed: {description: What was removed from the cluster., returned: always, type: list}
"""

import base64
import json
import os
import re
import secrets
import string
import time

from ansible.module_utils import kprov_etcd
from ansible.module_utils.basic import AnsibleModule

ADMIN = "/etc/kubernetes/admin.conf"
CA = "/etc/kubernetes/pki/ca.crt"
ENCRYPTION = "/etc/kubernetes/kprov/api-server/encryption.json"
CTR = ["ctr", "--namespace", "k8s.io"]
RUNTIME = "/run/kprov"
MATERIAL = RUNTIME + "/join.json"
DESCRIPTION = "kprov: join"
OURS = (DESCRIPTION, "kprov: init", "Proxy for managing TTL for the kubeadm-certs secret")
"""Descriptions of the tokens to take back; the last is the one kubeadm upload-certs makes beside its secret."""
LIFETIME_S = 900
API_S = 180
ETCD_TLS = [
    "--cacert=/etc/kubernetes/pki/etcd/ca.crt",
    "--cert=/etc/kubernetes/pki/etcd/server.crt",
    "--key=/etc/kubernetes/pki/etcd/server.key",
]


PATIENCE_S = 120
PAUSE_S = 1
PASSING = re.compile(
    r"EOF|connection (refused|reset)|TLS handshake timeout|i/o timeout|Client\.Timeout|deadline exceeded|etcdserver: "
)
"""What is said while a member of etcd comes or goes, or while the endpoint's proxy still knows its API server."""


class ClusterError(Exception):
    """A command on the cluster failed."""


class Cluster:
    """The cluster as kubectl on this control plane sees it."""

    def __init__(self, module):
        self._module = module

    def run(self, command, data=None):
        """Run a command, again while the cluster does not answer for a moment; return its output."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            code, out, err = self._module.run_command(command, data=data)
            if code == 0:
                return out
            if not PASSING.search(err) or time.monotonic() > deadline:
                raise ClusterError("%s: %s" % (" ".join(command[:4]), err.strip()[-400:]))
            time.sleep(PAUSE_S)

    def kubectl(self, *words, data=None):
        """Run kubectl as the cluster's admin; what it is given on standard input appears nowhere else."""
        return self.run(["kubectl", "--kubeconfig", ADMIN, *words], data=data)

    def create(self, document):
        """Have an object of which nobody else knows the name; one that is there, a lost answer made."""
        try:
            self.kubectl("create", "-f", "-", data=json.dumps(document))
        except ClusterError as error:
            if "AlreadyExists" not in str(error):
                raise

    def etcdctl(self, *words):
        """Run etcdctl in this control plane's own etcd container, which answers before its pod is called ready."""
        listed = self.run([*CTR, "containers", "list", "-q", 'labels."io.kubernetes.container.name"==etcd'])
        running = {line.split()[0] for line in self.run([*CTR, "tasks", "list"]).splitlines() if "RUNNING" in line}
        live = running.intersection(listed.split())
        if not live:
            raise ClusterError("etcd does not run on this control plane")
        inside = ["etcdctl", "--endpoints=" + kprov_etcd.local_url(), *ETCD_TLS, *words]
        return self.run([*CTR, "tasks", "exec", "--exec-id", "kprov-%d" % os.getpid(), live.pop(), *inside])


def left_over_members(members, joiners):
    """The ids (hexadecimal) of etcd members that a joining control plane left behind.

    A member that never started has no name; its peer URL tells whose it is.

    >>> left_over_members({"members": [{"ID": 255, "name": "", "peerURLs": ["https://10.0.0.2:2380"]}]},
    ...                   [{"name": "m2", "address": "10.0.0.2", "control_plane": True}])
    ['ff']
    """
    names = {joiner["name"] for joiner in joiners if joiner["control_plane"]}
    urls = {kprov_etcd.peer_url(joiner["address"]) for joiner in joiners if joiner["control_plane"]}
    return [
        "%x" % member["ID"]
        for member in members["members"]
        if member.get("name") in names or urls.intersection(member.get("peerURLs", []))
    ]


def token_secret(now_s):
    """A bootstrap token and the Secret that makes it valid for a quarter of an hour."""
    letters = string.ascii_lowercase + string.digits
    token_id, token = ("".join(secrets.choice(letters) for _ in range(count)) for count in (6, 16))
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s + LIFETIME_S))
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "bootstrap.kubernetes.io/token",
        "metadata": {"name": "bootstrap-token-" + token_id, "namespace": "kube-system"},
        "stringData": {
            "token-id": token_id,
            "token-secret": token,
            "expiration": expires,
            "description": DESCRIPTION,
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
            "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token",
        },
    }
    return "%s.%s" % (token_id, token), secret


def wait_for_api(cluster, limit_s=API_S):
    """Wait until the API answers: a control plane that was killed while joining may have taken the quorum with it.

    Its kubelet starts with the machine and brings its etcd back; only then can anything be removed or added.
    """
    deadline = time.monotonic() + limit_s
    while True:
        try:
            cluster.kubectl("get", "--raw", "/readyz", "--request-timeout=5s")
        except ClusterError as error:
            if time.monotonic() > deadline:
                raise ClusterError("the API did not answer within %d s: %s" % (limit_s, error)) from error
            time.sleep(1)
        else:
            return


def forget(cluster, joiners, check=False):
    """Remove what the joining nodes left in the cluster in an earlier life; return what was removed."""
    removed, joiners = [], [joiner for joiner in joiners if not joiner.get("prepared")]
    nodes = {item["metadata"]["name"] for item in json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]}
    if any(joiner["control_plane"] for joiner in joiners):
        members = json.loads(cluster.etcdctl("member", "list", "-w", "json"))
        for identity in left_over_members(members, joiners):
            if not check:
                cluster.etcdctl("member", "remove", identity)
            removed.append("etcd member " + identity)
    for name in sorted(nodes.intersection(joiner["name"] for joiner in joiners)):
        if not check:
            cluster.kubectl("delete", "node", name, "--wait=true", "--timeout=60s")
        removed.append("node " + name)
    return removed


def write_private(path, text):
    """Write a file that only root may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)


def upload_certificates(cluster, documents):
    """Upload the control plane's certificates under a fresh key; return the key."""
    key = secrets.token_hex(32)
    path = RUNTIME + "/upload.yaml"
    keyed = [{**doc, "certificateKey": key} if doc["kind"] == "InitConfiguration" else doc for doc in documents]
    try:
        write_private(path, "\n---\n".join(json.dumps(doc) for doc in keyed))
        cluster.run(
            [
                "kubeadm",
                "init",
                "phase",
                "upload-certs",
                "--upload-certs",
                "--skip-certificate-key-print",
                "--config",
                path,
            ]
        )
    finally:
        os.unlink(path)
    return key


def prepare(cluster, joiners, documents, check=False):
    """Make the material and keep it for ``read_material``; return what an earlier life had left in the cluster."""
    if check:
        return forget(cluster, joiners, check=True) if os.path.exists(ADMIN) else []
    os.makedirs(RUNTIME, mode=0o700, exist_ok=True)
    wait_for_api(cluster)
    removed = forget(cluster, joiners)
    token, secret = token_secret(time.time())
    cluster.create(secret)
    shared = any(joiner["control_plane"] for joiner in joiners)
    key = upload_certificates(cluster, documents) if shared else ""
    with open(CA, "rb") as handle:
        ca = base64.b64encode(handle.read()).decode()
    material = {"token": token, "certificate_key": key, "ca": ca, "etcd": voters(cluster) if shared else []}
    if shared and os.path.exists(ENCRYPTION):
        with open(ENCRYPTION, encoding="utf-8") as handle:
            material["encryption"] = handle.read()
    write_private(MATERIAL, json.dumps(material))
    return removed


def voters(cluster):
    """The client URLs of the members of etcd that count."""
    members = json.loads(cluster.etcdctl("member", "list", "-w", "json"))["members"]
    return [url for member in members if not member.get("isLearner") for url in member.get("clientURLs", [])[:1]]


def read_material():
    """The material that was prepared; empty where no node joins."""
    if not os.path.exists(MATERIAL):
        return {}
    with open(MATERIAL, encoding="utf-8") as handle:
        return json.load(handle)


def revoke(cluster, check):
    """Remove every bootstrap token that kprov made and the uploaded certificates; return their names."""
    if os.path.exists(MATERIAL) and not check:
        os.unlink(MATERIAL)
    listed = json.loads(cluster.kubectl("-n", "kube-system", "get", "secrets", "-o", "json"))["items"]
    described = {base64.b64encode(text.encode()).decode() for text in OURS}
    names = [
        item["metadata"]["name"]
        for item in listed
        if item["metadata"]["name"] == "kubeadm-certs"
        or (
            item["type"] == "bootstrap.kubernetes.io/token" and (item.get("data") or {}).get("description") in described
        )
    ]
    if names and not check:
        cluster.kubectl("-n", "kube-system", "delete", "secret", "--ignore-not-found", *names)
    return names


def main():
    """Run the module."""
    suboptions = {
        "name": {"type": "str", "required": True},
        "address": {"type": "str", "required": True},
        "control_plane": {"type": "bool", "required": True},
        "prepared": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "read", "absent"], "default": "present"},
            "joiners": {"type": "list", "elements": "dict", "default": [], "options": suboptions},
            "documents": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    module.run_command_environ_update = {"PATH": "/usr/local/bin:" + os.environ.get("PATH", "/usr/bin:/bin")}
    cluster, joiners, check = Cluster(module), module.params["joiners"], module.check_mode
    try:
        if module.params["state"] == "read":
            module.exit_json(changed=False, removed=[], material=read_material())
        if module.params["state"] == "absent":
            founded = os.path.exists(ADMIN)
            removed = revoke(cluster, check) if founded else []
            made = check and (joiners or not founded)  # in check mode, an earlier task has not made it
            module.exit_json(changed=bool(removed or made), removed=removed)
        removed = prepare(cluster, joiners, module.params["documents"], check) if joiners else []
    except ClusterError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(removed), removed=removed)


if __name__ == "__main__":
    main()
