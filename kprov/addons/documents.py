"""Objects of Kubernetes as plain data: read from YAML, searched, changed in copies, written again.

Nothing here knows an add-on. A function that is given documents never changes them; what an ``edit`` of ``changed`` is
given is a copy, and only that may be written to.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, cast

import yaml

from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from kprov.addons.model import Document
    from kprov.spec.flaw import Value


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: what looks like a date is text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the way of PyYAML
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


class _Dumper(yaml.CSafeDumper):
    """YAML for people: a text of several lines stands as such."""

    def represent_text(self, value: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _Dumper.represent_text)


def parse(text: bytes, source: str) -> tuple[Document, ...]:
    r"""The objects of a manifest: lists unfolded, empty documents left out, what only a server writes taken away.

    >>> [each["kind"] for each in parse(b"---\n---\nkind: List\napiVersion: v1\nitems:\n"
    ...                                 b"- {kind: Pod, apiVersion: v1, metadata: {name: a}}\n", "a.yaml")]
    ['Pod']

    Raises:
        InputError: it is no YAML, or something in it is no object of Kubernetes.
    """
    try:
        found = list(yaml.load_all(text, Loader=_Loader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise InputError("this is no manifest", where=source, why=why, remedy="Give a file in YAML.") from None
    objects = tuple(_unfolded(found, source))
    if not objects:
        raise InputError("the manifest is empty", where=source, remedy="Give a file with at least one object.")
    return objects


def _unfolded(found: Iterable[object], source: str) -> Iterable[Document]:
    for each in found:
        if each is None:
            continue
        if not isinstance(each, dict) or not isinstance(each.get("kind"), str) or "apiVersion" not in each:
            remedy = "Every document of a manifest has apiVersion, kind and metadata.name."
            raise InputError("a document in it is no object of Kubernetes", where=source, remedy=remedy)
        document = cast("Document", each)
        inside = document.get("items")
        if str(document["kind"]).endswith("List") and isinstance(inside, list):
            yield from _unfolded(inside, source)
        elif not isinstance(mapping(document, "metadata").get("name"), str):
            remedy = "Give every object a metadata.name."
            raise InputError(f"a {document['kind']} in it has no name", where=source, remedy=remedy)
        else:
            document.pop("status", None)
            mapping(document, "metadata").pop("creationTimestamp", None)
            yield document


def to_text(documents: Sequence[Document]) -> str:
    """The objects as one YAML text; the same objects give the same bytes."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, explicit_start=True, allow_unicode=True, width=110)


def mapping(parent: Document, *keys: str) -> Document:
    """The mapping at a path; a missing one is an empty one, which is in no document.

    >>> mapping({"metadata": {"labels": {"a": "b"}}}, "metadata", "labels")
    {'a': 'b'}
    """
    for key in keys:
        inner = parent.get(key)
        parent = inner if isinstance(inner, dict) else {}
    return parent


def items(parent: Document, key: str) -> list[Document]:
    """The mappings in a list; none where there is no such list.

    >>> items({"env": [{"name": "A"}]}, "env"), items({}, "env")
    ([{'name': 'A'}], [])
    """
    found = parent.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def name_of(document: Document) -> str:
    """``metadata.name``."""
    return str(mapping(document, "metadata").get("name", ""))


def find(documents: Sequence[Document], kind: str, name: str) -> Document:
    """The one object of this kind and name.

    Raises:
        InputError: there is none.
    """
    for document in documents:
        if document["kind"] == kind and name_of(document) == name:
            return document
    raise InputError(
        f"the manifest has no {kind} {name}", remedy="Give the manifest of the version that was asked for."
    )


def changed(
    documents: Sequence[Document], kind: str, name: str, edit: Callable[[Document], None]
) -> tuple[Document, ...]:
    """The objects, with one of them replaced by a copy that ``edit`` has changed.

    >>> pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}
    >>> changed([pod], "Pod", "a", lambda copy: copy.update(spec={}))[0]["spec"], "spec" in pod
    ({}, False)

    Raises:
        InputError: there is no such object.
    """
    wanted = find(documents, kind, name)
    copy = deepcopy(wanted)
    edit(copy)
    return tuple(copy if each is wanted else each for each in documents)


def pod_spec(document: Document) -> Document | None:
    """The pods' specification in a workload; None where the object makes no pods.

    >>> pod_spec({"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {"a": 1}}}}}})
    {'a': 1}
    """
    match document["kind"]:
        case "Pod":
            path: tuple[str, ...] = ("spec",)
        case "DaemonSet" | "Deployment" | "StatefulSet" | "ReplicaSet" | "ReplicationController" | "Job":
            path = ("spec", "template", "spec")
        case "CronJob":
            path = ("spec", "jobTemplate", "spec", "template", "spec")
        case _:
            return None
    return mapping(document, *path) or None


def containers(document: Document) -> list[Document]:
    """The containers of a workload, those that only prepare first; none where the object makes no pods."""
    spec = pod_spec(document) or {}
    return items(spec, "initContainers") + items(spec, "containers")


def container(document: Document, name: str) -> Document:
    """The container of this name.

    Raises:
        InputError: the workload has no such container.
    """
    for each in containers(document):
        if each.get("name") == name:
            return each
    where = f"{document['kind']} {name_of(document)}"
    raise InputError(f"there is no container {name}", where=where, remedy="Give the manifest of the version asked for.")


def set_env(target: Document, name: str, value: Value) -> None:
    """Give a container a variable: a text, or what stands below ``valueFrom``. Its place is kept where it has one.

    >>> target = {"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    >>> set_env(target, "A", {"fieldRef": {"fieldPath": "status.hostIP"}})
    >>> target["env"][0]
    {'name': 'A', 'valueFrom': {'fieldRef': {'fieldPath': 'status.hostIP'}}}
    """
    entry: Document = {"name": name, "value" if isinstance(value, str) else "valueFrom": value}
    present = items(target, "env")
    names = [each.get("name") for each in present]
    if name in names:
        present[names.index(name)] = entry
    else:
        present.append(entry)
    target["env"] = list(present)


def add_arguments(target: Document, *arguments: str) -> None:
    """Give a container arguments beside its own."""
    own = target.get("args")
    target["args"] = [*(own if isinstance(own, list) else []), *arguments]


def full_name(image: str) -> str:
    """An image's reference with its registry, as containerd writes it.

    >>> full_name("busybox:1"), full_name("rancher/x:v1"), full_name("quay.io/a/b:v1"), full_name("localhost:5000/a")
    ('docker.io/library/busybox:1', 'docker.io/rancher/x:v1', 'quay.io/a/b:v1', 'localhost:5000/a')
    """
    first, slash, _ = image.partition("/")
    if not slash:
        return f"docker.io/library/{image}"
    return image if "." in first or ":" in first or first == "localhost" else f"docker.io/{image}"


def with_images(documents: Sequence[Document], names: Mapping[str, str]) -> tuple[Document, ...]:
    """The objects with other images: ``names`` maps what containers run to what they are to run instead.

    >>> pod: Document = {"kind": "Pod", "spec": {"containers": [{"name": "c", "image": "docker.io/library/a:1"}]}}
    >>> images_of(with_images([pod], {"docker.io/library/a:1": "docker.io/library/b:2"}))
    ('docker.io/library/b:2',)
    """
    copies = tuple(map(deepcopy, documents)) if names else tuple(documents)
    for each in (each for document in copies for each in containers(document)):
        each["image"] = names.get(str(each["image"]), each["image"])
    return copies


def never_pulled(documents: Sequence[Document], images: Collection[str]) -> tuple[Document, ...]:
    """The objects with no container that would ask a registry for one of these images, which nodes get otherwise.

    >>> pod: Document = {"kind": "Pod", "spec": {"containers": [{"image": "a", "imagePullPolicy": "Always"}]}}
    >>> containers(never_pulled([pod], ["a"])[0])
    [{'image': 'a', 'imagePullPolicy': 'IfNotPresent'}]
    """
    copies = tuple(map(deepcopy, documents)) if images else tuple(documents)
    for each in (each for document in copies for each in containers(document)):
        if each["image"] in images and each.get("imagePullPolicy") == "Always":
            each["imagePullPolicy"] = "IfNotPresent"
    return copies


def images_of(documents: Sequence[Document]) -> tuple[str, ...]:
    """Every image that the objects start, each once, by its full name, in the order in which they come.

    A Pod that lies as text in a ConfigMap counts too: local-path-provisioner keeps its helper there.
    """
    found: dict[str, None] = {}
    for document in documents:
        for each in (document, *_kept_pods(document)):
            found |= {full_name(str(one["image"])): None for one in containers(each) if "image" in one}
    return tuple(found)


def _kept_pods(document: Document) -> Iterable[Document]:
    if document["kind"] != "ConfigMap":
        return
    for text in mapping(document, "data").values():
        if isinstance(text, str) and "kind: Pod" in text:
            yield from (each for each in parse(text.encode(), name_of(document)) if each["kind"] == "Pod")
