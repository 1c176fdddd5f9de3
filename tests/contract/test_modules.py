"""Every module of the project is used, and documents the arguments that it takes."""

from __future__ import annotations

import ast
import importlib
import sys

import pytest
import yaml

from kprov import project
from tests.contract.role import ROLES

PLUGINS = sorted(project.plugins().glob("*/*.py"))
MODULES = sorted((project.plugins() / "modules").glob("*.py"))

every_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)


class AskedError(Exception):
    """Raised in the place of ``AnsibleModule`` with the arguments that the module asks for."""


def load(path):
    return importlib.import_module(f"kprov.ansible.plugins.modules.{path.stem}")


def argument_spec(module, monkeypatch):
    def ask(argument_spec, supports_check_mode=False):
        raise AskedError(argument_spec, supports_check_mode)

    monkeypatch.setattr(module, "AnsibleModule", ask)
    with pytest.raises(AskedError) as asked:
        module.main()
    return asked.value.args


def asked(options):
    """What the code takes, in the words of the documentation."""
    return {
        name: {
            "type": option.get("type", "str"),
            "required": option.get("required", False),
            "default": option.get("default"),
            "choices": option.get("choices"),
            "elements": option.get("elements"),
            "suboptions": asked(option.get("options", {})),
        }
        for name, option in options.items()
    }


def documented(options):
    """What the documentation says, in the same words."""
    keys = ("type", "default", "choices", "elements")
    return {
        name: {
            **{key: option.get(key) for key in keys},
            "required": option.get("required", False),
            "suboptions": documented(option.get("suboptions", {})),
        }
        for name, option in options.items()
    }


@every_module
def test_a_module_documents_the_arguments_that_it_takes(path, monkeypatch):
    module = load(path)
    options, check_mode = argument_spec(module, monkeypatch)
    words = yaml.safe_load(module.DOCUMENTATION)
    assert words["module"] == path.stem
    assert documented(words.get("options", {})) == asked(options)
    assert check_mode, f"{path.stem} has no check mode"


@every_module
def test_a_modules_example_is_a_task_that_it_would_take(path, monkeypatch):
    module = load(path)
    options, _ = argument_spec(module, monkeypatch)
    assert isinstance(yaml.safe_load(module.RETURN), dict)
    for task in yaml.safe_load(module.EXAMPLES):
        given = task[path.stem] or {}
        needed = {name for name, option in options.items() if option.get("required")}
        assert needed <= set(given) <= set(options)


@every_module
def test_a_module_is_used_by_a_role(path):
    assert [role.name for role in ROLES if any(path.stem in task for task in role.tasks)]


@pytest.mark.parametrize("path", PLUGINS, ids=lambda path: path.stem)
def test_a_plugin_is_written_for_the_oldest_python_on_nodes(path):
    """Nodes may run Python 3.8; ``ast`` refuses the syntax that came later."""
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert names.isdisjoint({"removeprefix", "removesuffix"}), "str has these from Python 3.9 on"


@every_module
def test_a_module_runs_on_a_node_without_kprov(path):
    """It is copied to the node alone: nothing but the standard library and Ansible's own helpers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported <= {"ansible", *sys.stdlib_module_names}
