#!/usr/bin/python
"""On a control plane: have the static pods that kubeadm would make of its configuration, or keep those that run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_static_pods
short_description: Have the static pods that kubeadm would make of its configuration
description:
  - kubeadm writes the manifests anew beside the real ones. Those that differ are put in their place, one component
    after another, and each is waited for. One that does not come up is put back; the module fails with the reason.
  - Where the names in the API server's certificate are others than asked for, kubeadm makes it anew.
  - With O(encryption), nothing but the API server is touched. It is started anew with that file.
  - A node that is no member yet only gets the file.
options:
  cluster: {description: Name of the cluster., type: str, required: true}
  documents: {description: "kubeadm's documents for this control plane.", type: list, elements: dict, required: true}
  encryption:
    description: The EncryptionConfiguration as JSON; empty leaves the file as it is.
    type: str
    default: ""
  upload: {description: Only store the configuration in the cluster., type: bool, default: false}
  timeout_s: {description: How long one component may take to come up., type: int, default: 240}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Have the static pods
  kprov_static_pods:
    cluster: lab
    documents: "{{ control_plane_documents }}"
"""

RETURN = r"""
components: {description: What was made anew (also certificate and configuration)., returned: always, type: list}
"""

import contextlib
import fcntl
import glob
import hashlib
import ipaddress
import json
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from ansible.module_utils.basic import AnsibleModule

KUBECTL = ["/usr/local/bin/kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "-n", "kube-system"]
MANIFESTS = "/etc/kubernetes/manifests"
PKI = "/etc/kubernetes/pki"
ENCRYPTION = "/etc/kubernetes/kprov/api-server/encryption.json"
SETTLED = "/var/lib/kprov/static-pods"
MARKER = "/var/lib/kprov/kubeadm.json"
RUNTIME = "/run/kprov"
PROCESSES = "/proc"
PODS = "/var/log/pods"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
API_SERVER = "kube-apiserver"
HEALTH = {
    "etcd": "http://127.0.0.1:2381/health",
    API_SERVER: "https://127.0.0.1:6443/readyz",
    "kube-controller-manager": "https://127.0.0.1:10257/healthz",
    "kube-scheduler": "https://127.0.0.1:10259/healthz",
}
"""In the order in which they are made anew; the ports are kubeadm's."""
ANNOTATION = "kprov.io/encryption"
"""The hash of the encryption file that a manifest was written for: another file is another pod."""
ARGUMENT = "--encryption-provider-config="
ETCD_PATCH = {"spec": {"containers": [{"name": "etcd", "resources": {"requests": {"ephemeral-storage": None}}}]}}
"""As in kprov_kubeadm."""
LOCK_S = 600
STEADY = 3
PAUSE_S = 0.5
RELOAD_S = 120
"""An API server looks at its certificate once a minute (dynamic certificates, Kubernetes 1.20)."""
CRASHES = 3
"""As often a container was started anew; the first time may be for the old one's port."""


class StaticPodError(Exception):
    """It did not work; the text says what kubeadm, the kubelet or the component reported."""


def digest(data):
    """The hash of a file's content."""
    return hashlib.sha256(data if isinstance(data, bytes) else data.encode()).hexdigest()


def annotated(text, value):
    """A manifest of kubeadm with the annotation that says which encryption file it is for.

    >>> annotated("  annotations:\\n    kprov.io/encryption: 0f\\n  labels:\\n", "a1")
    '  annotations:\\n    kprov.io/encryption: a1\\n  labels:\\n'
    >>> annotated("  annotations:\\n    kubeadm: x\\n", "a1")
    '  annotations:\\n    kprov.io/encryption: a1\\n    kubeadm: x\\n'
    """
    bare = re.sub(r"(?m)^ +%s: .*\n" % re.escape(ANNOTATION), "", text)
    return bare.replace("  annotations:\n", "  annotations:\n    %s: %s\n" % (ANNOTATION, value), 1)


def as_member(wanted, current):
    """etcd's manifest, with what only its birth says as it is in the current one: whom it knew when it began.

    >>> as_member("- a\\n- --initial-cluster=m1=x\\n- b", "- --initial-cluster=m0=y\\n- --initial-cluster-state=old")
    '- a\\n- --initial-cluster=m0=y\\n- --initial-cluster-state=old\\n- b'
    """
    born = [line for line in current.splitlines() if "- --initial-cluster" in line]
    lines = []
    for line in wanted.splitlines(keepends=True):
        if "- --initial-cluster" not in line:
            lines.append(line)
        elif "--initial-cluster=" in line:
            lines += [each + "\n" for each in born]
    return "".join(lines) if born else wanted


def names_wanted(documents):
    """Names and addresses that kubeadm puts into an API server's certificate (cmd/kubeadm/app/util/pkiutil, 1.20)."""
    init = next(each for each in documents if each["kind"] == "InitConfiguration")
    cluster = next(each for each in documents if each["kind"] == "ClusterConfiguration")
    service = "kubernetes.default.svc"
    network = ipaddress.ip_network(cluster["networking"]["serviceSubnet"])
    names = {"kubernetes", "kubernetes.default", service, "%s.%s" % (service, cluster["networking"]["dnsDomain"])}
    names |= {init["nodeRegistration"]["name"], init["localAPIEndpoint"]["advertiseAddress"], str(network[1])}
    return names | {cluster["controlPlaneEndpoint"].rpartition(":")[0], *cluster["apiServer"]["certSANs"]}


def names_in(certificate):
    """Names and addresses in a certificate on disk."""
    decoded = ssl._ssl._test_decode_cert(certificate)
    return {value for _, value in decoded.get("subjectAltName", ())}


def read(path):
    """A file's text; empty where there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


def write(path, text):
    """Replace a file in one step; only root may read it."""
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    # The kubelet passes over files that begin with a dot.
    handle, temporary = tempfile.mkstemp(prefix=".kprov.", dir=os.path.dirname(path))
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.rename(temporary, path)


@contextlib.contextmanager
def alone():
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
                    raise StaticPodError("another run has been at work on the node for %d s" % LOCK_S) from None
                time.sleep(PAUSE_S)
        yield
    finally:
        os.close(handle)


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
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with direct.open(HEALTH[name], timeout=3) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


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


def await_component(name, since, timeout_s, steady=STEADY):
    """Wait until a process that began after its manifest was written has been well for some time."""
    deadline, seen = time.monotonic() + timeout_s, 0
    while True:
        fresh = started(name) >= since - 1 and healthy(name)
        seen = seen + 1 if fresh else 0
        if seen >= steady:
            return
        log = "" if fresh else newest_log(name, since)
        crashed = bool(log) and int(os.path.basename(log).split(".")[0]) >= CRASHES
        if crashed or time.monotonic() > deadline:
            verb = "ends again and again" if crashed else "did not come up within %d s" % timeout_s
            raise StaticPodError("%s %s: %s" % (name, verb, reason(log)))
        time.sleep(PAUSE_S)


class ControlPlane:
    """The static pods of this node, and kubeadm with this configuration."""

    def __init__(self, documents, timeout_s):
        self._documents, self._timeout_s = documents, timeout_s
        configuration = next(each for each in documents if each["kind"] == "ClusterConfiguration")
        self._configuration = configuration
        self._old = configuration["apiVersion"].endswith("/v1beta2")
        arguments = configuration["apiServer"].get("extraArgs", {})
        names = arguments if isinstance(arguments, dict) else [each["name"] for each in arguments]
        self.encrypts = "encryption-provider-config" in names

    def kubeadm(self, *words, overlay="", patched=False):
        """Run a phase of kubeadm init; ``overlay`` is a folder that stands in for the manifests, for kubeadm alone."""
        scratch = tempfile.mkdtemp(prefix="static-pods.", dir=RUNTIME)
        try:
            config, patches = scratch + "/kubeadm.yaml", scratch + "/patches"
            write(config, "\n---\n".join(json.dumps(each) for each in self._documents))
            command = ["kubeadm", "init", "phase", *words, "--config", config]
            if patched and self._patches(patches):
                command.append("--%spatches=%s" % ("experimental-" if self._old else "", patches))
            if overlay:
                script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
                command = ["unshare", "--mount", "sh", "-c", script, "sh", overlay, MANIFESTS, *command]
            environment = {"PATH": PATH, "HOME": "/root", "LANG": "C"}
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if done.returncode:
            raise StaticPodError("kubeadm %s: %s" % (" ".join(words), (done.stderr or done.stdout).strip()[-400:]))

    def _patches(self, folder):
        """Write what differs from kubeadm's own manifests; return whether anything does."""
        files = {"etcd": ETCD_PATCH} if self._old else {}
        if self.encrypts:
            files[API_SERVER] = {"metadata": {"annotations": {ANNOTATION: digest(read(ENCRYPTION))}}}
        for name, patch in files.items():
            write("%s/%s.json" % (folder, name), json.dumps(patch))
        return bool(files)

    def refuse_other_version(self):
        """Refuse to go to another version: that takes the steps of an upgrade, in their order."""
        asked = self._configuration.get("kubernetesVersion", "")
        running = re.search(r"image: \S+/kube-apiserver:(v[0-9.]+)", current(API_SERVER))
        if asked and running and running.group(1) != asked:
            text = "the control plane runs %s and the configuration says %s: a version is changed by an upgrade only"
            raise StaticPodError(text % (running.group(1), asked))

    def wanted(self):
        """The manifests that kubeadm would write now, by component."""
        if self.encrypts and not os.path.exists(ENCRYPTION):
            raise StaticPodError("there is no %s, which the API server is to read" % ENCRYPTION)
        overlay = tempfile.mkdtemp(prefix="manifests.", dir=RUNTIME)
        try:
            for phase in (("control-plane", "all"), ("etcd", "local")):
                self.kubeadm(*phase, overlay=overlay, patched=True)
            made = {name: read("%s/%s.yaml" % (overlay, name)) for name in HEALTH}
        finally:
            shutil.rmtree(overlay, ignore_errors=True)
        made["etcd"] = as_member(made["etcd"], current("etcd"))
        return made

    def have(self, name, text):
        """Put a manifest in its place and wait for the component; put the old one back where it does not come up."""
        path, before = manifest(name), current(name)
        if text != before:
            write(path, text)
        try:
            await_component(name, os.path.getmtime(path), self._timeout_s, STEADY if text != before else 1)
        except StaticPodError:
            if text != before and before:
                self._put_back(name, before)
            raise

    def _put_back(self, name, text):
        write(manifest(name), text)
        with contextlib.suppress(StaticPodError):
            await_component(name, os.path.getmtime(manifest(name)), self._timeout_s)

    def encrypt(self, text):
        """Start the API server with this encryption file; put the old one back where it does not come up."""
        before, running = read(ENCRYPTION), current(API_SERVER)
        if text != before:
            write(ENCRYPTION, text)
        try:
            new = annotated(running, digest(text)) if ARGUMENT in running else self.wanted()[API_SERVER]
            self.have(API_SERVER, new)
        except StaticPodError:
            if before and text != before:
                write(ENCRYPTION, before)
                self._put_back(API_SERVER, running)
            raise

    def stale_certificate(self):
        """Whether the names in the API server's certificate differ, and there is a key to sign another with."""
        certificate = PKI + "/apiserver.crt"
        if not (os.path.exists(certificate) and os.path.exists(PKI + "/ca.key")):
            return False
        return names_in(certificate) != names_wanted(self._documents)

    def renew_certificate(self):
        """Have kubeadm make the API server's certificate anew; the old one comes back where it cannot."""
        pair = [PKI + "/apiserver.crt", PKI + "/apiserver.key"]
        for path in pair:
            os.rename(path, path + ".old")
        try:
            self.kubeadm("certs", "apiserver")
        except StaticPodError:
            for path in pair:
                os.rename(path + ".old", path)
            raise
        for path in pair:
            os.unlink(path + ".old")

    def await_certificate(self):
        """Wait until the API server shows the certificate that lies on disk."""
        own, deadline = read(PKI + "/apiserver.crt").strip(), time.monotonic() + RELOAD_S
        while True:
            with contextlib.suppress(OSError):
                if ssl.get_server_certificate(("127.0.0.1", 6443)).strip() == own:
                    return
            if time.monotonic() > deadline:
                raise StaticPodError("the API server still shows its old certificate after %d s" % RELOAD_S)
            time.sleep(1)

    @property
    def stamp(self):
        """What the static pods were made of, and what they are."""
        program = shutil.which("kubeadm", path=PATH)
        build = [os.stat(program).st_size, os.stat(program).st_mtime_ns] if program else []
        own = [self._documents, build, digest(read(ENCRYPTION)), *map(current, HEALTH), read(PKI + "/apiserver.crt")]
        return digest(json.dumps(own, sort_keys=True))

    def uploaded(self):
        """Whether the cluster has this configuration: its hash is noted where kubeadm keeps it."""
        key = r"jsonpath={.metadata.annotations.kprov\.io/configuration}"
        return kubectl("get", "configmap", "kubeadm-config", "-o", key) == self._hash

    def upload(self):
        """Store the configuration where joining control planes find it."""
        self.kubeadm("upload-config", "kubeadm")
        kubectl("annotate", "--overwrite", "configmap", "kubeadm-config", "kprov.io/configuration=" + self._hash)

    @property
    def _hash(self):
        return digest(json.dumps(self._configuration, sort_keys=True))


def kubectl(*words):
    """What kubectl says as the cluster's admin, asked again for a while: an API server may just be starting."""
    command = [*KUBECTL, *words]
    for attempt in range(60):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            return done.stdout.strip()
        if attempt < 59:
            time.sleep(1)
    raise StaticPodError("kubectl %s: %s" % (" ".join(words[:3]), done.stderr.strip()[-300:]))


def manifest(name):
    """Where a component's manifest lies."""
    return "%s/%s.yaml" % (MANIFESTS, name)


def current(name):
    """A component's manifest."""
    return read(manifest(name))


def member(cluster):
    """Whether this node is a control plane of the cluster."""
    marker = json.loads(read(MARKER) or "{}")
    ours = marker.get("cluster") == cluster and marker.get("state") == "member"
    return ours and os.path.exists(manifest(API_SERVER))


def have_encryption(plane, text, joined, check):
    """Bring the encryption file, and with it the API server, to this state; return what changed."""
    if not joined:
        differs = read(ENCRYPTION) != text
        if differs and not check:
            write(ENCRYPTION, text)
        return ["encryption"] if differs else []
    written = read(ENCRYPTION) == text and digest(text) in current(API_SERVER)
    if not check:
        plane.encrypt(text)
    return [] if written else ["encryption"]


def remove_unread(text):
    """Remove the files that the API server of this manifest does not read any more, keys among them."""
    for path in glob.glob(os.path.dirname(ENCRYPTION) + "/*"):
        if path not in text:
            os.unlink(path)


def have_uploaded(plane, check):
    """Have the configuration in the cluster; return what changed."""
    if plane.uploaded():
        return []
    if not check:
        plane.upload()
    return ["configuration"]


def converge(plane, check):
    """Bring certificate and static pods to their state; return what changed."""
    if read(SETTLED) == plane.stamp:
        return []
    plane.refuse_other_version()
    stale, texts = plane.stale_certificate(), plane.wanted()
    changed = ["certificate"] * stale + [name for name in HEALTH if texts[name] != current(name)]
    if check:
        return changed
    if stale:
        plane.renew_certificate()
    for name in HEALTH:
        plane.have(name, texts[name])
    plane.await_certificate()
    remove_unread(texts[API_SERVER])
    write(SETTLED, plane.stamp)
    return changed


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "str", "required": True},
            "documents": {"type": "list", "elements": "dict", "required": True},
            "encryption": {"type": "str", "default": "", "no_log": True},
            "upload": {"type": "bool", "default": False},
            "timeout_s": {"type": "int", "default": 240},
        },
        supports_check_mode=True,
    )
    params, check = module.params, module.check_mode
    joined = member(params["cluster"])
    try:
        with alone():
            plane = ControlPlane(params["documents"], params["timeout_s"])
            if params["encryption"]:
                changed = have_encryption(plane, params["encryption"], joined, check)
            elif params["upload"]:
                changed = have_uploaded(plane, check) if joined else []
            else:
                changed = converge(plane, check) if joined else []
    except (StaticPodError, subprocess.TimeoutExpired, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changed), components=changed)


if __name__ == "__main__":
    main()
