"""What kprov's modules on a node share: its marker, its lock, the log of what was run, private files.

The marker says how far the node is in its cluster: ``in-progress`` (kubeadm was begun: what it left is undone),
``prepared`` (a control plane whose kubelet is a member, but not yet its etcd and API server: that is gone on with), or
``member``. What has no marker was not begun by kprov, and is never touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

MARKER = "/var/lib/kprov/kubeadm.json"
RUNTIME = "/run/kprov"
LOGS = "/var/log/kprov"
TRACES = ("/etc/kubernetes/*.conf", "/etc/kubernetes/manifests/*.yaml", "/var/lib/etcd/member")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEADLINE_S = 540
LOCK_S = 600


class NodeError(Exception):
    """It did not work; the text says what the program or the node reported."""


def environment():
    """The environment of what is run: nothing of the connection's own."""
    return {"PATH": PATH, "HOME": "/root", "LANG": "C"}


def marker():
    """The marker's content, or None."""
    try:
        with open(MARKER, encoding="utf-8") as handle:
            return json.load(handle)
    except FileNotFoundError:
        return None


def mark(cluster, operation, state):
    """Remember, in one step, how far the node is."""
    os.makedirs(os.path.dirname(MARKER), exist_ok=True)
    temporary = MARKER + ".new"
    with open(temporary, "w", encoding="utf-8") as out:
        json.dump({"cluster": cluster, "operation": operation, "state": state}, out)
        out.flush()
        os.fsync(out.fileno())
    os.rename(temporary, MARKER)


def traces():
    """Whether kubeadm or etcd left anything on the node."""
    return any(glob.glob(trace) for trace in TRACES)


def state(cluster):
    """How far the node is in this cluster; empty where nothing was begun, or everything was removed since."""
    seen = marker()
    return seen["state"] if seen and seen["cluster"] == cluster and traces() else ""


def make_folders():
    """Have the folders of the log and of what lives until the next boot."""
    for folder in (RUNTIME, LOGS):
        os.makedirs(folder, mode=0o700, exist_ok=True)


def write_private(path, text):
    """Write a file that only root may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)


@contextlib.contextmanager
def scratch(name):
    """A folder in a tmpfs that only root may enter, removed afterwards."""
    folder = tempfile.mkdtemp(prefix=name + ".", dir=RUNTIME)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def alone(pause_s=0.5):
    """Wait for an earlier run on the node: it goes on when its connection is cut."""
    os.makedirs(RUNTIME, mode=0o700, exist_ok=True)
    handle = os.open(RUNTIME + "/kubeadm.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_S
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise NodeError("another kubeadm has been running on the node for %d s" % LOCK_S) from None
                time.sleep(pause_s)
        yield
    finally:
        os.close(handle)


def wait():
    """Wait until no earlier run is at work on the node."""
    if os.path.exists(RUNTIME + "/kubeadm.lock"):
        with alone():
            pass


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
                env=environment(),
                timeout=DEADLINE_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
            out.write("error: %s did not end within %d s\n" % (command[0], DEADLINE_S))
    with open(log, encoding="utf-8", errors="replace") as back:
        back.seek(start)
        return code, back.read()


def has(program):
    """Whether a program is there."""
    return shutil.which(program, path=PATH) is not None


def answers(url):
    """Whether something answers "200" there, asked past any proxy; who it is, others check."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with direct.open(url, timeout=3) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


def in_url(address):
    """An address as it stands before a port: IPv6 in brackets.

    >>> in_url("fd00::11"), in_url("10.0.0.11")
    ('[fd00::11]', '10.0.0.11')
    """
    return "[%s]" % address if ":" in address else address


def ready(endpoint):
    """Whether the API answers at the endpoint."""
    return answers("https://%s/readyz" % endpoint)
