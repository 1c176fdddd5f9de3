"""All documents of a cluster, for every version, topology and endpoint: looked at once, strictly what is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from kprov.release.catalog import minor_of, resolve
from kprov.release.published import misfits, published
from kprov.spec.rules import check
from tests.golden.clusters import CASES, cluster, documents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kprov.release.kubeadm import Document

every_case = pytest.mark.parametrize("case", CASES, ids="-".join)


def rendered(found: list[tuple[str, str, Document]]) -> str:
    """Each document once, below the nodes and files in which it stands."""
    places: dict[str, dict[str, list[str]]] = {}
    for node, file, document in found:
        text = yaml.safe_dump(document, sort_keys=False, width=120)
        places.setdefault(text, {}).setdefault(file, []).append(node)
    return "".join(
        "".join(f"# {file} of {', '.join(nodes)}\n" for file, nodes in where.items()) + f"{text}---\n"
        for text, where in places.items()
    )


@every_case
def test_the_documents_are_these(golden: Callable[[str, str], None], case: tuple[str, str, str, str]) -> None:
    golden(f"documents/{'-'.join(case)}.yaml", rendered(list(documents(cluster(*case)))))


@every_case
def test_the_cluster_file_is_one_that_a_person_may_write(case: tuple[str, str, str, str]) -> None:
    spec = cluster(*case)
    assert check(spec) == ()
    resolve(spec, file="cluster.yaml")


@every_case
def test_every_field_is_one_of_the_published_types(case: tuple[str, str, str, str]) -> None:
    known = published(minor_of(case[0])).documents
    for node, file, document in documents(cluster(*case)):
        kind = str(document.get("kind", "etcd"))
        assert list(misfits(known[kind], document)) == [], f"{kind} of {node} in {file}"


@every_case
def test_every_argument_is_one_that_its_program_takes(case: tuple[str, str, str, str]) -> None:
    known = published(minor_of(case[0])).arguments
    for node, _, document in documents(cluster(*case)):
        for program, given in told(document).items():
            assert set(given) <= set(known[program]), f"{program} of {node}"


def told(document: Mapping[str, object]) -> dict[str, list[str]]:
    """The arguments of each program that a document has."""
    places = {
        "kube-apiserver": ("apiServer", "extraArgs"),
        "kube-controller-manager": ("controllerManager", "extraArgs"),
        "kube-scheduler": ("scheduler", "extraArgs"),
        "etcd": ("etcd", "local", "extraArgs"),
        "kubelet": ("nodeRegistration", "kubeletExtraArgs"),
    }
    return {program: names(document, place) for program, place in places.items()}


def names(document: object, place: tuple[str, ...]) -> list[str]:
    for step in place:
        document = document.get(step, {}) if isinstance(document, dict) else {}
    return list(document) if isinstance(document, dict) else [each["name"] for each in document]


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("KubeletConfiguration", {"memorySwap": {"swapBehaviour": "NoSwap"}}),
        ("ClusterConfiguration", {"apiServer": {"extraArgs": {"profiling": "false"}}}),
        ("ClusterConfiguration", {"apiServer": {"timeoutForControlPlane": "4m0s"}}),
        ("JoinConfiguration", {"localAPIEndpoint": {}}),
        ("KubeProxyConfiguration", {"conntrack": {"maxPerCore": "0"}}),
    ],
)
def test_a_field_that_is_unknown_misplaced_or_of_another_type_is_found(kind: str, wrong: dict[str, object]) -> None:
    assert list(misfits(published("1.36").documents[kind], wrong))
