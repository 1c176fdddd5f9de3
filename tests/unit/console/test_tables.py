"""Tables for people, JSON for programs."""

import json
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from kprov.console.tables import Column, print_json, print_table, table
from kprov.report.model import NodeRow

COLUMNS = (Column("node"), Column("address"), Column("roles", spare=1), Column("system", spare=2))
ROWS = [("m1", "10.0.0.11", "control-plane, etcd", "Debian GNU/Linux 12"), ("w101-k8s", "10.0.0.101", "worker", "")]


def test_columns_are_aligned(paper: Any) -> None:
    head, first, second = paper(80).show(table(COLUMNS, ROWS, 80)).lines
    for title, a, b in (("ADDRESS", "10.0.0.11", "10.0.0.101"), ("ROLES", "control-plane", "worker")):
        assert head.index(title) == first.index(a) == second.index(b)


@pytest.mark.parametrize(
    ("width", "titles"),
    [(80, "NODE ADDRESS ROLES SYSTEM"), (45, "NODE ADDRESS ROLES"), (30, "NODE ADDRESS"), (10, "NODE ADDRESS")],
)
def test_narrow_terminals_lose_spare_columns_first(width: int, titles: str, paper: Any) -> None:
    made = table(COLUMNS, ROWS, width)
    assert " ".join(str(column.header) for column in made.columns) == titles


def test_a_pipe_gets_every_column_on_one_line(paper: Any) -> None:
    page = paper(40, tty=False)
    print_table(COLUMNS, ROWS, console=page.console)
    assert page.lines[1].split("  ")[-1] == "Debian GNU/Linux 12"
    assert len(page.lines) == 3


def test_json_takes_what_the_project_is_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    node = NodeRow("m1", "10.0.0.11", ("worker",), ready=True, version="v1.20.2")
    print_json(
        {"node": node, "path": Path("a/b"), "address": IPv4Address("10.0.0.1"), "set": {"b", "a"}, "long": "x" * 300}
    )
    data = json.loads(capsys.readouterr().out)
    assert data["node"]["roles"] == ["worker"]
    assert (data["path"], data["address"], data["set"], len(data["long"])) == ("a/b", "10.0.0.1", ["a", "b"], 300)
