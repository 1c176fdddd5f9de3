"""An inventory as text: INI, YAML, and the JSON that Ansible expects of a dynamic inventory. Same input, same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
import yaml

from kprov.inventory.model import HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kprov.inventory.model import JSON, Inventory, Variables

_WIDTH = 110
"""Longer texts are folded at their spaces: a line has 120 characters at most, by the project's .yamllint."""


def to_ini(inventory: Inventory) -> str:
    r"""The inventory as INI; variables of groups and hosts lie in files beside it.

    >>> from kprov.inventory.model import Host, Inventory
    >>> to_ini(Inventory((Host("m1", "10.0.0.1", "10.0.0.1"),), ())).splitlines()[2:]
    ['[all]', 'm1 ansible_host=10.0.0.1 ip=10.0.0.1']
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - the result is INI, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("hosts.ini.j2").render(inventory=inventory, header=HEADER)


def to_yaml(inventory: Inventory) -> str:
    """The inventory as YAML; variables of groups and hosts lie in files beside it."""
    groups: dict[str, JSON] = {
        group.name: {"children": {child: {} for child in group.children}}
        if group.children
        else {"hosts": {host: {} for host in group.hosts}}
        for group in inventory.groups
    }
    return variables_file({"all": {"hosts": _host_lines(inventory), "children": groups}})


def to_json(inventory: Inventory, variables: Variables) -> str:
    """The answer to ``--list``: complete in itself, with the variables of all groups and hosts."""
    lines = _host_lines(inventory)
    document: dict[str, JSON] = {
        "_meta": {
            "comment": HEADER,
            "hostvars": {name: {**line, **variables.hosts.get(name, {})} for name, line in lines.items()},
        },
        "all": {
            "hosts": list(lines),
            "children": [group.name for group in inventory.groups],
            "vars": variables.group,
        },
    }
    for group in inventory.groups:
        document[group.name] = {"children": group.children} if group.children else {"hosts": group.hosts}
    return json.dumps(document, indent=2, ensure_ascii=False, default=dict) + "\n"


class _Indented(yaml.SafeDumper):
    """Lists are indented below their key, as yamllint's default wants it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 - PyYAML's signature
        super().increase_indent(flow, indentless=False)


def variables_file(values: Mapping[str, JSON]) -> str:
    """A file for ``group_vars/`` or ``host_vars/``, marked as rendered.

    >>> print(variables_file({"pods": "10.244.0.0/16"}), end="")
    # rendered by kprov from cluster.yaml; changes here are lost
    pods: 10.244.0.0/16
    """
    # JSON first: tuples and read-only mappings become what YAML can write, and no alias (&id001) can arise.
    plain = json.loads(json.dumps(values, default=dict))
    body = yaml.dump(plain, Dumper=_Indented, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return f"# {HEADER}\n{body}"


def _host_lines(inventory: Inventory) -> dict[str, dict[str, str]]:
    return {host.name: {"ansible_host": host.ansible_host, "ip": host.ip} for host in inventory.hosts}
