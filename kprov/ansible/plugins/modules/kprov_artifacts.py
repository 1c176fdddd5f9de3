#!/usr/bin/python
"""Fetch what a node needs from the controller's bundle server, only what is missing, each verified by sha256."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_artifacts
short_description: Fetch binaries, images and manifests of the bundle, only what is missing
description:
  - Installs a binary in one step after its sha256 was verified; a binary that has it already is left alone.
  - The runtime's own binaries and the CNI plugins are installed the same way, by a task that comes before containerd is
    started and has no other artifacts.
  - A transfer that was cut is gone on with where it ended, by this run or the next one.
  - Imports an archive of images into containerd's namespace C(k8s.io), unless all its images are there.
  - Puts the objects of an add-on, a List as JSON, in their place, and removes those of add-ons that are not listed.
options:
  url:
    description: Address of the bundle server, with its secret path.
    type: str
    required: true
  artifacts:
    description: What this node needs, as the bundle's lock describes it.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the binary or archive., type: str, required: true}
      kind:
        description: What it is.
        type: str
        choices: [binary, runtime, cni-plugin, images, manifest]
        required: true
      path: {description: Its path on the server., type: str, required: true}
      sha256: {description: Its checksum., type: str, required: true}
      size: {description: Its size in bytes., type: int, required: true}
      images: {description: Names in an archive as containerd has them., type: list, elements: str, default: []}
  bin_dir: {description: Where binaries go., type: path, default: /usr/local/bin}
  cni_dir: {description: Where CNI plugins go., type: path, default: /opt/cni/bin}
  manifest_dir: {description: Where manifests go., type: path, default: /etc/kubernetes/kprov/addons}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Fetch what the node needs
  kprov_artifacts:
    url: "{{ bundle_server.url }}"
    artifacts: "{{ kubernetes_artifacts }}"
"""

RETURN = r"""
fetched: {description: What was fetched., returned: always, type: list}
removed: {description: The manifests that were removed., returned: always, type: list}
"""

import errno
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kprov_checksums import CHUNK, Checksums, digest

PAUSES_S = (0.5, 1, 2)
RUNTIME = ("runtime", "cni-plugin")
STATE = "/var/lib/kprov/images"
CHECKSUMS = "/var/lib/kprov/checksums.json"
CTR = ["ctr", "--namespace", "k8s.io", "images"]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The controller is near: a proxy of the node's environment is for elsewhere."""


class FetchError(Exception):
    """An artifact could not be fetched or is not what the lock says."""


def full(folder, artifact):
    """The error for a disk that cannot take an artifact, with what is free now."""
    free = shutil.disk_usage(folder).free >> 20
    text = "%s is full: %s needs %d MiB, %d MiB are free"
    return FetchError(text % (folder, artifact["name"], artifact["size"] >> 20, free))


def size_of(path):
    """The size of a file, 0 where there is none."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def draft_of(artifact, folder):
    """Where an artifact is gathered before it is put in its place."""
    return os.path.join(folder, ".kprov.%s.%s" % (artifact["name"], artifact["sha256"]))


def receive(url, artifact, path):
    """Ask for what is missing of an artifact, once, and write it behind what is there."""
    here = size_of(path)
    request = urllib.request.Request(url + artifact["path"])
    if here:
        request.add_header("Range", "bytes=%d-" % here)
    with DIRECT.open(request, timeout=60) as answer, open(path, "ab" if answer.status == 206 else "wb") as out:
        for chunk in iter(lambda: answer.read(CHUNK), b""):
            out.write(chunk)
    if size_of(path) < artifact["size"]:
        raise ConnectionError("cut short: %d of %d bytes arrived" % (size_of(path), artifact["size"]))


def download(url, artifact, folder):
    """Fetch one artifact into a draft in the folder, going on from what is there; return its path, verified."""
    path = draft_of(artifact, folder)
    resumed = size_of(path) > 0
    if shutil.disk_usage(folder).free < (artifact["size"] - size_of(path)) * 1.05:
        raise full(folder, artifact)
    for pause in [*PAUSES_S, None]:
        if 0 < artifact["size"] <= size_of(path):
            break
        try:
            receive(url, artifact, path)
        except (OSError, http.client.HTTPException) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:  # another artifact took the space meanwhile
                os.unlink(path)
                raise full(folder, artifact) from error
            if pause is None or 400 <= getattr(error, "code", 0) < 500:
                reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
                text = "cannot fetch %s from the controller: %s"
                raise FetchError(text % (artifact["name"], reason)) from error
            time.sleep(pause)
    if digest(path) == artifact["sha256"]:
        return path
    os.unlink(path)
    if resumed:  # what was there was of no use
        return download(url, artifact, folder)
    raise FetchError("%s arrived with another sha256 than the lock's" % artifact["name"])


def prepare(folders, artifacts):
    """Have the folders, and remove what older runs left in them and no artifact goes on with."""
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
        wanted = {draft_of(artifact, folder) for artifact in artifacts}
        for name in os.listdir(folder):
            path = os.path.join(folder, name)
            if name.startswith(".kprov.") and path not in wanted:
                os.unlink(path)


def install(module, url, artifact, target, mode, checksums):
    """Put one file in its place; return whether it had to be fetched."""
    if checksums.of(target) == artifact["sha256"] and os.stat(target).st_mode & mode == mode:
        return False
    if not module.check_mode:
        path = download(url, artifact, os.path.dirname(target))
        os.chmod(path, mode)
        os.rename(path, target)
        checksums.learn(target, artifact["sha256"])
    return True


def unlisted(folder, artifacts):
    """The manifests in the folder of which no artifact tells, sorted."""
    listed = {artifact["name"] + ".json" for artifact in artifacts if artifact["kind"] == "manifest"}
    present = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in present if name.endswith(".json") and name not in listed)


def names_here(module):
    """The names of all images that containerd has; none where it is not installed yet, in check mode."""
    if module.check_mode and not shutil.which("ctr"):
        return frozenset()
    code, listed, err = module.run_command([*CTR, "list", "--quiet"])
    if code and not module.check_mode:
        module.fail_json(msg="containerd does not answer: %s" % err.strip())
    return frozenset(listed.split())


def load(module, url, artifact, present):
    """Import one archive of images; return whether it had to be fetched."""
    stamp = os.path.join(STATE, artifact["sha256"])
    if os.path.exists(stamp) and present.issuperset(artifact["images"]):
        return False
    if not module.check_mode:
        path = download(url, artifact, STATE)
        try:
            code, _, err = module.run_command([*CTR, "import", path])
        finally:
            os.unlink(path)
        if code:
            raise FetchError("containerd did not import %s: %s" % (artifact["name"], err.strip()))
        with open(stamp, "w", encoding="utf-8") as handle:
            handle.write("\n".join(artifact["images"]) + "\n")
    return True


def main():
    """Run the module."""
    suboptions = {
        "name": {"type": "str", "required": True},
        "kind": {"type": "str", "choices": ["binary", *RUNTIME, "images", "manifest"], "required": True},
        "path": {"type": "str", "required": True},
        "sha256": {"type": "str", "required": True},
        "size": {"type": "int", "required": True},
        "images": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True, "no_log": True},
            "artifacts": {"type": "list", "elements": "dict", "required": True, "options": suboptions},
            "bin_dir": {"type": "path", "default": "/usr/local/bin"},
            "cni_dir": {"type": "path", "default": "/opt/cni/bin"},
            "manifest_dir": {"type": "path", "default": "/etc/kubernetes/kprov/addons"},
        },
        supports_check_mode=True,
    )
    url, artifacts = module.params["url"], module.params["artifacts"]
    folders = {
        "binary": module.params["bin_dir"],
        "runtime": module.params["bin_dir"],
        "cni-plugin": module.params["cni_dir"],
        "images": STATE,
        "manifest": module.params["manifest_dir"],
    }
    for_runtime = bool(artifacts) and all(artifact["kind"] in RUNTIME for artifact in artifacts)
    needed = {folders[artifact["kind"]] for artifact in artifacts}
    if module.check_mode:
        pass
    elif for_runtime:  # drafts in these folders are for the task that comes later to go on with
        for folder in needed:
            os.makedirs(folder, exist_ok=True)
    else:
        prepare({STATE, folders["binary"], *needed}, artifacts)
    present = frozenset() if for_runtime else names_here(module)
    checksums = Checksums(CHECKSUMS)

    def fetch(artifact):
        name, kind = artifact["name"], artifact["kind"]
        if kind == "images":
            done = load(module, url, artifact, present)
        elif kind == "manifest":
            done = install(module, url, artifact, os.path.join(folders[kind], name + ".json"), 0o600, checksums)
        else:
            done = install(module, url, artifact, os.path.join(folders[kind], name), 0o755, checksums)
        return name if done else None

    try:
        with ThreadPoolExecutor(max_workers=2) as pool:
            fetched = [name for name in pool.map(fetch, artifacts) if name]
    except FetchError as error:
        module.fail_json(msg=str(error))
    manifest_dir = folders["manifest"]
    removed = [] if for_runtime else unlisted(manifest_dir, artifacts)
    if not module.check_mode:
        checksums.keep()
        for name in removed:
            os.unlink(os.path.join(manifest_dir, name))
    module.exit_json(changed=bool(fetched or removed), fetched=fetched, removed=removed)


if __name__ == "__main__":
    main()
