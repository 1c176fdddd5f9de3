#!/usr/bin/python
"""On a control plane: restart an API server that has lost its clients' watches."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_api_server
short_description: Restart an API server that has lost its clients' watches
description:
  - When etcd has no leader for some seconds, as happens on a busy machine while it takes a new member, an API server of
    Kubernetes 1.20 ends its watches; some clients never notice, and wait for ever for news.
  - The API server says so in its log. Where the running one did, it is restarted, so that all clients connect anew; any
    other is left alone.
options:
  timeout_s: {description: How long the restart may take in seconds., type: int, default: 240}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Have clients that were cut off connect anew
  kprov_api_server:
  throttle: 1
"""

RETURN = r"""
lost: {description: How many kinds of watches were lost., returned: always, type: int}
"""

import glob
import os
import ssl
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule

LOGS = "/var/log/pods/kube-system_kube-apiserver-*/kube-apiserver/*.log"
SIGN = "Terminating all watchers from cacher"
CTR = ["ctr", "--namespace", "k8s.io"]
LABEL = 'labels."io.kubernetes.container.name"==kube-apiserver'
READY = "https://127.0.0.1:6443/readyz"


def current_log(pattern=LOGS):
    """The log of the container that runs now: the newest; empty where there is none."""
    return max(glob.glob(pattern), key=os.path.getmtime, default="")


def lost(path):
    """How many kinds of watches the API server ended, by its log."""
    if not path:
        return 0
    with open(path, encoding="utf-8", errors="replace") as handle:
        return sum(SIGN in line for line in handle)


def ready():
    """Whether the API server on this machine is ready."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with direct.open(READY, timeout=3) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec={"timeout_s": {"type": "int", "default": 240}}, supports_check_mode=True)
    before = current_log()
    count = lost(before)
    if not count or module.check_mode:
        module.exit_json(changed=bool(count), lost=count)
    listed = module.run_command([*CTR, "containers", "list", "-q", LABEL], check_rc=True)[1].split()
    tasks = module.run_command([*CTR, "tasks", "list"], check_rc=True)[1].splitlines()
    running = {line.split()[0] for line in tasks if "RUNNING" in line}
    for name in running.intersection(listed):
        module.run_command([*CTR, "tasks", "kill", "--signal", "SIGTERM", name], check_rc=True)
    deadline = time.monotonic() + module.params["timeout_s"]
    while current_log() == before or not ready():
        if time.monotonic() > deadline:
            text = "the API server did not come back within %d s"
            module.fail_json(msg=text % module.params["timeout_s"], lost=count)
        time.sleep(1)
    module.exit_json(changed=True, lost=count)


if __name__ == "__main__":
    main()
