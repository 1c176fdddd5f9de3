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
  look:
    description: Only compare hashes of what was asked for and of what is there. Starts and changes nothing.
    type: bool
    default: false
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
settled:
  description: Whether the node has what is asked for, or is no member yet.
  returned: with O(look)
  type: bool
"""

import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import time

from ansible.module_utils import kprov_certificate, kprov_node, kprov_phases
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kprov_component import API_SERVER, HEALTH, STEADY, await_component, read
from ansible.module_utils.kprov_node import NodeError
from ansible.module_utils.kprov_phases import digest

KUBECTL = ["/usr/local/bin/kubectl", "--kubeconfig", "/etc/kubernetes/admin.conf", "-n", "kube-system"]
SETTLED = "/var/lib/kprov/static-pods"
ARGUMENT = "--encryption-provider-config="


def annotated(text, value):
    """A manifest of kubeadm with the annotation that says which encryption file it is for.

    >>> annotated("  annotations:\\n    kprov.io/encryption: 0f\\n  labels:\\n", "a1")
    '  annotations:\\n    kprov.io/encryption: a1\\n  labels:\\n'
    >>> annotated("  annotations:\\n    kubeadm: x\\n", "a1")
    '  annotations:\\n    kprov.io/encryption: a1\\n    kubeadm: x\\n'
    """
    bare = re.sub(r"(?m)^ +%s: .*\n" % re.escape(kprov_phases.ANNOTATION), "", text)
    return bare.replace("  annotations:\n", "  annotations:\n    %s: %s\n" % (kprov_phases.ANNOTATION, value), 1)


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


class ControlPlane:
    """The static pods of this node, and kubeadm with this configuration."""

    def __init__(self, documents, timeout_s):
        self.documents, self._timeout_s = documents, timeout_s
        configuration = next(each for each in documents if each["kind"] == "ClusterConfiguration")
        self._configuration = configuration
        arguments = configuration["apiServer"].get("extraArgs", {})
        names = arguments if isinstance(arguments, dict) else [each["name"] for each in arguments]
        self.encrypts = "encryption-provider-config" in names

    def refuse_other_version(self):
        """Refuse to go to another version: that takes the steps of an upgrade, in their order."""
        asked = self._configuration.get("kubernetesVersion", "")
        running = re.search(r"image: \S+/kube-apiserver:(v[0-9.]+)", current(API_SERVER))
        if asked and running and running.group(1) != asked:
            text = "the control plane runs %s and the configuration says %s: a version is changed by an upgrade only"
            raise NodeError(text % (running.group(1), asked))

    def wanted(self, check=False):
        """The manifests that kubeadm would write now, by component."""
        if self.encrypts and not check and not os.path.exists(kprov_phases.ENCRYPTION):
            raise NodeError("there is no %s, which the API server is to read" % kprov_phases.ENCRYPTION)
        with kprov_node.scratch("manifests") as overlay:
            for words in (("control-plane", "all"), ("etcd", "local")):
                kprov_phases.phase(self.documents, *words, patch=True, overlay=overlay)
            made = {name: read("%s/%s.yaml" % (overlay, name)) for name in HEALTH}
        made["etcd"] = as_member(made["etcd"], current("etcd"))
        return made

    def have(self, name, text):
        """Put a manifest in its place and wait for the component; put the old one back where it does not come up."""
        path, before = manifest(name), current(name)
        if text != before:
            write(path, text)
        try:
            await_component(name, os.path.getmtime(path), self._timeout_s, STEADY if text != before else 1)
        except NodeError:
            if text != before and before:
                self._put_back(name, before)
            raise

    def _put_back(self, name, text):
        write(manifest(name), text)
        with contextlib.suppress(NodeError):
            await_component(name, os.path.getmtime(manifest(name)), self._timeout_s)

    def encrypt(self, text):
        """Start the API server with this encryption file; put the old one back where it does not come up."""
        before, running = read(kprov_phases.ENCRYPTION), current(API_SERVER)
        if text != before:
            write(kprov_phases.ENCRYPTION, text)
        try:
            new = annotated(running, digest(text)) if ARGUMENT in running else self.wanted()[API_SERVER]
            self.have(API_SERVER, new)
        except NodeError:
            if before and text != before:
                write(kprov_phases.ENCRYPTION, before)
                self._put_back(API_SERVER, running)
            raise

    @property
    def stamp(self):
        """What the static pods were made of, and what they are."""
        program = shutil.which("kubeadm", path=kprov_node.PATH)
        build = [os.stat(program).st_size, os.stat(program).st_mtime_ns] if program else []
        keys = digest(read(kprov_phases.ENCRYPTION))
        own = [self.documents, build, keys, *map(current, HEALTH), read(kprov_certificate.PKI + "/apiserver.crt")]
        return digest(json.dumps(own, sort_keys=True))

    @property
    def settled(self):
        """Whether nothing was touched since these static pods were made of this."""
        return read(SETTLED) == self.stamp

    def uploaded(self):
        """Whether the cluster has this configuration: its hash is noted where kubeadm keeps it."""
        key = r"jsonpath={.metadata.annotations.kprov\.io/configuration}"
        return kubectl("get", "configmap", "kubeadm-config", "-o", key) == self._hash

    def upload(self):
        """Store the configuration where joining control planes find it."""
        kprov_phases.phase(self.documents, "upload-config", "kubeadm")
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
    raise NodeError("kubectl %s: %s" % (" ".join(words[:3]), done.stderr.strip()[-300:]))


def manifest(name):
    """Where a component's manifest lies."""
    return "%s/%s.yaml" % (kprov_phases.MANIFESTS, name)


def current(name):
    """A component's manifest."""
    return read(manifest(name))


def member(cluster):
    """Whether this node is a control plane of the cluster."""
    return kprov_node.state(cluster) == "member" and os.path.exists(manifest(API_SERVER))


def have_encryption(plane, text, joined, check):
    """Bring the encryption file, and with it the API server, to this state; return what changed."""
    if not joined:
        differs = read(kprov_phases.ENCRYPTION) != text
        if differs and not check:
            write(kprov_phases.ENCRYPTION, text)
        return ["encryption"] if differs else []
    written = read(kprov_phases.ENCRYPTION) == text and digest(text) in current(API_SERVER)
    if not check:
        plane.encrypt(text)
    return [] if written else ["encryption"]


def remove_unread(text):
    """Remove the files that the API server of this manifest does not read any more, keys among them."""
    for path in glob.glob(os.path.dirname(kprov_phases.ENCRYPTION) + "/*"):
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
    if plane.settled:
        return []
    plane.refuse_other_version()
    stale, texts = kprov_certificate.stale(plane.documents), plane.wanted(check)
    changed = ["certificate"] * stale + [name for name in HEALTH if texts[name] != current(name)]
    if check:
        # Where it is to encrypt for the first time, the step that brings the keys has made it anew before.
        early = plane.encrypts and not os.path.exists(kprov_phases.ENCRYPTION)
        return [name for name in changed if not (early and name == API_SERVER)]
    if stale:
        kprov_certificate.renew(plane.documents)
    for name in HEALTH:
        plane.have(name, texts[name])
    kprov_certificate.await_shown()
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
            "look": {"type": "bool", "default": False},
            "upload": {"type": "bool", "default": False},
            "timeout_s": {"type": "int", "default": 240},
        },
        supports_check_mode=True,
    )
    params, check = module.params, module.check_mode
    joined = member(params["cluster"])
    try:
        with kprov_node.alone():
            plane = ControlPlane(params["documents"], params["timeout_s"])
            if params["look"]:
                settled = not joined or plane.settled
                module.exit_json(changed=False, components=[], settled=settled)
            elif params["encryption"]:
                changed = have_encryption(plane, params["encryption"], joined, check)
            elif params["upload"]:
                changed = have_uploaded(plane, check) if joined else ["configuration"] * check  # it founds the cluster
            else:
                changed = converge(plane, check) if joined else []
    except (NodeError, subprocess.TimeoutExpired, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(changed), components=changed)


if __name__ == "__main__":
    main()
