from __future__ import annotations

from kprov.spec.load import loads

BOOK = """\
cluster: book
nodes:
  m[11:13]-k8s: {address: "192.168.1.[11:13]", roles: [control-plane, etcd]}
  w[101:106]-k8s:
    address: 192.168.1.[101:106]
    ssh_address: gate-[a:f].example
    roles: [worker]
    labels: {disk: ssd}
"""


def test_every_name_of_a_range_is_a_node_with_its_own_addresses() -> None:
    nodes = loads(BOOK, "cluster.yaml").spec.nodes
    assert list(nodes) == [f"m{n}-k8s" for n in (11, 12, 13)] + [f"w{n}-k8s" for n in range(101, 107)]
    assert str(nodes["w103-k8s"].address) == "192.168.1.103"
    assert nodes["w103-k8s"].ssh_address == "gate-c.example"
    assert nodes["w106-k8s"].labels == {"disk": "ssd"}


def test_a_node_of_a_range_remembers_the_line_of_its_entry() -> None:
    origins = loads(BOOK, "/somewhere/cluster.yaml").origins
    assert origins["nodes.w104-k8s.address"] == "cluster.yaml:5"
    assert origins["nodes.w104-k8s.labels.disk"] == "cluster.yaml:8"
    assert origins["nodes.m12-k8s.labels"] == "default"


def test_lengths_that_differ_are_told_with_both_counts(only, base) -> None:
    problem = only(base.replace("[11:13]", "[11:14]"))
    assert (problem.line, problem.key) == (3, "nodes.m[1:3].address")
    assert problem.wrong == "3 names from m[1:3], but 4 addresses from 10.98.0.[11:14]"


def test_a_range_of_names_with_one_address_is_refused(only, base) -> None:
    assert only(base.replace("[11:13]", "11")).wrong == "3 names from m[1:3], but 1 address from 10.98.0.11"


def test_a_name_with_a_range_of_addresses_is_refused(only, base) -> None:
    assert only(base.replace("10.98.0.101", '"10.98.0.[101:102]"')).wrong.startswith("1 name from w1, but 2 addresses")


def test_a_range_of_names_with_one_ssh_address_is_refused(only, base) -> None:
    problem = only(base.replace("m[1:3]: {", "m[1:3]: {ssh_address: gate, "))
    assert problem.wrong == "3 names from m[1:3], but 1 address from gate"


def test_a_broken_range_in_a_name_names_its_line_and_nothing_that_follows_from_it(only, base) -> None:
    problem = only(base.replace("m[1:3]", '"m[3:1]"'))
    assert (problem.line, problem.right) == (3, "Write [1:3].")


def test_a_broken_range_in_an_address(only, base) -> None:
    assert "which ends before it begins" in only(base.replace("[11:13]", "[13:11]")).wrong


def test_a_name_made_twice_is_told_with_both_lines(only, base) -> None:
    problem = only(base + "  m3: {address: 10.98.0.50, roles: [worker]}\n")
    assert (problem.line, problem.key) == (5, "nodes.m3")
    assert problem.wrong == "the name m3 is made twice, first by m[1:3], see line 3"


def test_too_many_nodes_in_one_range_or_together(only, base) -> None:
    problem = only(base + '  x[1:4997]: {address: "10.0.[0:49].[1:100]", roles: [worker]}\n')
    assert problem.wrong == "x[1:4997] makes 4997 names, and 4996 are left"
    assert "5000 nodes at most" in problem.right
    assert "makes 5001 names" in only(base.replace("m[1:3]", "m[1:5001]")).wrong


def test_padding_in_a_name_is_kept_and_in_an_address_refused(only, base) -> None:
    text = base + '  x[08:10]: {address: "10.98.0.[08:10]", roles: [worker]}\n'
    problem = only(text)
    assert problem.key == "nodes.x[08:10].address"
    assert problem.wrong.startswith("10.98.0.08 has a number with a leading zero")
    assert list(loads(text.replace("0.[08:10]", "0.[8:10]"), "cluster.yaml").spec.nodes)[4:] == ["x08", "x09", "x10"]
