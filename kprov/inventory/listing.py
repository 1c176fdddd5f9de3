"""Reads an inventory that a person wrote, INI or YAML, through Ansible: its ranges, quoting, nesting, group_vars."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict

from kprov.errors import InputError

if TYPE_CHECKING:
    from kprov.inventory.model import JSON

CONFIG = Path(__file__).with_name("ansible.cfg")
"""The settings of Ansible by which inventories are read, whatever the user's own say."""

_TIMEOUT_S = 120.0
"""A static file takes half a second; a range of a million hosts should not hang the command."""

_NAMES_ANOTHER = re.compile(r"\{\{\s*(\w+)\s*\}\}")

HostVars: TypeAlias = Mapping[str, "JSON"]


class _Group(TypedDict, total=False):
    hosts: list[str]
    children: list[str]
    hostvars: dict[str, dict[str, JSON]]


@dataclass(frozen=True, slots=True)
class Listing:
    """An inventory as Ansible understands it.

    ``groups`` holds every group that is not empty with all its hosts, those of its children included, in order.
    ``variables`` holds for every host all that applies to it, with Ansible's own precedence.
    """

    file: Path
    groups: Mapping[str, tuple[str, ...]]
    variables: Mapping[str, HostVars]

    def line_of(self, name: str) -> int:
        """The line, from 1, that begins with this name; 0 if none does (a range, another file)."""
        for number, line in enumerate(self.file.read_text(errors="replace").splitlines(), 1):
            if re.match(rf"\s*['\"]?{re.escape(name)}['\"]?(?![\w.-])", line):
                return number
        return 0


def read(file: Path) -> Listing:
    """Read an inventory and the ``group_vars/`` and ``host_vars/`` beside it; a script is refused, nothing is run.

    Raises:
        InputError: the file is missing, unreadable, a folder, a script or no inventory.
    """
    _check(file)
    return parse(file, _ansible_inventory(file))


def parse(file: Path, text: str) -> Listing:
    """What ``ansible-inventory --list`` printed, as data.

    >>> text = '{"_meta": {"hostvars": {}}, "k8s": {"children": ["etcd"]}, "etcd": {"hosts": ["m1"]}}'
    >>> parse(Path("hosts.ini"), text).groups
    {'k8s': ('m1',), 'etcd': ('m1',)}
    """
    document: dict[str, _Group] = json.loads(text, object_hook=_plain)
    variables = document.pop("_meta")["hostvars"]
    groups = {name: tuple(dict.fromkeys(_members(document, name))) for name in document if name != "all"}
    hosts = dict.fromkeys(host for members in groups.values() for host in members)
    return Listing(file, groups, {host: _followed(variables.get(host, {})) for host in hosts})


def _members(document: Mapping[str, _Group], name: str) -> list[str]:
    group = document.get(name, {})  # an empty group is named by its parent only
    return [
        *group.get("hosts", ()),
        *(host for child in group.get("children", ()) for host in _members(document, child)),
    ]


def _followed(variables: HostVars) -> HostVars:
    """The variables, with those that only name another one replaced by its value; other templates stay as they are.

    >>> _followed({"ip": "10.0.0.1", "access_ip": "{{ ip }}", "loop": "{{ loop }}"})
    {'ip': '10.0.0.1', 'access_ip': '10.0.0.1', 'loop': '{{ loop }}'}
    """

    def follow(value: JSON, seen: frozenset[str]) -> JSON:
        match = _NAMES_ANOTHER.fullmatch(value) if isinstance(value, str) else None
        if match is None or match[1] in seen or match[1] not in variables:
            return value
        return follow(variables[match[1]], seen | {match[1]})

    return {name: follow(value, frozenset()) for name, value in variables.items()}


def _plain(value: dict[str, object]) -> object:
    """Ansible wraps a value tagged ``!unsafe``; it is the text itself that counts."""
    return value["__ansible_unsafe"] if value.keys() == {"__ansible_unsafe"} else value


def _check(file: Path) -> None:
    if file.is_dir():
        raise InputError(
            "the inventory is a folder", where=str(file), remedy="Name the file in it: hosts.ini or hosts.yaml."
        )
    try:
        with file.open("rb") as opened:
            is_script = opened.read(2) == b"#!"
    except OSError as error:
        raise InputError(
            "cannot read the inventory",
            where=str(file),
            why=error.strerror or str(error),
            remedy="Check the path and its permissions.",
        ) from error
    if is_script:
        raise InputError(
            "the inventory is a script",
            where=str(file),
            why="kprov runs nothing that it imports",
            remedy=f"Import what it says: ansible-inventory -i {file} --list --yaml --output hosts.yaml",
        )


def _ansible_inventory(file: Path) -> str:
    """The inventory as JSON, by a process with an environment, a configuration and a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="kprov-inventory-") as scratch:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": scratch,
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": scratch,
            "ANSIBLE_CONFIG": str(CONFIG),
        }
        # -P: no module is imported from the folder where it runs.
        command = [sys.executable, "-P", "-m", "ansible", "inventory", "--list", "--inventory", str(file.resolve())]
        try:
            done = subprocess.run(
                command, cwd=scratch, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(
                "the inventory is too large",
                where=str(file),
                why=f"Ansible did not read it within {_TIMEOUT_S:.0f} s",
                remedy="Look at its ranges.",
            ) from error
    if done.returncode:
        raise InputError(
            "Ansible cannot read the inventory",
            where=str(file),
            why=_reason(done.stderr, is_yaml=file.suffix in {".yaml", ".yml", ".json"}),
            remedy="Mend it until ansible-inventory --list shows it; leave encrypted files out.",
        )
    return done.stdout


def _reason(stderr: str, *, is_yaml: bool) -> str:
    """Of all that Ansible says, what the parser of this kind of file says, else the last error.

    >>> _reason("[WARNING]: Failed to parse inventory with 'ini' plugin: no key\\n[ERROR]: failed", is_yaml=False)
    'no key'
    """
    plugin = "yaml" if is_yaml else "ini"
    by_parser = re.search(rf"with '{plugin}' plugin: (?:Failed to parse inventory: )?(.+)", stderr)
    errors = re.findall(r"\[?ERROR\]?: (.+)", stderr)
    return by_parser[1] if by_parser else errors[-1] if errors else stderr.strip()
