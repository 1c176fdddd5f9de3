"""Every role says of itself what it does: specification, defaults, README and tasks agree."""

from __future__ import annotations

import json

import pytest

from tests.contract.role import MAGIC, ROLES, names_in

REGISTERED = {name: role.name for role in ROLES for name in role.registered}

every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


@every_role
def test_a_role_has_a_specification_defaults_tasks_and_a_readme(role):
    for name in ("README.md", "meta/argument_specs.yml", "defaults/main.yml", "tasks/main.yml"):
        assert (role.path / name).is_file(), f"{role.name} has no {name}"
    points = {path.stem for path in role.path.glob("tasks/*.yml")}
    assert set(role.entry_points) == points, "every file of tasks/ that a playbook can enter has a specification"


@every_role
def test_the_defaults_are_those_of_the_specification(role):
    optional = {name: option for name, option in role.options.items() if not option.get("required")}
    assert {name: option["default"] for name, option in optional.items()} == role.defaults
    assert [name for name, option in role.options.items() if option.get("required") and "default" in option] == []


@every_role
def test_every_variable_of_a_role_carries_its_prefix(role):
    names = {*role.options, *role.registered}
    assert [name for name in names if not name.startswith((f"{role.name}_", f"__{role.name}_"))] == []


@every_role
def test_no_declared_variable_is_unused(role):
    assert set(role.options) - role.used == set()


@every_role
def test_no_used_variable_is_undeclared(role):
    assert role.used - set(role.options) - set(REGISTERED) == set()


@every_role
def test_no_default_refers_to_another_role(role):
    read = set().union(*(names_in(str(value)) for value in role.defaults.values())) - MAGIC
    assert read <= set(role.options)


def table(role):
    """The README's table of variables: name, type and default of each."""
    cells = [line.split("|") for line in role.readme.splitlines() if line.startswith("| `")]
    return {row[1].strip(" `"): (row[2].strip(), row[3].strip(" `")) for row in cells}


@every_role
def test_the_readme_names_every_variable_with_its_type(role):
    told = {name: kind for name, (kind, _) in table(role).items()}
    assert told == {name: option["type"] for name, option in role.options.items()}


@every_role
def test_the_readme_tells_the_default_of_every_plain_variable(role):
    plain = (str, int, bool)
    defaults = {name: value for name, value in role.defaults.items() if isinstance(value, plain) or not value}
    told = {name: default for name, (_, default) in table(role).items()}
    for name, value in defaults.items():
        if "{{" not in str(value):
            assert told[name] == (json.dumps(value).strip('"') or "empty")
    required = {name for name, option in role.options.items() if option.get("required")}
    assert {name for name, default in told.items() if default == "required"} == required


@every_role
def test_the_readme_names_the_roles_that_must_run_before(role):
    needed = {REGISTERED[name] for name in role.used & set(REGISTERED)} - {role.name}
    before = [line for line in role.readme.splitlines() if line.startswith("Runs after")]
    assert {name for name in needed if not any(f"`{name}`" in line for line in before)} == set()


@every_role
def test_the_readme_shows_a_play(role):
    assert "```yaml\n- " in role.readme
    assert any(f"{mark}{role.name}\n" in role.readme for mark in ("- ", "role: ", "name: "))


@every_role
def test_every_task_of_a_role_is_static(role):
    """So that the number of tasks per host can be counted, and stays what it is."""
    dynamic = ("include_tasks", "include_role", "ansible.builtin.include_tasks", "ansible.builtin.include_role", "loop")
    assert [task["name"] for task in role.tasks if any(word in task for word in dynamic)] == []


@every_role
def test_every_command_says_when_it_changes_something(role):
    commands = [task for task in role.tasks if any(word.endswith((".command", ".shell")) for word in task)]
    assert [task["name"] for task in commands if "changed_when" not in task] == []


@every_role
def test_no_error_is_ignored(role):
    assert [task["name"] for task in role.tasks if task.get("ignore_errors")] == []
