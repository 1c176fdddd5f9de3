"""The book's nine nodes: three masters that are etcd members, six workers; addresses moved to the lab's subnet."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.e2e.made import HOME, Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMORY_MIB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Cluster]:
    shipped = (HOME / "inventory/book/cluster.yaml").read_text()
    nodes = shipped.partition("\nnodes:\n")[2].partition("\n\n")[0]
    assert "192.168.1." in nodes
    made = Cluster.of(tmp_path, "e2e-book", 2, nodes.replace("192.168.1.", "{net}.") + "\n")
    try:
        yield made
    finally:
        made.kprov("lab", "down")


@pytest.mark.skipif(MEMORY_MIB < 8000, reason=f"nine nodes need 8 GB of memory, here are {MEMORY_MIB} MiB")
def test_nine_nodes_come_up_verified(book: Cluster) -> None:
    book.kprov("up")
    names = {*(f"m{i}-k8s" for i in (11, 12, 13)), *(f"w{i}-k8s" for i in range(101, 107))}
    assert book.ready() == dict.fromkeys(names, True)
    members = book.kubectl("get", "pods", "-n", "kube-system", "-l", "component=etcd")["items"]
    assert {pod["spec"]["nodeName"] for pod in members} == {"m11-k8s", "m12-k8s", "m13-k8s"}
