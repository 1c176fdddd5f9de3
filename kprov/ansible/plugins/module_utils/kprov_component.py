"""A control plane's components as they run: whether one is well, since when, and what its log says where it is not."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import time

from ansible.module_utils import kprov_node

PROCESSES = "/proc"
PODS = "/var/log/pods"
API_SERVER = "kube-apiserver"
HEALTH = {
    "etcd": "http://127.0.0.1:2381/health",
    API_SERVER: "https://127.0.0.1:6443/readyz",
    "kube-controller-manager": "https://127.0.0.1:10257/healthz",
    "kube-scheduler": "https://127.0.0.1:10259/healthz",
}
"""In the order in which they are made anew; the ports are kubeadm's."""
STEADY = 3
PAUSE_S = 0.5
CRASHES = 3
"""As often a container was started anew; the first time may be for the old one's port."""


class ComponentError(kprov_node.NodeError):
    """A component did not come up; the text says what it said last."""


def read(path):
    """A file's text; empty where there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


def started(name, now=time.time):
    """When the newest process of this name began, in seconds since 1970; 0 where none runs."""
    ticks, uptime = os.sysconf("SC_CLK_TCK"), float(read(PROCESSES + "/uptime").split()[0])
    newest = 0.0
    for folder in glob.glob(PROCESSES + "/[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            program = read(folder + "/cmdline").split("\0")[0]
            if os.path.basename(program) == name:
                born = int(read(folder + "/stat").rpartition(")")[2].split()[19]) / ticks
                newest = max(newest, now() - (uptime - born))
    return newest


def healthy(name):
    """Whether a component says that it is well; whom it lets ask is its own affair."""
    return kprov_node.answers(HEALTH[name])


def newest_log(name, since):
    """The last log of a component's pod that was made after a moment; its number counts its starts. Empty without."""
    folders = glob.glob("%s/kube-system_%s-*/%s" % (PODS, name, name))
    young = [folder for folder in folders if os.path.getmtime(folder) >= since - 1]
    return max((path for folder in young for path in glob.glob(folder + "/*.log")), key=os.path.getmtime, default="")


def reason(log):
    """What a component said last that sounds like the cause, without containerd's marks."""
    if not log:
        return "the kubelet did not start it"
    lines = [line.split(" ", 3)[-1].strip() for line in read(log).splitlines()]
    bad = [line for line in lines if re.search(r"(?i)error|invalid|fail|unknown|fatal|panic|no such", line)]
    return " / ".join((bad or lines)[-3:])[-600:]


def look_for_crashes(name, since, deadline, timeout_s):
    """Raise where a component ends again and again, or its time is over."""
    log = newest_log(name, since)
    crashed = bool(log) and int(os.path.basename(log).split(".")[0]) >= CRASHES
    if crashed or time.monotonic() > deadline:
        verb = "ends again and again" if crashed else "did not come up within %d s" % timeout_s
        raise ComponentError("%s %s: %s" % (name, verb, reason(log)))


def await_component(name, since, timeout_s, steady=STEADY, pause_s=PAUSE_S):
    """Wait until a process that began after its manifest was written has been well for some time."""
    deadline, seen = time.monotonic() + timeout_s, 0
    while True:
        fresh = started(name) >= since - 1 and healthy(name)
        seen = seen + 1 if fresh else 0
        if seen >= steady:
            return
        if not fresh or time.monotonic() > deadline:
            look_for_crashes(name, since, deadline, timeout_s)
        time.sleep(pause_s)
