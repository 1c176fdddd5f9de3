#!/usr/bin/python
"""On a control plane: the pod network of every node, once all of them have registered."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_pod_networks
short_description: The pod network that the cluster gave to every node
description:
  - Waits until every named node has registered and has its share of the pods' network.
options:
  nodes: {description: Names of the nodes., type: list, elements: str, required: true}
  timeout_s: {description: How long to wait in seconds., type: int, default: 120}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Learn the pod networks
  kprov_pod_networks:
    nodes: [m1, w1]
  register: pod_networks
"""

RETURN = r"""
networks: {description: 'For each node its networks, by family: IPv4, IPv6.', returned: always, type: dict}
"""

import json
import os
import time

from ansible.module_utils.basic import AnsibleModule

ADMIN = "/etc/kubernetes/admin.conf"


def assigned(listed):
    """The pod networks by node and family from ``kubectl get nodes -o json``, of those that have some.

    >>> assigned({"items": [{"metadata": {"name": "m1"}, "spec": {"podCIDRs": ["10.244.0.0/24", "fd00:10:244::/64"]}},
    ...                     {"metadata": {"name": "w1"}, "spec": {}}]})
    {'m1': {'IPv4': '10.244.0.0/24', 'IPv6': 'fd00:10:244::/64'}}
    """
    return {
        item["metadata"]["name"]: {"IPv6" if ":" in each else "IPv4": each for each in item["spec"]["podCIDRs"]}
        for item in listed["items"]
        if item["spec"].get("podCIDRs")
    }


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "nodes": {"type": "list", "elements": "str", "required": True},
            "timeout_s": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    wanted = set(module.params["nodes"])
    deadline = time.monotonic() + module.params["timeout_s"]
    if module.check_mode and not os.path.exists(ADMIN):
        module.exit_json(changed=False, networks={})
    command = ["/usr/local/bin/kubectl", "--kubeconfig", ADMIN, "get", "nodes", "-o", "json"]
    while True:
        code, out, err = module.run_command(command)
        networks = assigned(json.loads(out)) if code == 0 else {}
        missing = sorted(wanted.difference(networks))
        if not missing or module.check_mode:
            module.exit_json(changed=False, networks=networks)
        if time.monotonic() > deadline:
            why = err.strip() or "no pod network for " + ", ".join(missing)
            module.fail_json(msg="not every node has a pod network after %d s: %s" % (module.params["timeout_s"], why))
        time.sleep(1)


if __name__ == "__main__":
    main()
