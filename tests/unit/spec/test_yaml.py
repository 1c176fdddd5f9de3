"""Text that is no YAML, and YAML's own mechanisms."""

from __future__ import annotations

import pytest

from kprov.spec.load import loads


@pytest.mark.parametrize(
    ("text", "line", "wrong", "right"),
    [
        ("cluster: lab\n\tnodes: {}\n", 2, "no YAML: there is a tab (column 1)", "spaces"),
        ("cluster: a: b\n", 1, "no YAML: a ':' stands where no key can be (column 11)", "quote"),
        ("a: 1\n---\nb: 2\n", 2, "no YAML: a second document begins here (column 1)", "---"),
        ("nodes:\n  w1: {address: 10.0.0.[1:3]}\n", 2, "expected ',' or '}', but got '['", "Quote a range"),
        ("nodes:\n  [a:c]-x: {}\n", 2, "no YAML", "Quote a range"),
        ("cluster: [lab\nnodes: 1\n", 2, "while parsing a flow sequence", "at or just above this line"),
        ('cluster: "lab\n', 2, "found unexpected end of stream", "at or just above this line"),
        ("a:\n  b: 1\n c: 2\n", 3, "no YAML", "at or just above this line"),
        ("a: *nothing\n", 1, "found undefined alias 'nothing'", "Mend the YAML"),
        ("a: @b\n", 1, "character '@' that cannot start any token", "Mend the YAML"),
        ("- cluster\n- nodes\n", 1, "the file is a list, not keys with values", "cluster: NAME"),
        ("hello\n", 1, "the file is one single value, not keys with values", "cluster: NAME"),
        ("[" * 700, 0, "lists or mappings are nested too deeply", "five levels"),
        ("a: " + "[" * 30 + "]" * 30, 1, "lists or mappings are nested too deeply", "five levels"),
        ("a: &x [*x]\n", 1, "an alias refers to a part that contains it", "instead of the alias"),
        ("a: &x\n  <<: *x\n", 1, "an alias refers to a part that contains it", "instead of the alias"),
    ],
)
def test_what_is_no_yaml_is_told_with_its_line(only, text, line, wrong, right) -> None:
    problem = only(text)
    assert problem.line == line
    assert wrong in problem.wrong
    assert right in problem.right


def test_a_bomb_of_aliases_is_refused_quickly(problems) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "unfold to more than 200000 values" in problems("\n".join(lines))[-1].wrong


def test_a_key_given_twice_names_both_lines(only, base) -> None:
    problem = only(base + "ssh:\n  user: root\n  user: admin\n")
    assert (problem.line, problem.key) == (7, "ssh.user")
    assert problem.wrong == "is given twice, first in line 6"


def test_a_section_given_twice(only, base) -> None:
    problem = only(base + "ssh: {port: 22}\nssh: {port: 23}\n")
    assert (problem.line, problem.key, problem.wrong) == (6, "ssh", "is given twice, first in line 5")


def test_foreign_tags_are_refused_and_nothing_is_constructed(problems, base) -> None:
    found = problems(base + "ssh: {user: !!python/object/apply:os.getcwd []}\n")
    assert {(problem.line, problem.key) for problem in found} == {(5, "ssh.user")}
    assert "the tag tag:yaml.org,2002:python/object/apply:os.getcwd is not understood" in [p.wrong for p in found]


def test_a_mapping_as_a_key_is_refused(problems, base) -> None:
    assert "stands where a key belongs" in problems(base + "? {a: b}\n: c\n")[0].wrong


def test_anchors_and_merge_keys(base) -> None:
    text = base + (
        "  w2: &worker\n    address: 10.98.0.102\n    roles: [worker]\n    labels: {disk: ssd}\n"
        "  w3: {<<: *worker, address: 10.98.0.103}\n"
        "  w4: {<<: [{labels: {disk: hdd}}, *worker], address: 10.98.0.104}\n"
    )
    loaded = loads(text, "cluster.yaml")
    w3, w4 = loaded.spec.nodes["w3"], loaded.spec.nodes["w4"]
    assert (str(w3.address), w3.roles, w3.labels) == ("10.98.0.103", ("worker",), {"disk": "ssd"})
    assert w4.labels == {"disk": "hdd"}
    assert loaded.origins["nodes.w3.address"] == "cluster.yaml:9"
    assert loaded.origins["nodes.w3.roles"] == "cluster.yaml:7"


def test_a_merge_of_what_is_no_mapping(only, base) -> None:
    assert "<< takes a mapping" in only(base + "ssh: {<<: 5, user: root}\n").wrong


def test_a_mistake_in_an_anchored_part_is_told_where_it_stands(problems, base) -> None:
    text = base + "  w2: &w\n    address: 10.98.0.102\n    roles: [worker]\n    labels: {a: 1}\n"
    found = problems(text + "  w3: {<<: *w, address: 10.98.0.103}\n")
    assert [(problem.line, problem.key) for problem in found] == [(8, "nodes.w2.labels.a"), (8, "nodes.w3.labels.a")]


def test_a_name_that_yaml_reads_as_a_number_or_a_truth_is_a_name(base) -> None:
    text = base + "  101: {address: 10.98.0.102, roles: [worker]}\n  on: {address: 10.98.0.103, roles: [worker]}\n"
    assert list(loads(text, "cluster.yaml").spec.nodes)[4:] == ["101", "on"]


def test_an_empty_section_has_its_defaults(base) -> None:
    loaded = loads(base + "ssh:\n  # user: me\nnetwork:\n  pods:\nlab:\nbundle: ~\n", "cluster.yaml")
    assert (loaded.spec.ssh.user, list(map(str, loaded.spec.network.pods)), loaded.spec.lab) == (
        "root",
        ["10.244.0.0/16"],
        None,
    )
    assert loaded.origins["ssh.user"] == loaded.origins["network.pods"] == "default"


def test_a_given_empty_text_is_a_value(base) -> None:
    text = base.replace("roles: [worker]", 'roles: [worker], labels: {gpu: ""}')
    assert loads(text, "cluster.yaml").origins["nodes.w1.labels.gpu"] == "cluster.yaml:4"
