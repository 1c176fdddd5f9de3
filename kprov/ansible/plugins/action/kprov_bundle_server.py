"""On the controller: serve the bundle to the nodes for as long as the playbook runs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_bundle_server
short_description: Serve the bundle to the nodes while the playbook runs
description:
  - Starts C(python -m kprov.bundle.serve) on the address from which this machine reaches the nodes.
  - The server hands out the listed files only, under a secret path, and ends with the playbook.
  - In check mode nothing is fetched, and none is started.
options:
  files: {description: "Path on the server -> file on this machine.", type: dict, required: true}
  peer: {description: Address of one of the nodes., type: str, required: true}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Serve the bundle
  kprov_bundle_server:
    files: {kubelet: /srv/bundle/kubelet}
    peer: 10.0.0.11
"""

RETURN = r"""
url: {description: "Where the files are, with the secret path.", returned: always, type: str}
"""

import json
import os
import socket
import subprocess
import sys

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase


def local_address(peer):
    """The address that this machine uses towards a peer; nothing is sent."""
    with socket.socket(socket.AF_INET6 if ":" in peer else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((peer, 9))
        return probe.getsockname()[0]


def playbook_pid():
    """The process of ansible-playbook above this one: the oldest ancestor that runs it."""
    pid, found = os.getppid(), os.getppid()
    while pid > 1:
        with open("/proc/%d/cmdline" % pid, "rb") as handle:
            words = handle.read().split(b"\0")
        if any(os.path.basename(word) == b"ansible-playbook" for word in words):
            found = pid
        with open("/proc/%d/stat" % pid, encoding="utf-8") as handle:
            pid = int(handle.read().rpartition(")")[2].split()[1])
    return found


class ActionModule(ActionBase):
    """The task runs in Ansible's own process: a module would first need a Python of its own, for half a second."""

    _requires_connection = False
    _VALID_ARGS = frozenset(("files", "peer"))

    def run(self, tmp=None, task_vars=None):
        """Start the server; return where it is."""
        super().run(tmp, task_vars)
        spec = {"files": {"type": "dict", "required": True}, "peer": {"type": "str", "required": True}}
        _, arguments = self.validate_argument_spec(argument_spec=spec)
        if self._task.check_mode:
            return {"changed": False, "url": "http://127.0.0.1/"}
        try:
            address = local_address(arguments["peer"])
        except OSError as error:
            raise AnsibleActionFail("no route to %s: %s" % (arguments["peer"], error.strerror)) from error
        return {"changed": False, "url": started(address, arguments["files"])}


def started(address, files):
    """Have a server at the address of this machine; return the URL of its files."""
    request = {"addresses": [address], "files": files, "watch_pid": playbook_pid()}
    command = [sys.executable, "-m", "kprov.bundle.serve"]
    done = subprocess.run(command, input=json.dumps(request), capture_output=True, text=True, check=False)
    if done.returncode:
        raise AnsibleActionFail("the bundle server did not start: %s" % done.stderr.strip()[-400:])
    answer = json.loads(done.stdout.splitlines()[0])
    host = "[%s]" % address if ":" in address else address
    return "http://%s:%d/%s/" % (host, answer["port"], answer["secret"])
