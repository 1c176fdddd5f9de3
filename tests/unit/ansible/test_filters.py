from __future__ import annotations

import pytest

from kprov.ansible.plugins.filter.kprov import FilterModule, before, joiners, parts, seed

NODES = [
    {"name": "m1", "address": "10.0.0.1", "control_plane": True},
    {"name": "m2", "address": "10.0.0.2", "control_plane": True},
    {"name": "w1", "address": "10.0.0.101", "control_plane": False},
]


def cluster(m1, m2, w1):
    states = {"m1": m1, "m2": m2, "w1": w1}
    return {name: {"node_facts": {"membership": state}} for name, state in states.items()}


@pytest.mark.parametrize(
    ("found", "first", "others"),
    [
        (cluster("none", "none", "none"), "m1", ["m2", "w1"]),
        (cluster("partial", "none", "none"), "m1", ["m2", "w1"]),
        (cluster("member", "member", "none"), "m1", ["w1"]),
        (cluster("member", "member", "member"), "m1", []),
        (cluster("none", "member", "member"), "m2", ["m1"]),
        (cluster("none", "none", "member"), "m1", ["m2"]),
    ],
    ids=["fresh", "interrupted", "a new worker", "settled", "first one lost", "a worker founds nothing"],
)
def test_who_speaks_for_the_cluster_and_who_joins(found, first, others):
    assert seed(NODES, found) == first
    assert [node["name"] for node in joiners(NODES, found)] == others


@pytest.mark.parametrize(
    ("found", "of_each"),
    [
        (
            cluster("none", "none", "none"),
            [["kprov_seed", "kprov_founder"], ["kprov_joining", "kprov_joining_planes"], ["kprov_joining"]],
        ),
        (cluster("member", "prepared", "member"), [["kprov_seed"], ["kprov_joining", "kprov_joining_planes"], []]),
        (cluster("none", "member", "member"), [["kprov_joining", "kprov_joining_planes"], ["kprov_seed"], []]),
        (cluster("member", "member", "member"), [["kprov_seed"], [], []]),
    ],
    ids=["fresh", "a join was cut off", "first one lost", "settled"],
)
def test_the_parts_of_the_nodes(found, of_each):
    assert [parts(NODES, found, name) for name in ("m1", "m2", "w1")] == of_each


def test_a_join_that_was_cut_off_after_the_node_was_known_is_gone_on_with():
    found = cluster("member", "prepared", "partial")
    assert [(node["name"], node["prepared"]) for node in joiners(NODES, found)] == [("m2", True), ("w1", False)]


def test_control_planes_join_one_after_another_and_workers_at_once():
    third = {"name": "m3", "address": "10.0.0.3", "control_plane": True}
    found = cluster("member", "none", "none") | {"m3": {"node_facts": {"membership": "none"}}}
    assert [before([*NODES, third], found, name) for name in ("m1", "m2", "m3", "w1")] == ["", "", "10.0.0.2", ""]


def test_a_secret_is_read_from_its_file_without_the_line_end(tmp_path):
    path = tmp_path / "password"
    path.write_text(" s3cr3t with spaces \r\n")
    entry = {"set": "weave", "namespace": "kube-system", "name": "weave-passwd", "key": "key", "file": str(path)}
    (read,) = FilterModule().filters()["kprov_read_secrets"]([entry])
    assert read == {key: text for key, text in entry.items() if key != "file"} | {
        "also": {},
        "value": " s3cr3t with spaces ",
    }


def test_the_filters_have_the_names_that_the_roles_use():
    assert {
        "kprov_parts": parts,
        "kprov_joiners": joiners,
        "kprov_before": before,
    }.items() <= FilterModule().filters().items()
