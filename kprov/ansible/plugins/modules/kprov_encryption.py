#!/usr/bin/python
"""On a control plane: what its API server encrypts with, the steps to other keys, and stored objects written anew."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_encryption
short_description: Encryption of stored objects, and the steps from one key to another
description:
  - Nothing is remembered but the files that API servers read. From those of all control planes follows what is left to
    do, so that a change that was interrupted goes on from there.
  - With O(state=read), returns what this control plane has. With O(state=planned), returns the files of three steps,
    each for every control plane - O(planes) can all read the new key; all write it; none has another any more. These
    results hold keys, so their tasks need C(no_log).
  - With O(state=rewritten), writes objects anew until etcd has none that is not stored as asked for.
options:
  state: {description: What to do., type: str, choices: [read, planned, rewritten], required: true}
  cluster: {description: Name of the cluster., type: str, default: kprov}
  wanted:
    description: Provider and resources, and the settings of a plugin; empty where nothing is to be encrypted.
    type: dict
    default: {}
  key: {description: The user's own key in base64; empty where keys are made., type: str, default: ""}
  rotate: {description: Change the key (or end the change that is under way)., type: bool, default: false}
  planes: {description: "What every control plane has, by its name.", type: dict, default: {}}
  founder: {description: Name of the control plane that founds the cluster., type: str, default: ""}
  rewrite: {description: "By resource, what it is to be stored as; see RETURN.", type: dict, default: {}}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: See what the API server encrypts with
  kprov_encryption:
    state: read
    cluster: lab
  no_log: true
"""

RETURN = r"""
member: {description: Whether the node is a control plane of the cluster., returned: with O(state=read), type: bool}
resources: {description: "By resource, what it is read and written with.", returned: with O(state=read), type: dict}
steps:
  description: By step (read, write, only) and control plane the file as JSON.
  returned: with O(state=planned)
  type: dict
rewrite: {description: "By resource, what it is to be stored as.", returned: with O(state=planned), type: dict}
refused: {description: Why nothing can be done., returned: with O(state=planned), type: str}
written: {description: How many objects were written anew., returned: with O(state=rewritten), type: int}
"""

import base64
import binascii
import json
import os
import re
import secrets
import time

from ansible.module_utils import kprov_etcd
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.kprov_registry import folder

ADMIN = "/etc/kubernetes/admin.conf"
ENCRYPTION = "/etc/kubernetes/kprov/api-server/encryption.json"
MARKER = "/var/lib/kprov/kubeadm.json"
API_SERVER = "/etc/kubernetes/manifests/kube-apiserver.yaml"
ARGUMENT = "--encryption-provider-config="
CTR = ["ctr", "--namespace", "k8s.io"]
KUBECTL = ["/usr/local/bin/kubectl", "--kubeconfig", ADMIN]
ETCD = [
    "etcdctl",
    "--cacert=/etc/kubernetes/pki/etcd/ca.crt",
    "--cert=/etc/kubernetes/pki/etcd/server.crt",
    "--key=/etc/kubernetes/pki/etcd/server.key",
]
IDENTITY = {"provider": "identity"}
KEY_BYTES = 32
ROUNDS = 5
PATIENCE_S = 120
STEPS = ("read", "write", "only")


class EncryptionError(Exception):
    """It did not work; the text says why, and holds no key."""


def entries(document):
    """An EncryptionConfiguration as what it does: by resource the entries that read it, the first of which writes.

    >>> keys = [{"name": "key2", "secret": "YQ=="}, {"name": "key1", "secret": "Yg=="}]
    >>> providers = [{"aescbc": {"keys": keys}}, {"identity": {}}]
    >>> group = {"resources": ["secrets"], "providers": providers}
    >>> [each.get("name") for each in entries({"resources": [group]})["secrets"]]
    ['key2', 'key1', None]
    """
    found = {}
    for group in document.get("resources", []):
        listed = []
        for provider in group["providers"]:
            ((kind, settings),) = provider.items()
            keys = settings.get("keys", [settings]) if settings else [{}]
            listed += [{"provider": kind, **key} for key in keys]
        for resource in group["resources"]:
            found.setdefault(resource, listed)
    return found


def document(resources):
    """The EncryptionConfiguration that does this (apiserver.config.k8s.io/v1); each entry is a provider of its own.

    >>> document({"secrets": [{"provider": "identity"}]})["resources"]
    [{'resources': ['secrets'], 'providers': [{'identity': {}}]}]
    """
    groups = []
    for resource, listed in sorted(resources.items()):
        providers = []
        for entry in listed:
            settings = {key: value for key, value in entry.items() if key != "provider"}
            plain = entry["provider"] in ("identity", "kms")
            providers.append({entry["provider"]: settings if plain else {"keys": [settings]}})
        groups.append({"resources": [resource], "providers": providers})
    return {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", "resources": groups}


def as_text(resources):
    """The file for this; empty where there is nothing to say."""
    return json.dumps(document(resources), indent=1, sort_keys=True) + "\n" if resources else ""


def number(entry):
    """The number in the name of a key that kprov named; 0 for any other.

    >>> number({"provider": "aescbc", "name": "key12", "secret": ""}), number({"provider": "identity"})
    (12, 0)
    """
    found = re.match(r"key([0-9]+)$", entry.get("name", "") if "secret" in entry else "")
    return int(found.group(1)) if found else 0


def stored_as(entry):
    """What begins an object in etcd that this entry has written; empty for one that is stored as it is.

    >>> stored_as({"provider": "aescbc", "name": "key2", "secret": ""})
    'k8s:enc:aescbc:v1:key2:'
    """
    if entry["provider"] == "identity":
        return ""
    return "k8s:enc:%s:%s:%s:" % (entry["provider"], entry.get("apiVersion", "v1"), entry["name"])


def unlike(listed, more):
    """Those of ``more`` that are not in the list, each once."""
    found = []
    for entry in more:
        if entry not in listed and entry not in found:
            found.append(entry)
    return found


def target(wanted, known, key, fresh):
    """The entry that is to write: the plugin, the user's key, the newest of the provider, or a new one."""
    if wanted["provider"] == "kms":
        return {"provider": "kms", **wanted["kms"]}
    newest = max(known, key=number, default=IDENTITY)
    same = [entry for entry in known if key and (entry["provider"], entry.get("secret")) == (wanted["provider"], key)]
    if same:
        return same[0]
    if not key and not fresh and newest["provider"] == wanted["provider"]:
        return newest
    made = key or base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return {"provider": wanted["provider"], "name": "key%d" % (number(newest) + 1), "secret": made}


def settled(planes, goal):
    """Whether every control plane has the goal and nothing else."""
    only = {resource: [entry] for resource, entry in goal.items() if entry != IDENTITY}
    return all({name: listed for name, listed in plane.items() if listed != [IDENTITY]} == only for plane in planes)


def plan(wanted, planes, key="", rotate=False):
    """The files of each step, and what is to be written anew; both empty where nothing is left to do.

    Args:
        wanted: provider, resources and, for a plugin, its settings; empty where nothing is to be encrypted.
        planes: by name of the control plane its entries by resource. There is at least one.
        key: the user's own, in base64.
        rotate: change the key.

    What any control plane writes, each of the others can read at every moment: an entry is in every file before it
    is the first in one, and no file loses an entry before everything is written anew with the one that stays.
    """
    have = list(planes.values())
    known = unlike([], [entry for plane in have for listed in plane.values() for entry in listed])
    resources = sorted({*wanted.get("resources", ()), *(name for plane in have for name in plane)})

    def goal(fresh):
        entry = target(wanted, known, key, fresh) if wanted else IDENTITY
        return {name: entry if name in wanted.get("resources", ()) else IDENTITY for name in resources}

    to = goal(fresh=False)
    if settled(have, to):
        if not rotate:
            return {}, {}
        to = goal(fresh=True)
    steps = {step: {} for step in STEPS}
    for name, plane in planes.items():
        reads, writes = {}, {}
        for resource, entry in to.items():
            own = plane.get(resource, [IDENTITY])
            every = [other for each in have for other in each.get(resource, [IDENTITY])]
            new = unlike(own, [entry, *every])
            reads[resource] = own + new
            writes[resource] = [entry, *(other for other in reads[resource] if other != entry)]
        only = {resource: [entry] for resource, entry in to.items() if entry != IDENTITY}
        for step, content in (("read", reads), ("write", writes), ("only", only)):
            steps[step][name] = as_text(content)
    return steps, {resource: stored_as(entry) for resource, entry in to.items()}


def refusal(wanted, planes, key, rotate):
    """Why this cannot be done; empty where it can. ``planes`` as they were read, members or not."""
    outside = sorted(name for name, plane in planes.items() if not plane["member"])
    if rotate and not wanted:
        return "nothing is encrypted: the cluster file has no section encryption"
    if rotate and outside:
        return "%s: no control plane of the cluster yet: run kprov up first" % ", ".join(outside)
    if rotate and key:
        listed = [entry for plane in planes.values() for each in plane["resources"].values() for entry in each]
        if listed and all(entry.get("secret") == key for entry in listed):
            return "the key in the file that encryption.key_file names is in use already: put another one there"
    return ""


def ask_for_plan(params):
    """The plan as the module returns it."""
    wanted, key, planes, rotate = params["wanted"], params["key"].strip(), params["planes"], params["rotate"]
    refused, none = refusal(wanted, planes, key, rotate), {step: {} for step in STEPS}
    if refused:
        return {"refused": refused, "steps": none, "rewrite": {}}
    members = {name: plane["resources"] for name, plane in planes.items() if plane["member"]}
    if members:
        steps, rewrite = plan(wanted, members, key, rotate)
        return {"refused": "", "steps": steps or none, "rewrite": rewrite}
    founder = params["founder"]
    steps, _ = plan(wanted, {founder: planes[founder]["resources"]}, key) if wanted else ({}, {})
    return {"refused": "", "steps": {**none, "only": steps["only"]} if steps else none, "rewrite": {}}


def read_text(path):
    """A file's text; empty where there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


def found(cluster):
    """What this control plane has. A file that its API server was not told of counts for a member as none."""
    marker, manifest = json.loads(read_text(MARKER) or "{}"), read_text(API_SERVER)
    member = marker.get("cluster") == cluster and marker.get("state") == "member" and bool(manifest)
    used = not member or ARGUMENT in manifest
    return {"member": member, "resources": entries(json.loads(read_text(ENCRYPTION) or "{}")) if used else {}}


class Cluster:
    """Objects as kubectl and as etcd have them."""

    def __init__(self, module):
        self._module = module

    def _run(self, command, data=None, fine=None):
        """Run a command, again while the cluster does not answer for a moment; ``fine`` is what may go wrong."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            code, out, err = self._module.run_command(command, data=data)
            if code == 0 or (fine and fine.search(err)):
                return out
            passing = re.search(r"EOF|connection (refused|reset)|timeout|deadline exceeded|etcdserver: ", err)
            if not passing or time.monotonic() > deadline:
                raise EncryptionError("%s: %s" % (" ".join(command[:5]), err.strip()[-400:]))
            time.sleep(1)

    def stored(self, resource):
        """How the objects of a resource are stored: the first bytes of each, by its key in etcd."""
        listed = self._run([*CTR, "containers", "list", "-q", 'labels."io.kubernetes.container.name"==etcd'])
        running = {line.split()[0] for line in self._run([*CTR, "tasks", "list"]).splitlines() if "RUNNING" in line}
        live = running.intersection(listed.split())
        if not live:
            raise EncryptionError("etcd does not run on this control plane")
        inside = [*ETCD, "--endpoints=" + kprov_etcd.local_url(), "get", "--prefix", "-w", "json", folder(resource)]
        call = [*CTR, "tasks", "exec", "--exec-id", "kprov-%d" % os.getpid(), live.pop(), *inside]
        pairs = json.loads(self._run(call)).get("kvs", [])
        # 160 letters are 120 bytes: longer than any mark.
        return {decoded(each["key"]).decode(): decoded(each.get("value", "")[:160]) for each in pairs}

    def write_anew(self, resource):
        """Write every object of a resource as it is; one that another client wrote or deleted meanwhile is done too."""
        text = self._run([*KUBECTL, "get", resource, "--all-namespaces", "-o", "json"])
        if json.loads(text)["items"]:
            others = re.compile(r"\A(?:.*(?:Conflict|the object has been modified|NotFound).*\n?)+\Z")
            self._run([*KUBECTL, "replace", "-f", "-"], data=text, fine=others)


def decoded(text):
    """Bytes of base64 that may be cut off."""
    try:
        return base64.b64decode(text[: len(text) // 4 * 4])
    except binascii.Error:
        return b""


def others(heads, prefix):
    """The keys of objects that are stored in another way."""
    mark = (prefix or "k8s:enc:").encode()
    return sorted(key for key, head in heads.items() if head.startswith(mark) != bool(prefix))


def rewrite(cluster, resource, prefix, anyway):
    """Write objects anew until all are stored as asked for; return how many were not.

    Raises:
        EncryptionError: some still are not, after several rounds.
    """
    heads = cluster.stored(resource)
    first = left = others(heads, prefix)
    rounds = 0
    # Where etcd seems to have none, they may be elsewhere: once they are written anew in any case.
    while rounds < ROUNDS and (left or (rounds == 0 and (anyway or not heads))):
        cluster.write_anew(resource)
        left, rounds = others(cluster.stored(resource), prefix), rounds + 1
    if left:
        text = "%d of %s are still not stored as %s, %s among them"
        raise EncryptionError(text % (len(left), resource, prefix or "plain text", left[0]))
    return len(first)


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["read", "planned", "rewritten"], "required": True},
            "cluster": {"type": "str", "default": "kprov"},
            "wanted": {"type": "dict", "default": {}},
            "key": {"type": "str", "default": "", "no_log": True},
            "rotate": {"type": "bool", "default": False},
            "planes": {"type": "dict", "default": {}},
            "founder": {"type": "str", "default": ""},
            "rewrite": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    params = module.params
    if params["state"] == "read":
        module.exit_json(changed=False, **found(params["cluster"]))
    if params["state"] == "planned":
        module.exit_json(changed=False, **ask_for_plan(params))
    cluster, written = Cluster(module), 0
    module.run_command_environ_update = {"PATH": "/usr/local/bin:" + os.environ.get("PATH", "/usr/bin:/bin")}
    try:
        for resource, prefix in sorted(params["rewrite"].items()):
            if module.check_mode:
                written += len(others(cluster.stored(resource), prefix))
            else:
                written += rewrite(cluster, resource, prefix, params["rotate"])
    except EncryptionError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=bool(written), written=written)


if __name__ == "__main__":
    main()
