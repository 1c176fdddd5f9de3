"""Helm charts: their values, and from what ``helm template`` prints the objects that are applied like all others.

Nothing is installed by Helm, so what Helm does beside applying is decided here. Hooks: tests and what runs at an
uninstall, an upgrade or a rollback alone is left out; what runs at an install becomes an object like the others.
Sources: helm.sh, Topics, Charts and Chart Hooks; kubernetes.io, API reference, for kinds without a namespace.
"""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Final

import yaml

from kprov.addons.documents import mapping, name_of, parse
from kprov.addons.model import KEEP
from kprov.addons.shapes import thing
from kprov.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kprov.addons.model import Chart, Document

_HOOK: Final = "helm.sh/hook"
_POLICY: Final = "helm.sh/resource-policy"
_AT_INSTALL: Final = frozenset({"pre-install", "post-install", "crd-install"})
_TESTS: Final = frozenset({"test", "test-success", "test-failure"})
_RUN_ONCE: Final = ("Pod",)
_SYSTEM: Final = ("default", "kube-node-lease", "kube-public", "kube-system")
"""Namespaces that every cluster has."""
_CLUSTER_WIDE: Final = frozenset(
    {"APIService", "CSIDriver", "CSINode", "CertificateSigningRequest", "ClusterRole", "ClusterRoleBinding"}
    | {"ClusterTrustBundle", "CustomResourceDefinition", "DeviceClass", "FlowSchema", "GatewayClass", "IngressClass"}
    | {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration", "Namespace", "Node"}
    | {"PersistentVolume", "PodSecurityPolicy", "PriorityClass", "PriorityLevelConfiguration", "RuntimeClass"}
    | {"ServiceCIDR", "StorageClass", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    | {"ValidatingWebhookConfiguration", "VolumeAttachment", "VolumeAttributesClass"}
)


def merged(below: Document, above: Document) -> Document:
    """Values over values, as Helm lays them: mappings are joined, everything else is replaced.

    >>> merged({"image": {"tag": "1", "pull": "Always"}}, {"image": {"tag": "2"}})
    {'image': {'tag': '2', 'pull': 'Always'}}
    """
    both = deepcopy({**below, **above})
    for key in below.keys() & above.keys():
        lower, upper = below[key], above[key]
        if isinstance(lower, dict) and isinstance(upper, dict):
            both[key] = merged(lower, upper)
    return both


def contradictions(decided: Document, given: Document, at: str = "") -> Iterator[str]:
    """The values, by dotted key, that somebody gives other than they are decided elsewhere.

    >>> list(contradictions({"ipam": {"mode": "kubernetes"}}, {"ipam": {"mode": "eni"}, "debug": True}))
    ['ipam.mode']
    """
    for key in decided.keys() & given.keys():
        here, there = decided[key], given[key]
        if isinstance(here, dict) and isinstance(there, dict):
            yield from contradictions(here, there, f"{at}{key}.")
        elif here != there:
            yield f"{at}{key}"


def values_of(content: bytes, source: str) -> Document:
    """The values in a file.

    Raises:
        InputError: it is no YAML, or no mapping.
    """
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise InputError("cannot read the values of a chart", where=source, why=why, remedy="Mend the file.") from None
    if not isinstance(found, dict | None):
        remedy = "Write keys with values, as the chart's own values.yaml has them."
        raise InputError("the values of a chart are no mapping", where=source, remedy=remedy)
    return found or {}


def objects_of(text: bytes, chart: Chart, own: str) -> tuple[Document, ...]:
    """The objects of a chart; ``text`` is what ``helm template`` printed, ``own`` the name of the set that has it.

    What names no namespace is put into the chart's, as Helm would. That namespace comes first: the set's own, of the
    same name, goes with the set; any other is made where it is missing and stays, for it may hold what others made.

    Raises:
        InputError: it printed no objects.
    """
    documents = [each for each in parse(text, chart.source) if not _left_out(each)]
    wide = _CLUSTER_WIDE | set(_wide_by_definition(documents))
    made = [_plain(each, chart.namespace, cluster_wide=_is_wide(each, wide)) for each in documents]
    return (*_space(chart.namespace, own, made), *made)


def left_out(text: bytes, chart: Chart) -> tuple[str, ...]:
    """What a chart would have Helm do later and kprov does not, in words; tests are not worth a word.

    Raises:
        InputError: it printed no objects.
    """
    return tuple(
        f"{each['kind']} {name_of(each)} ({', '.join(sorted(_moments(each)))})"
        for each in parse(text, chart.source)
        if _left_out(each) and not _moments(each) <= _TESTS
    )


def _moments(document: Document) -> set[str]:
    """When Helm would run it; empty: it is no hook."""
    text = str(mapping(document, "metadata", "annotations").get(_HOOK, ""))
    return {each.strip() for each in text.split(",") if each.strip()}


def _left_out(document: Document) -> bool:
    moments = _moments(document)
    return bool(moments) and not moments & _AT_INSTALL


def _wide_by_definition(documents: Sequence[Document]) -> Iterator[str]:
    """Kinds without a namespace that the documents themselves define, with their group."""
    for each in documents:
        spec = mapping(each, "spec")
        if each["kind"] == "CustomResourceDefinition" and spec.get("scope") == "Cluster":
            yield f"{mapping(spec, 'names').get('kind')}.{spec.get('group')}"


def _is_wide(document: Document, wide: frozenset[str]) -> bool:
    """Whether objects of this kind have no namespace.

    Of kinds that neither Kubernetes nor the chart defines, those that say Cluster in front have none: ClusterIssuer.
    """
    kind, group = str(document["kind"]), str(document["apiVersion"]).rpartition("/")[0]
    foreign = "." in group and not group.endswith(".k8s.io")
    if not foreign:
        return kind in wide
    return f"{kind}.{group}" in wide or kind.startswith("Cluster")


def _plain(document: Document, namespace: str, *, cluster_wide: bool) -> Document:
    """An object as it is applied: in its namespace, without what only Helm reads."""
    copy = deepcopy(document)
    metadata = mapping(copy, "metadata")
    notes = mapping(metadata, "annotations")
    hook = bool(_moments(document))
    kept = {key: value for key, value in notes.items() if key != _POLICY and not key.startswith(_HOOK)}
    if notes.get(_POLICY) == "keep":
        kept[KEEP] = "true"
    metadata.pop("annotations", None)
    if kept:
        metadata["annotations"] = kept
    if not cluster_wide and not metadata.get("namespace"):
        metadata["namespace"] = namespace
    return once(copy, also=_RUN_ONCE if hook else ())


def once(document: Document, also: Sequence[str] = ()) -> Document:
    """A Job, or an object of another kind that runs ``also`` once, named by its content; any other as it is.

    It cannot be changed, so that something else must be another object; and it stays when it is done, or it would run
    again at every ``up``.
    """
    if document["kind"] not in ("Job", *also):
        return document
    copy = deepcopy(document)
    mapping(copy, "spec").pop("ttlSecondsAfterFinished", None)
    digest = hashlib.sha256(json.dumps(copy, sort_keys=True).encode()).hexdigest()
    mapping(copy, "metadata")["name"] = f"{name_of(copy)[:54].rstrip('-.')}-{digest[:8]}"
    return copy


def _space(namespace: str, own: str, made: Sequence[Document]) -> tuple[Document, ...]:
    """The namespace, where it is not there already."""
    if namespace in _SYSTEM or any(each["kind"] == "Namespace" and name_of(each) == namespace for each in made):
        return ()
    space = thing("v1", "Namespace", namespace)
    if namespace != own:
        mapping(space, "metadata")["annotations"] = {KEEP: "true"}
    return (space,)
