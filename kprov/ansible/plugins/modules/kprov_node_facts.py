#!/usr/bin/python
"""The few facts that the roles need of a node, in one task."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_node_facts
short_description: The few facts that the roles need of a node
description:
  - Waits for a kubeadm that M(kprov_kubeadm) began and that outlived its connection: what it is doing decides.
  - Tells which of the needed commands are missing, the family of the operating system, and whether the node is a
    member of the cluster. Fails on a node that belongs to another cluster.
options:
  cluster: {description: Name of the cluster., type: str, required: true}
  commands: {description: Commands that the node needs., type: list, elements: str, default: []}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Look at the node
  kprov_node_facts:
    cluster: lab
    commands: [conntrack, iptables]
  register: node_facts
"""

RETURN = r"""
membership:
  description: C(none), C(partial) (an interrupted init or join) or C(member).
  returned: always
  type: str
missing: {description: Commands that are not there., returned: always, type: list}
family: {description: "debian, rhel or the ID of /etc/os-release.", returned: always, type: str}
hostname: {description: The name that the node has now., returned: always, type: str}
"""

import shutil
import socket

from ansible.module_utils import kprov_node
from ansible.module_utils.basic import AnsibleModule


def membership(marker, cluster, traces):
    """What the node is to the cluster.

    Args:
        marker: content of kprov's marker, or None without one.
        cluster: name of the cluster.
        traces: whether kubeadm or etcd left anything on the node.

    >>> membership(None, "lab", False)
    'none'
    >>> membership({"cluster": "lab", "state": "in-progress"}, "lab", True)
    'partial'
    >>> membership({"cluster": "lab", "state": "prepared"}, "lab", True)
    'prepared'
    >>> membership(None, "lab", True)
    'foreign'
    >>> membership({"cluster": "old", "state": "member"}, "lab", False)
    'none'
    """
    if marker is None or marker.get("cluster") != cluster:
        return "foreign" if traces else "none"
    if marker.get("state") in ("member", "prepared"):
        return marker["state"] if traces else "none"
    return "partial"


def family(os_release):
    """The family of an operating system, from the text of its ``os-release``.

    >>> family('ID=ubuntu\\nID_LIKE=debian\\n')
    'debian'
    >>> family('ID="rocky"\\nID_LIKE="rhel centos fedora"\\n')
    'rhel'
    """
    fields = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    words = (fields.get("ID", "") + " " + fields.get("ID_LIKE", "")).replace('"', "").split()
    for known in ("debian", "rhel", "suse"):
        if known in words:
            return known
    return words[0] if words else "unknown"


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "commands": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        kprov_node.wait()
    except kprov_node.NodeError as error:
        module.fail_json(msg=str(error))
    marker = kprov_node.marker()
    with open("/etc/os-release", encoding="utf-8") as handle:
        os_family = family(handle.read())
    state = membership(marker, module.params["cluster"], kprov_node.traces())
    if state == "foreign":
        owner = "cluster %s" % marker["cluster"] if marker else "a cluster that kprov did not make"
        module.fail_json(msg="the node belongs to %s: /etc/kubernetes or /var/lib/etcd is in use" % owner)
    module.exit_json(
        changed=False,
        membership=state,
        missing=[name for name in module.params["commands"] if not shutil.which(name, path=kprov_node.PATH)],
        family=os_family,
        hostname=socket.gethostname(),
    )


if __name__ == "__main__":
    main()
