#!/usr/bin/python
"""On a control plane: wait until every node is ready, or say what keeps one from it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_ready
short_description: Wait until every node is ready
description:
  - Asks the API until all nodes are ready. Where a node is not, because a pod that it needs for its network cannot have
    its image or ends again and again, waiting longer does not help - that is told at once.
options:
  timeout_s: {description: How long to wait., type: int, default: 180}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Wait until every node is ready
  kprov_ready:
"""

RETURN = r"""
nodes: {description: The nodes that are ready., returned: success, type: list}
"""

import json
import os
import time

from ansible.module_utils.basic import AnsibleModule

ADMIN = "/etc/kubernetes/admin.conf"
KUBECTL = ["/usr/local/bin/kubectl", "--kubeconfig", ADMIN]
PULLING = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
RESTARTS = 3
PERSISTS_S = 25
"""One failed pull may be a slow registry; kubelet tries again after ten and twenty seconds."""
PAUSE_S = 1


def is_ready(node):
    """Whether a node says that it is ready."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def why_not(node):
    """What a node says of itself."""
    conditions = node.get("status", {}).get("conditions", [])
    return next((each.get("message", "") for each in conditions if each["type"] == "Ready"), "it has not said a word")


def obstacles(pods, names):
    """Pods of the host's network on these nodes that wait in vain: what each waits for, by the nodes it is on.

    >>> waiting = {"reason": "ImagePullBackOff"}
    >>> status = {"containerStatuses": [{"image": "example.com/net:1", "state": {"waiting": waiting}}]}
    >>> pod = {"metadata": {"namespace": "n", "name": "p"}, "spec": {"nodeName": "w1", "hostNetwork": True}}
    >>> obstacles([{**pod, "status": status}], ["w1"])
    {'the image example.com/net:1 cannot be had': ['w1']}
    """
    found = {}
    for pod in pods:
        if pod["spec"].get("nodeName") not in names or not pod["spec"].get("hostNetwork"):
            continue
        status = pod.get("status", {})
        for each in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
            reason = each.get("state", {}).get("waiting", {}).get("reason", "")
            if reason in PULLING:
                text = "the image %s cannot be had" % each["image"]
            elif reason == "CrashLoopBackOff" and each.get("restartCount", 0) >= RESTARTS:
                meta = pod["metadata"]
                text = "%s of the pod %s/%s ends again and again" % (each["name"], meta["namespace"], meta["name"])
            else:
                continue
            found.setdefault(text, []).append(pod["spec"]["nodeName"])
    return found


def told(found):
    """The obstacles in words."""
    return "; ".join("%s on %s" % (text, ", ".join(sorted(set(nodes)))) for text, nodes in sorted(found.items()))


def listed(module, kind):
    """All objects of a kind; None where the API does not answer, and its words."""
    code, out, err = module.run_command([*KUBECTL, "get", kind, "--all-namespaces", "--output=json"])
    return (json.loads(out)["items"], "") if code == 0 else (None, err.strip())


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec={"timeout_s": {"type": "int", "default": 180}}, supports_check_mode=True)
    if module.check_mode and not os.path.exists(ADMIN):
        module.exit_json(changed=False, nodes=[])
    deadline = time.monotonic() + module.params["timeout_s"]
    since = {}
    while True:
        nodes, words = listed(module, "nodes")
        if nodes is not None:
            waiting = {node["metadata"]["name"]: why_not(node) for node in nodes if not is_ready(node)}
            if not waiting or module.check_mode:
                module.exit_json(changed=False, nodes=sorted(node["metadata"]["name"] for node in nodes))
            words = "; ".join("%s: %s" % item for item in sorted(waiting.items()))
            found = obstacles(listed(module, "pods")[0] or [], waiting)
            since = {text: since.get(text, time.monotonic()) for text in found}
            lasting = {text: on for text, on in found.items() if time.monotonic() - since[text] >= PERSISTS_S}
            if lasting:
                module.fail_json(msg="nodes are not ready: " + told(lasting))
        if time.monotonic() > deadline:
            module.fail_json(msg="not every node is ready after %d s: %s" % (module.params["timeout_s"], words))
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
