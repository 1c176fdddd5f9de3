#!/usr/bin/python
"""Make a prepared node a control plane: its etcd a member, first as a learner, then its API server and the rest."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_control_plane
short_description: Make a prepared node a control plane
description:
  - Goes on where M(kprov_kubeadm) with O(kprov_kubeadm#module:learner) ended. Any other node is left alone.
  - Announces the node to etcd as a learner, has kubeadm write the manifest of its etcd, and promotes it once it has
    caught up. A learner counts for nothing, so that a run that is cut off costs no quorum. etcd takes one at a time.
  - Only then kubeadm writes the manifests of API server, controller manager and scheduler, and notes the node in the
    cluster's configuration.
  - May be cut off anywhere; the next run goes on from what etcd says of the node.
options:
  cluster: {description: Name of the cluster., type: str, required: true}
  documents: {description: "kubeadm's documents for this control plane.", type: list, elements: dict, required: true}
  etcd:
    description: The client URLs of members that count.
    type: list
    elements: str
    default: []
  timeout_s:
    description: How long its turn, its etcd and its API server may each take.
    type: int
    default: 300
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Become a control plane
  kprov_control_plane:
    cluster: lab
    documents: "{{ control_plane_documents }}"
    etcd: ["https://10.0.0.11:2379"]
"""

RETURN = r"""
etcd: {description: "What was done for the membership in etcd - announce, start, anew or done; empty for nothing.",
  returned: always, type: str}
"""

import contextlib
import os
import shutil
import subprocess
import time

from ansible.module_utils import kprov_component, kprov_etcd, kprov_node, kprov_phases
from ansible.module_utils.basic import AnsibleModule

DATA = "/var/lib/etcd/member"
PAUSE_S = 0.2


class Node:
    """This node on its way to be a control plane."""

    def __init__(self, documents, etcd, timeout_s):
        init = next(each for each in documents if each["kind"] == "InitConfiguration")
        self._name = init["nodeRegistration"]["name"]
        self._url = kprov_etcd.peer_url(init["localAPIEndpoint"]["advertiseAddress"])
        self._documents, self._etcd, self._timeout_s = documents, etcd, timeout_s

    def become_member(self):
        """Have the node's etcd among the members that count; return what was to be done for that."""
        member = kprov_etcd.mine(self._members(), self._url)
        way = kprov_etcd.way(member, os.path.exists(DATA) or (not member and os.path.exists(manifest("etcd"))))
        if way == "anew":
            self._forget(member)
        if way != "done" or not os.path.exists(manifest("etcd")):
            members = kprov_etcd.announced(self._etcd, self._url, self._deadline())
            self._write_etcd(members)
            self._promote(kprov_etcd.mine(members, self._url)["ID"])
        kprov_component.await_component("etcd", 0, self._timeout_s, steady=1, pause_s=PAUSE_S)
        return way

    def become_control_plane(self):
        """Start the other components, and note the node in the cluster's configuration."""
        kprov_phases.phase(self._documents, "control-plane", "all", patch=True)
        kprov_component.await_component(kprov_component.API_SERVER, 0, self._timeout_s, steady=1, pause_s=PAUSE_S)
        kprov_phases.phase(self._documents, "upload-config", "kubeadm")

    def _deadline(self):
        return time.monotonic() + self._timeout_s

    def _members(self):
        """etcd's members; asked for a while, as the one that is asked may have no leader for a moment."""
        deadline = self._deadline()
        while True:
            try:
                return self._etcd.members()
            except kprov_etcd.EtcdError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE_S)

    def _forget(self, member):
        """Take back a membership that fits nothing on the node: it was removed there, or here, by hand."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(manifest("etcd"))
        deadline = self._deadline()
        while kprov_component.started("etcd"):
            if time.monotonic() > deadline:
                raise kprov_node.NodeError("an etcd of this node's earlier life does not end")
            time.sleep(PAUSE_S)
        if member:
            self._etcd.remove(member["ID"])
        shutil.rmtree(DATA, ignore_errors=True)
        # A kubelet that saw a pod crash waits for up to five minutes with the next one of that name.
        subprocess.run(["systemctl", "restart", "kubelet"], check=True, env=kprov_node.environment())

    def _write_etcd(self, members):
        """Have kubeadm write etcd's manifest, with the arguments that its own join would give: whom it finds there."""
        known = kprov_etcd.initial_cluster(members, self._name, self._url)
        arguments = {"initial-cluster": known, "initial-cluster-state": "existing"}
        if not os.path.exists(manifest("etcd")):
            documents = kprov_phases.with_etcd_arguments(self._documents, arguments)
            kprov_phases.phase(documents, "etcd", "local", patch=True)

    def _promote(self, identity):
        """Promote this node's learner as soon as it has caught up."""
        since, deadline = os.path.getmtime(manifest("etcd")), self._deadline()
        while True:
            try:
                return self._etcd.promote(identity)
            except kprov_etcd.EtcdError:
                if self._counts():
                    return None
            kprov_component.look_for_crashes("etcd", since, deadline, self._timeout_s)
            time.sleep(PAUSE_S)

    def _counts(self):
        """Whether the node is a member that counts: the answer to a promotion may have been lost."""
        with contextlib.suppress(kprov_etcd.EtcdError):
            member = kprov_etcd.mine(self._etcd.members(), self._url)
            return bool(member) and not member.get("isLearner")
        return False


def manifest(name):
    """Where a component's manifest lies."""
    return "%s/%s.yaml" % (kprov_phases.MANIFESTS, name)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "documents": {"type": "list", "elements": "dict", "required": True},
            "etcd": {"type": "list", "elements": "str", "default": []},
            "timeout_s": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    params, way = module.params, ""
    if module.check_mode:  # a node that is nothing yet is prepared by an earlier task
        module.exit_json(changed=kprov_node.state(params["cluster"]) != "member", etcd=way)
    if kprov_node.state(params["cluster"]) != "prepared":
        module.exit_json(changed=False, etcd=way)
    try:
        with kprov_node.alone():
            # An earlier run that outlived its connection may have come to its end.
            if kprov_node.state(params["cluster"]) == "prepared":
                node = Node(params["documents"], kprov_etcd.Etcd(params["etcd"]), params["timeout_s"])
                way = node.become_member()
                node.become_control_plane()
                kprov_node.mark(params["cluster"], "join", "member")
    except (kprov_node.NodeError, kprov_etcd.EtcdError, subprocess.SubprocessError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(way), etcd=way)


if __name__ == "__main__":
    main()
