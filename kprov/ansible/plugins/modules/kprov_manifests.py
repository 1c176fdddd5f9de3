#!/usr/bin/python
"""On a control plane: have sets of objects in the cluster as they are stated, and nothing of sets that are gone."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_manifests
short_description: Have sets of objects in the cluster as they are stated
description:
  - Applies objects with kubectl, server-side, as the cluster's admin and the field manager C(kprov).
  - What a set has consisted of is kept in the ConfigMap C(kprov-addon-NAME) in kube-system. An object that a set no
    longer has is deleted; so are all objects of a set that is not among I(known). Nothing else is ever deleted.
  - An object with the annotation C(kprov.io/keep) is another's (kubeadm's, say); it is changed, never deleted. With the
    value C(release) it loses what its set has given it when the set has it no more.
options:
  sets:
    description: The sets, each with its objects, or with a file that holds them.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name of the set., type: str, required: true}
      file: {description: A file with a List of objects as JSON., type: path}
      sha256: {description: What the file has when it is read; in check mode it may still be the older one., type: str}
      objects: {description: The objects., type: list, elements: dict, default: []}
  secrets:
    description: Secrets that belong to a set, each with one key; never logged.
    type: list
    elements: dict
    default: []
    suboptions:
      set: {description: Name of the set., type: str, required: true}
      namespace: {description: Where it lies., type: str, required: true}
      name: {description: Its name., type: str, required: true}
      key: {description: Its key., type: str, required: true}
      value: {description: The secret itself., type: str, required: true}
      also: {description: Further keys with values that are no secrets., type: dict, default: {}}
  known:
    description: The names of all sets that the cluster is to have; empty, no set is removed.
    type: list
    elements: str
    default: []
  timeout_s:
    description: How long to try again while a kind is not known yet, or a webhook does not answer yet.
    type: int
    default: 120
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Have the network in the cluster
  kprov_manifests:
    sets:
      - {name: flannel, file: /etc/kubernetes/kprov/addons/flannel.json}
    known: [flannel]
"""

RETURN = r"""
objects: {description: "What became of each object that changed.", returned: always, type: list}
"""

import hashlib
import json
import os
import re
import time

from ansible.module_utils.basic import AnsibleModule

ADMIN = "/etc/kubernetes/admin.conf"
KUBECTL = ["/usr/local/bin/kubectl", "--kubeconfig", ADMIN]
CLIENT_SIDE = ("APIService",)
"""The aggregator of Kubernetes 1.20 panics on server-side apply: FieldManager must be installed to run apply."""
APPLY_OLD = ["apply", "--output=json", "--filename=-"]
APPLY = ["apply", "--server-side", "--force-conflicts", "--field-manager=kprov", "--output=json", "--filename=-"]
APPLY_PART = [*APPLY, "--validate=false"]
"""For objects of which only a part is stated: kubectl would miss the rest, the API server has it."""
SYSTEM = "kube-system"
SET = "kprov.io/addon-set"
LABEL = "kprov.io/addon"
KEEP = "kprov.io/keep"
RELEASE = "release"
NOT_YET = re.compile(r"no matches for kind|could not find the requested resource|namespaces \"[^\"]*\" not found")
PASSING = re.compile(r"failed calling webhook|connection refused|etcdserver: |EOF$|timeout|TLS handshake", re.MULTILINE)
VOLATILE = ("creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid")
LAST = ("CustomResourceDefinition", "Namespace")
PAUSE_S = 2


class ApplyError(Exception):
    """The API server would not have it; the text is its own words."""


def ref(document):
    """What identifies an object in a cluster, whatever the version of its API.

    >>> ref({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "dns", "namespace": "kube-system"}})
    ('apps', 'Deployment', 'kube-system', 'dns')
    >>> ref({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    ('', 'Namespace', '', 'shop')
    """
    group = document["apiVersion"].rpartition("/")[0]
    meta = document["metadata"]
    return (group, document["kind"], meta.get("namespace", ""), meta["name"])


def kept(document):
    """How an object of another's is kept; empty: it is the set's own."""
    return document["metadata"].get("annotations", {}).get(KEEP, "")


def stub(document):
    """What is kept of an object: enough to delete it."""
    meta = {key: document["metadata"][key] for key in ("name", "namespace") if document["metadata"].get(key)}
    if kept(document) == RELEASE:
        meta["annotations"] = {KEEP: RELEASE}
    return {"apiVersion": document["apiVersion"], "kind": document["kind"], "metadata": meta}


def bare(document):
    """An object that says nothing but who it is."""
    meta = {key: value for key, value in document["metadata"].items() if key != "annotations"}
    return {**document, "metadata": meta}


def named(document):
    """An object in words.

    >>> named({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns", "namespace": "kube-system"}})
    'Service kube-system/dns'
    """
    meta = document["metadata"]
    return "%s %s" % (document["kind"], "/".join(filter(None, (meta.get("namespace"), meta["name"]))))


def settled(document):
    """An object without what the API server and controllers change by themselves."""
    meta = {key: value for key, value in document["metadata"].items() if key not in VOLATILE}
    return {**{key: value for key, value in document.items() if key != "status"}, "metadata": meta}


def in_order_of_deletion(documents):
    """Objects before the kinds and namespaces that they live in."""
    return sorted(documents, key=lambda each: LAST.index(each["kind"]) + 1 if each["kind"] in LAST else 0)


def bundle(documents):
    """Objects as one that kubectl reads."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(documents)})


def secret(entry):
    """The object of a secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": entry["name"], "namespace": entry["namespace"], "labels": {LABEL: entry["set"]}},
        "type": "Opaque",
        "stringData": {**entry["also"], entry["key"]: entry["value"]},
    }


def record(name, documents):
    """The ConfigMap that says what a set consists of."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "kprov-addon-" + name, "namespace": SYSTEM, "labels": {SET: name}},
        "data": {"objects": json.dumps([stub(document) for document in documents], sort_keys=True)},
    }


def owned(documents):
    """Those that are deleted, or released, with their set."""
    return [each for each in documents if kept(each) in ("", RELEASE)]


class Cluster:
    """The cluster by way of kubectl; in check mode the API server is asked what it would do."""

    def __init__(self, module):
        self._module = module

    def _kubectl(self, words, documents=None):
        data = None if documents is None else bundle(documents)
        return self._module.run_command([*KUBECTL, *words], data=data)

    def records(self):
        """What each set consists of, by its name."""
        code, out, err = self._kubectl(["get", "configmaps", "-n", SYSTEM, "-l", SET, "--output=json"])
        if code:
            raise ApplyError(err.strip())
        items = json.loads(out)["items"]
        return {item["metadata"]["labels"][SET]: json.loads(item["data"]["objects"]) for item in items}

    def look(self, documents):
        """The objects as they are now, by their identity; those that are not there are missing."""
        if not documents:
            return {}
        code, out, err = self._kubectl(["get", "--ignore-not-found", "--output=json", "--filename=-"], documents)
        if code and not NOT_YET.search(err):
            raise ApplyError(err.strip())
        return by_ref(out)

    def apply(self, documents):
        """The objects as they are after having been applied; tried again while a kind or a webhook is not there yet."""
        ways = (APPLY, []), (APPLY_PART, []), (APPLY_OLD, [])
        for document in documents:
            ways[2 if document["kind"] in CLIENT_SIDE else bool(kept(document))][1].append(document)
        return {key: now for words, part in ways for key, now in self._apply(words, part).items()}

    def _apply(self, words, documents):
        if not documents:
            return {}
        dry = ["--dry-run=server"] if self._module.check_mode else []
        deadline = time.monotonic() + self._module.params["timeout_s"]
        while True:
            code, out, err = self._kubectl([*words, *dry], documents)
            if code == 0 or (dry and NOT_YET.search(err)):
                return by_ref(out)
            if not (NOT_YET.search(err) or PASSING.search(err)) or time.monotonic() > deadline:
                raise ApplyError(err.strip())
            time.sleep(PAUSE_S)

    def release(self, documents):
        """Take back what was set in objects of others; one that is gone already must not be made again."""
        there = self.look(documents)
        self.apply([bare(each) for each in documents if ref(each) in there])

    def delete(self, documents):
        """Delete objects; those that are gone already, and those of a kind that is gone, are no error."""
        if not documents or self._module.check_mode:
            return
        words = ["delete", "--ignore-not-found", "--wait=false", "--filename=-"]
        code, _, err = self._kubectl(words, in_order_of_deletion(documents))
        if code and not NOT_YET.search(err):
            raise ApplyError(err.strip())


def by_ref(out):
    """Objects of kubectl's answer by their identity; one alone comes without a List around it."""
    if not out.strip():
        return {}
    answer = json.loads(out)
    items = answer["items"] if answer["kind"] == "List" else [answer]
    return {ref(item): item for item in items}


def converge(cluster, wanted, known):
    """Have the sets as they are wanted; return what changed, in words.

    What a set is about to have is written down before it is applied, so that an interrupted run forgets nothing.

    Args:
        cluster: the cluster.
        wanted: the objects of each set.
        known: names of all sets; others are removed. Empty: none is.
    """
    records = cluster.records()
    told = []
    for name, documents in wanted.items():
        ours = owned(documents)
        before = records.get(name, [])
        gained = set(map(ref, ours)) - set(map(ref, before))
        if gained or name not in records:
            cluster.apply([record(name, [*before, *(each for each in ours if ref(each) in gained)])])
    everything = [document for documents in wanted.values() for document in documents]
    old, new = cluster.look(everything), cluster.apply(everything)
    for document in everything:
        was, now = old.get(ref(document)), new.get(ref(document))
        if was is None:
            told.append("%s created" % named(document))
        elif now is None or settled(was) != settled(now):
            told.append("%s configured" % named(document))
    for name, before in records.items():
        if name not in wanted and (not known or name in known):
            continue
        left = wanted.get(name, [])
        gone = [each for each in before if ref(each) not in set(map(ref, left))]
        others = [each for each in gone if kept(each)]
        ours = [each for each in gone if not kept(each)]
        cluster.release(others)
        cluster.delete(ours if name in wanted else [*ours, stub(record(name, ()))])
        told += ["%s deleted" % named(each) for each in ours]
        told += ["%s released" % named(each) for each in others]
        if name not in wanted and not before:
            told.append("%s is not looked after any more" % name)
        if name in wanted and gone:
            cluster.apply([record(name, owned(left))])
    return told


def read_sets(params):
    """The objects of each set, from their files, with the secrets that belong to them."""
    wanted = {}
    for each in params["sets"]:
        documents = list(each["objects"])
        if each["file"]:
            with open(each["file"], encoding="utf-8") as handle:
                documents += json.load(handle)["items"]
        secrets = [secret(entry) for entry in params["secrets"] if entry["set"] == each["name"]]
        first = [document for document in documents if document["kind"] == "Namespace"]
        wanted[each["name"]] = [*first, *secrets, *(each for each in documents if each not in first)]
    return wanted


def outdated(sets):
    """Whether a file is not yet, or not any more, what it will be when it is read: an earlier task fetches it."""
    now = [(sha256_of(each["file"]), each["sha256"]) for each in sets if each["file"]]
    return any(not found or (told and told != found) for found, told in now)


def sha256_of(path):
    """The checksum of a file; empty where there is none."""
    try:
        with open(path, "rb") as handle:
            return hashlib.sha256(handle.read()).hexdigest()
    except FileNotFoundError:
        return ""


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "sets": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "file": {"type": "path"},
                    "sha256": {"type": "str"},
                    "objects": {"type": "list", "elements": "dict", "default": []},
                },
            },
            "secrets": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "no_log": False,
                "options": {
                    "set": {"type": "str", "required": True},
                    "namespace": {"type": "str", "required": True},
                    "name": {"type": "str", "required": True},
                    "key": {"type": "str", "required": True, "no_log": False},
                    "value": {"type": "str", "required": True, "no_log": True},
                    "also": {"type": "dict", "default": {}},
                },
            },
            "known": {"type": "list", "elements": "str", "default": []},
            "timeout_s": {"type": "int", "default": 120},
        },
        supports_check_mode=True,
    )
    if module.check_mode and (not os.path.exists(ADMIN) or outdated(module.params["sets"])):
        module.exit_json(changed=bool(module.params["sets"]), objects=[])
    try:
        told = converge(Cluster(module), read_sets(module.params), module.params["known"])
    except ApplyError as error:
        module.fail_json(msg="kubectl: %s" % error)
    module.exit_json(changed=bool(told), objects=told)


if __name__ == "__main__":
    main()
