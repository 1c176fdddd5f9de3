#!/usr/bin/python
"""Fetch what a node needs from the controller's bundle server, only what is missing, each verified by sha256."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_artifacts
short_description: Fetch binaries, images and manifests of the bundle, only what is missing
description:
  - Installs a binary in one step after its sha256 was verified; a binary that has it already is left alone.
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
      kind: {description: What it is., type: str, choices: [binary, images, manifest], required: true}
      path: {description: Its path on the server., type: str, required: true}
      sha256: {description: Its checksum., type: str, required: true}
      size: {description: Its size in bytes., type: int, required: true}
      images: {description: Names in an archive as containerd has them., type: list, elements: str, default: []}
  bin_dir: {description: Where binaries go., type: path, default: /usr/local/bin}
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
import hashlib
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from ansible.module_utils.basic import AnsibleModule

CHUNK = 1 << 20
STATE = "/var/lib/kprov/images"
CTR = ["ctr", "--namespace", "k8s.io", "images"]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The controller is near: a proxy of the node's environment is for elsewhere."""


class FetchError(Exception):
    """An artifact could not be fetched or is not what the lock says."""


def digest(path):
    """The sha256 of a file as hex, or an empty string where there is none."""
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as handle:
            for chunk in iter(lambda: handle.read(CHUNK), b""):
                sha.update(chunk)
    except FileNotFoundError:
        return ""
    return sha.hexdigest()


def full(folder, artifact):
    """The error for a disk that cannot take an artifact, with what is free now."""
    free = shutil.disk_usage(folder).free >> 20
    text = "%s is full: %s needs %d MiB, %d MiB are free"
    return FetchError(text % (folder, artifact["name"], artifact["size"] >> 20, free))


def download(url, artifact, folder):
    """Fetch one artifact into a new file in the folder; return its path, verified."""
    if shutil.disk_usage(folder).free < artifact["size"] * 1.05:
        raise full(folder, artifact)
    handle, path = tempfile.mkstemp(prefix=".kprov.", dir=folder)
    sha = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as out, DIRECT.open(url + artifact["path"], timeout=60) as answer:
            for chunk in iter(lambda: answer.read(CHUNK), b""):
                sha.update(chunk)
                out.write(chunk)
            received = out.tell()
        if received < artifact["size"]:
            text = "%s was cut short: %d of %d bytes arrived"
            raise FetchError(text % (artifact["name"], received, artifact["size"]))
        if sha.hexdigest() != artifact["sha256"]:
            raise FetchError("%s arrived with another sha256 than the lock's" % artifact["name"])
    except (OSError, urllib.error.URLError) as error:
        os.unlink(path)
        if getattr(error, "errno", None) == errno.ENOSPC:  # another artifact took the space meanwhile
            raise full(folder, artifact) from error
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        raise FetchError("cannot fetch %s from the controller: %s" % (artifact["name"], reason)) from error
    except BaseException:
        os.unlink(path)
        raise
    return path


def prepare(*folders):
    """Have the folders, and remove what an interrupted run left behind in them."""
    for folder in folders:
        os.makedirs(folder, exist_ok=True)
        for name in os.listdir(folder):
            if name.startswith(".kprov."):
                os.unlink(os.path.join(folder, name))


def install(module, url, artifact, target, mode):
    """Put one file in its place; return whether it had to be fetched."""
    if digest(target) == artifact["sha256"] and os.stat(target).st_mode & mode == mode:
        return False
    if not module.check_mode:
        path = download(url, artifact, os.path.dirname(target))
        os.chmod(path, mode)
        os.rename(path, target)
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
        "kind": {"type": "str", "choices": ["binary", "images", "manifest"], "required": True},
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
            "manifest_dir": {"type": "path", "default": "/etc/kubernetes/kprov/addons"},
        },
        supports_check_mode=True,
    )
    url, artifacts = module.params["url"], module.params["artifacts"]
    bin_dir, manifest_dir = module.params["bin_dir"], module.params["manifest_dir"]
    if not module.check_mode:
        prepare(STATE, bin_dir, *[manifest_dir for artifact in artifacts if artifact["kind"] == "manifest"])
    present = names_here(module)

    def fetch(artifact):
        name = artifact["name"]
        if artifact["kind"] == "binary":
            done = install(module, url, artifact, os.path.join(bin_dir, name), 0o755)
        elif artifact["kind"] == "manifest":
            done = install(module, url, artifact, os.path.join(manifest_dir, name + ".json"), 0o600)
        else:
            done = load(module, url, artifact, present)
        return name if done else None

    try:
        with ThreadPoolExecutor(max_workers=2) as pool:
            fetched = [name for name in pool.map(fetch, artifacts) if name]
    except FetchError as error:
        module.fail_json(msg=str(error))
    removed = unlisted(manifest_dir, artifacts)
    if not module.check_mode:
        for name in removed:
            os.unlink(os.path.join(manifest_dir, name))
    module.exit_json(changed=bool(fetched or removed), fetched=fetched, removed=removed)


if __name__ == "__main__":
    main()
