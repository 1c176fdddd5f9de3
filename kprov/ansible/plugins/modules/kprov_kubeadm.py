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
  - With O(learner), a control plane is only prepared - certificates, kubeconfigs and kubelet, nothing of etcd. That may
    be done on all of them at once; M(kprov_control_plane) does the rest.
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
  learner:
    description: Leave etcd, and what needs it, to M(kprov_control_plane); for a kubeadm that announces voters.
    type: bool
    default: false
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

import base64
import json
import os
import secrets
import shutil
import string
import time

from ansible.module_utils import kprov_node, kprov_phases
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kprov_node import NodeError

AUTHORITY = "/etc/kubernetes/pki/ca.crt"
ETCD = "/etc/kubernetes/manifests/etcd.yaml"
TURN_S = 300
STEADY = 3
POLL_S = 0.3
ATTEMPTS = 3
NEEDS_ETCD = ("control-plane-prepare/control-plane", "check-etcd", "control-plane-join/etcd")
"""The phases of kubeadm join that need the node's etcd, but for ``update-status`` of the v1beta2 days."""


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


def have_encryption(documents, material):
    """Have the keys of the cluster that a control plane joins, and none of another one."""
    text = material.get("encryption", "")
    if text:
        os.makedirs(os.path.dirname(kprov_phases.ENCRYPTION), mode=0o700, exist_ok=True)
        kprov_node.write_private(kprov_phases.ENCRYPTION, text)
    elif kprov_phases.is_control_plane(documents) and os.path.exists(kprov_phases.ENCRYPTION):
        os.unlink(kprov_phases.ENCRYPTION)


def wait_for_turn(address):
    """Wait until the control plane that joins before this one has been ready for about a second."""
    deadline = time.monotonic() + TURN_S
    seen = 0
    while seen < STEADY:
        if time.monotonic() > deadline:
            raise NodeError("the control plane at %s, which joins before this one, did not become ready" % address)
        seen = seen + 1 if kprov_node.ready(kprov_node.in_url(address) + ":6443") else 0
        if seen < STEADY:
            time.sleep(POLL_S)


def undo(operation, endpoint, log):
    """Take back what an interrupted run left, without hurting the members.

    A control plane that was cut off while it joined may be counted as an etcd member already. Its etcd has to run
    before it can leave: otherwise the others lose their quorum. So the kubelet runs until the API answers, and only
    then comes the reset.
    """
    if operation == "join" and os.path.exists(ETCD):
        kprov_node.run(["systemctl", "start", "kubelet"], log)
        deadline = time.monotonic() + 150
        while not kprov_node.ready(endpoint):
            if time.monotonic() > deadline:
                raise NodeError(
                    "the join of this node was interrupted, and the API at %s does not answer: undoing it now "
                    "could cost etcd its quorum; start the other control planes first" % endpoint
                )
            time.sleep(1)
    code, output = kprov_node.run(["kubeadm", "reset", "--force"], log)
    if code:
        raise NodeError("kubeadm reset: " + kprov_phases.first_errors(output))
    if not kprov_node.has("crictl"):
        remove_containers(log)


def remove_containers(log):
    """Remove all pods' containers, as kubeadm reset does where it has crictl: some bundles lack it."""
    ctr = ["ctr", "--namespace", "k8s.io"]
    for kind, force in (("tasks", ["--force"]), ("containers", [])):
        for name in kprov_node.run([*ctr, kind, "list", "--quiet"], log)[1].split():
            kprov_node.run([*ctr, kind, "remove", *force, name], log)


def arguments(params, patches):
    """The words after ``kubeadm init --config FILE`` or ``kubeadm join --config FILE``."""
    documents = params["documents"]
    words = ["--skip-token-print"] if params["operation"] == "init" else []
    # Its checks insist on crictl, which only they use; kprov's own preflight has looked at the node.
    skipped = [] if kprov_node.has("crictl") else ["preflight"]
    if prepares(params):
        skipped += [*NEEDS_ETCD, *(["control-plane-join/update-status"] if kprov_phases.old(documents) else [])]
    if skipped:
        words.append("--skip-phases=" + ",".join(skipped))
    return words + kprov_phases.patched(documents, patches)


def prepares(params):
    """Whether this is a join that leaves etcd to another module."""
    plane = params["operation"] == "join" and kprov_phases.is_control_plane(params["documents"])
    return bool(plane and params.get("learner"))


def kubeadm(params, log):
    """Run kubeadm with its secrets in a tmpfs; return its code and output."""
    operation, material, config = params["operation"], params["material"] or {}, kprov_node.RUNTIME + "/kubeadm.yaml"
    found = kprov_node.RUNTIME + "/discovery.conf"
    patches = kprov_node.RUNTIME + "/patches"
    try:
        # JSON is YAML; kubeadm takes several documents in one file.
        parts = [json.dumps(document) for document in with_secrets(params["documents"], material)]
        kprov_node.write_private(config, "\n---\n".join(parts))
        if operation == "join":
            kprov_node.write_private(found, json.dumps(discovery(material, params["endpoint"])))
            have_encryption(params["documents"], material)
        shutil.rmtree(patches, ignore_errors=True)
        return kprov_node.run(["kubeadm", operation, "--config", config, *arguments(params, patches)], log)
    finally:
        for path in (config, found):
            if os.path.exists(path):
                os.unlink(path)
        shutil.rmtree(patches, ignore_errors=True)


def settled(params):
    """Whether this module has nothing more to do on the node."""
    seen = kprov_node.state(params["cluster"])
    return seen == "member" or (seen == "prepared" and prepares(params) and same_cluster(params["material"] or {}))


def same_cluster(material):
    """Whether a prepared node was prepared for the cluster that there is: a first control plane may be made anew."""
    if not os.path.exists(AUTHORITY):
        return False
    with open(AUTHORITY, "rb") as handle:
        return base64.b64encode(handle.read()).decode() == material.get("ca")


def become_member(params, log):
    """Run kubeadm; return whether something had to be undone first."""
    cluster, operation = params["cluster"], params["operation"]
    attempts, repaired = 0, False
    while True:
        seen = kprov_node.marker()
        if seen and seen["state"] != "member" and kprov_node.traces():
            undo(seen["operation"], params["endpoint"], log)
            repaired = True
        if params.get("after") and not prepares(params):
            wait_for_turn(params["after"])
        kprov_node.mark(cluster, operation, "in-progress")
        code, output = kubeadm(params, log)
        if code == 0:
            kprov_node.mark(cluster, operation, "prepared" if prepares(params) else "member")
            return repaired
        attempts += 1
        if attempts == ATTEMPTS or not kprov_phases.passing(output):
            raise NodeError("kubeadm %s: %s" % (operation, kprov_phases.first_errors(output)))


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "operation": {"type": "str", "choices": ["init", "join"], "required": True},
            "cluster": {"type": "str", "required": True},
            "documents": {"type": "list", "elements": "dict", "required": True},
            "endpoint": {"type": "str", "required": True},
            "after": {"type": "str", "default": ""},
            "learner": {"type": "bool", "default": False},
            "material": {"type": "dict", "no_log": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    log = "%s/kubeadm-%s.log" % (kprov_node.LOGS, params["operation"])
    if module.check_mode:
        module.exit_json(changed=not settled(params), log=log, repaired=False)
    kprov_node.make_folders()
    repaired = None
    try:
        with kprov_node.alone():
            if not settled(params):
                seen = kprov_node.marker()
                if kprov_node.traces() and (seen is None or seen["cluster"] != params["cluster"]):
                    raise NodeError("the node carries another cluster (/etc/kubernetes or /var/lib/etcd is in use)")
                repaired = become_member(params, log)
    except NodeError as error:
        module.fail_json(msg=str(error), log=log)
    module.exit_json(changed=repaired is not None, log=log, repaired=bool(repaired))


if __name__ == "__main__":
    main()
