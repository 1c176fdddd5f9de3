"""One role as the contract tests read it: its files, its declared variables, and the variables that it uses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
import jinja2.nodes
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXPRESSIONS = {"when", "changed_when", "failed_when", "until", "that"}
"""Keywords of a task whose value is an expression without braces."""
MAGIC = {"inventory_hostname", "hostvars", "groups", "omit", "lookup", "playbook_dir", "role_path"}
"""What Ansible itself gives to every template."""


@dataclass(frozen=True, slots=True)
class Role:
    """A folder of ``roles/``."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def entry_points(self) -> dict[str, dict]:
        return _yaml(self.path / "meta/argument_specs.yml")["argument_specs"]

    @property
    def options(self) -> dict[str, dict]:
        """The options of all entry points."""
        return {name: option for entry in self.entry_points.values() for name, option in entry["options"].items()}

    @property
    def defaults(self) -> dict[str, object]:
        return _yaml(self.path / "defaults/main.yml") or {}

    @property
    def readme(self) -> str:
        return (self.path / "README.md").read_text(encoding="utf-8")

    @property
    def tasks(self) -> list[dict]:
        return [task for folder in ("tasks", "handlers") for task in _tasks(self.path / folder)]

    @property
    def registered(self) -> set[str]:
        return {task["register"] for task in self.tasks if "register" in task}

    @property
    def used(self) -> set[str]:
        """Every variable that a task, a template or a default reads."""
        templates = [path.read_text(encoding="utf-8") for path in sorted(self.path.glob("templates/*"))]
        texts = [*templates, *_strings(self.tasks), *_strings(self.defaults)]
        return set().union(*(names_in(text) for text in texts)) - MAGIC


ROLES = [Role(path) for path in sorted((ROOT / "roles").iterdir()) if path.is_dir()]


@cache
def names_in(template: str) -> set[str]:
    """The variables that a template reads and does not set itself."""
    names = list(jinja2.Environment(autoescape=True).parse(template).find_all(jinja2.nodes.Name))
    return {name.name for name in names if name.ctx == "load"} - {name.name for name in names if name.ctx == "store"}


@cache
def _yaml(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _tasks(folder):
    for path in sorted(folder.glob("*.yml")):
        for task in _yaml(path):
            yield task
            for block in ("block", "rescue", "always"):
                yield from task.get(block, [])


def _strings(value, key=""):
    """Every template below a value; the expression of a condition is given its braces."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _strings(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, key)
    elif isinstance(value, str):
        yield f"{{{{ {value} }}}}" if key in EXPRESSIONS else value
