"""A cluster file that is changed in its place: what was asked for is there, and everything else is as it was."""

from __future__ import annotations

import difflib

import pytest
import yaml

from kprov.errors import InputError
from kprov.spec.edit import drop, put
from kprov.spec.template import Wish, template

FILE = """\
# all that a person writes
cluster:   lab        # aligned by hand

nodes:
  "m[1:3]":  {address: "10.98.0.[11:13]",   roles: [control-plane, etcd]}
  w1:        { address: 10.98.0.101, roles: [ worker ] }

addons:   # what runs here
  # what top reads
  metrics-server:
  # names
  coredns:
    upstream:   # two of them
    - 9.9.9.9
    - 1.1.1.1
    replicas: 3 # enough

  dashboard: {kind: headlamp, port: 31001}   # of today
# made here
lab: {provider: podman}
"""


CLUSTER = "cluster:   lab        # aligned by hand\n"
HEADLAMP = "  dashboard: {kind: headlamp, port: 31001}   # of today\n"


def change(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went and the lines that came."""
    lines = list(difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)))
    return [line[2:] for line in lines if line[0] == "-"], [line[2:] for line in lines if line[0] == "+"]


@pytest.mark.parametrize(
    ("keys", "value", "gone", "come"),
    [
        (("addons", "metallb"), {"addresses": ["10.98.0.200-10.98.0.210"]}, [],
         ["  metallb: {addresses: [10.98.0.200-10.98.0.210]}\n"]),
        (("addons", "metrics-server"), {}, ["  metrics-server:\n"], ["  metrics-server: {}\n"]),
        (("addons", "coredns", "replicas"), 5, ["    replicas: 3 # enough\n"], ["    replicas: 5 # enough\n"]),
        (("addons", "coredns", "hosts"), {"10.0.0.5": ["db"]}, [], ["    hosts: {10.0.0.5: [db]}\n"]),
        (("addons", "coredns", "upstream"), ["9.9.9.9"], ["    - 1.1.1.1\n"], []),
        (("addons", "coredns", "upstream"), ["8.8.8.8", "1.1.1.1"], ["    - 9.9.9.9\n"], ["    - 8.8.8.8\n"]),
        (("addons", "dashboard", "kind"), "none-such", [HEADLAMP], [HEADLAMP.replace("headlamp", "none-such")]),
        (("addons", "dashboard", "access"), "token", [HEADLAMP], [HEADLAMP.replace("}", ", access: token}")]),
        (("bundle", "source"), "packages", [], ["bundle:\n", "  source: packages\n"]),
        (("cluster",), "two", [CLUSTER], [CLUSTER.replace("lab", "two")]),
    ],
)  # fmt: skip
def test_a_value_is_put_and_no_other_line_is_touched(
    keys: tuple[str, ...], value: object, gone: list[str], come: list[str]
) -> None:
    changed = put(FILE, keys, value, "cluster.yaml")  # type: ignore[arg-type]
    assert change(FILE, changed) == (gone, come)


def test_what_is_put_once_is_put_for_good() -> None:
    once = put(FILE, ("addons", "metallb"), {"addresses": ["10.98.0.200-10.98.0.210"]}, "c")
    assert put(once, ("addons", "metallb"), {"addresses": ["10.98.0.200-10.98.0.210"]}, "c") == once


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("metrics-server", ["  metrics-server:\n"]),
        ("dashboard", [HEADLAMP]),
        ("coredns", ["  coredns:\n", "    upstream:   # two of them\n", "    - 9.9.9.9\n", "    - 1.1.1.1\n",
                     "    replicas: 3 # enough\n"]),
    ],
)  # fmt: skip
def test_a_key_is_dropped_with_what_is_below_it_and_comments_around_it_stay(name: str, gone: list[str]) -> None:
    assert change(FILE, drop(FILE, ("addons", name), "cluster.yaml")) == (gone, [])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\n", "a: 1\naddons:\n  x: {}\n"),
        ("a: 1", "a: 1\naddons:\n  x: {}\n"),
        ("a: 1\n\n# of b\nb: 2\n", "a: 1\n\n# of b\nb: 2\n\naddons:\n  x: {}\n"),
        ("a: 1\r\nb: 2\r\n", "a: 1\r\nb: 2\r\naddons:\r\n  x: {}\r\n"),
        ("addons:\na: 1\n", "addons:\n  x: {}\na: 1\n"),
        ("addons: # none\n  # y: {}\na: 1\n", "addons: # none\n  x: {}\n  # y: {}\na: 1\n"),
        ("addons: {}\n", "addons: {x: {}}\n"),
        ("addons: {y: {}}\n", "addons: {y: {}, x: {}}\n"),
        ("addons: {\n  y: {},  # first\n}\n", "addons: {\n  y: {}, x: {},  # first\n}\n"),
        ("addons:\n    y:\n        z: 1\n\n\n# end\n", "addons:\n    y:\n        z: 1\n    x: {}\n\n\n# end\n"),
        ("{cluster: lab, nodes: {}}\n", "{cluster: lab, nodes: {}, addons: {x: {}}}\n"),
        ("---\naddons:\n  y: |\n    text\n    more\n...\n", "---\naddons:\n  y: |\n    text\n    more\n  x: {}\n...\n"),
    ],
)
def test_every_layout_takes_one_more_and_gives_it_back(before: str, after: str) -> None:
    assert put(before, ("addons", "x"), {}, "cluster.yaml") == after
    again = drop(after, ("addons", "x"), "cluster.yaml")
    assert (yaml.safe_load(again).get("addons") or {}) == (yaml.safe_load(before).get("addons") or {})
    assert put(again, ("addons", "x"), {}, "cluster.yaml") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("addons: {x: {}, y: 1} # two\n", "addons: {y: 1} # two\n"),
        ("addons: {y: 1, x: {}}\n", "addons: {y: 1}\n"),
        ("addons: {x: {}}\n", "addons: {}\n"),
        ("addons:\n  y: 1\n  x:\n    z: 2", "addons:\n  y: 1\n"),
    ],
)
def test_the_commas_of_a_line_go_with_their_values(before: str, after: str) -> None:
    assert drop(before, ("addons", "x"), "cluster.yaml") == after


@pytest.mark.parametrize(
    "text",
    [
        "base: &base {metrics-server: {}}\naddons: *base\n",
        "base: &base {metrics-server: {}}\naddons: {<<: *base}\n",
        "addons: ~\n",
        "addons: none\n",
    ],
)
def test_a_layout_that_is_beyond_it_is_refused_with_what_to_write(text: str) -> None:
    keys = ("addons", "metrics-server") if "base" in text else ("addons", "x")
    with pytest.raises(InputError) as refused:
        drop(text, keys, "cluster.yaml") if "base" in text else put(text, keys, {}, "cluster.yaml")
    assert refused.value.exit_code == 2
    assert ".".join(keys) in refused.value.remedy or "addons" in refused.value.remedy


@pytest.mark.parametrize("provider", ["podman", "none"])
def test_the_file_of_init_takes_add_ons_and_is_itself_again_afterwards(provider: str) -> None:
    text = template(Wish("lab", 3, 1, provider))  # type: ignore[arg-type]
    changed = put(text, ("addons", "metrics-server"), {}, "c")
    both = put(changed, ("addons", "dashboard"), {"kind": "headlamp"}, "c")
    assert change(text, both) == ([], ["  metrics-server: {}\n", "  dashboard: {kind: headlamp}\n"])
    assert drop(drop(both, ("addons", "metrics-server"), "c"), ("addons", "dashboard"), "c") == text
