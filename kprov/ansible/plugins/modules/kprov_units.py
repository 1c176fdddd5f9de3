#!/usr/bin/python
"""Bring systemd units and the files that they are made of to a stated state in one task, with check mode."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_units
short_description: Bring systemd units and their files to a stated state in one task
description:
  - Writes the files first, as M(kprov_files) does.
  - Enables and starts units, and restarts a unit that runs since before its configuration was last written.
  - So a run that was interrupted between a file and its restart is mended by the next one.
options:
  files:
    description: The files that the units are made of, or read; see M(kprov_files).
    type: list
    elements: dict
    default: []
    suboptions:
      path: {description: Absolute path of the file., type: path, required: true}
      content: {description: The whole content., type: str, default: ""}
      mode: {description: Permissions as an octal string., type: str, default: "0644"}
      block: {description: Own only a marked block of the file, with this name., type: str, default: ""}
      absent: {description: Remove the file instead., type: bool, default: false}
  units:
    description: The units, in the order in which they are handled.
    type: list
    elements: dict
    required: true
    suboptions:
      name: {description: Name with suffix., type: str, required: true}
      enabled: {description: Whether it starts at boot., type: bool, default: true}
      started: {description: Whether it runs now; absent means as it is., type: bool}
      config: {description: Files that the unit reads when it starts., type: list, elements: path, default: []}
      replaced:
        description: Whether an earlier task has just replaced what it runs; in check mode, its files do not tell yet.
        type: bool
        default: false
      optional: {description: Pass over the unit where it does not exist or is masked., type: bool, default: false}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Run containerd
  kprov_units:
    files:
      - {path: /etc/containerd/config.toml, content: "{{ lookup('kprov_template', 'config.toml.j2') }}"}
    units:
      - {name: containerd.service, started: true, config: [/etc/containerd/config.toml]}
"""

RETURN = r"""
actions: {description: "What was done, as systemctl verbs and units.", returned: always, type: list}
paths: {description: The files that changed., returned: always, type: list}
"""

import os
import time

from ansible.module_utils import kprov_content
from ansible.module_utils.basic import AnsibleModule

PROPERTIES = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,ActiveEnterTimestampMonotonic"


def parse(text):
    """The property blocks of ``systemctl show``, by unit.

    >>> parse("Id=a.service\\nActiveState=active\\n\\nId=b.service\\n")["a.service"]["ActiveState"]
    'active'
    """
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def newest(paths):
    """Wall-clock time of the newest change among the files that exist, in seconds; 0 without any."""
    return max([os.stat(path).st_mtime for path in paths if os.path.exists(path)], default=0.0)


def plan(unit, seen, config_time, boot_time):
    """The systemctl verbs that bring one unit to its state.

    Args:
        unit: what is wanted.
        seen: its properties from ``systemctl show``.
        config_time: when its configuration was last written, seconds since the epoch.
        boot_time: when the monotonic clock was zero, seconds since the epoch.

    >>> plan({"enabled": True, "started": True}, {"ActiveState": "inactive", "UnitFileState": "disabled"}, 0, 0)
    ['enable', 'start']
    """
    verbs = []
    enabled = seen.get("UnitFileState") in ("enabled", "static", "indirect", "generated", "alias", "enabled-runtime")
    if unit["enabled"] and not enabled:
        verbs.append("enable")
    if not unit["enabled"] and seen.get("UnitFileState") in ("enabled", "enabled-runtime"):
        verbs.append("disable")
    active = seen.get("ActiveState") in ("active", "activating", "reloading")
    if unit.get("started") is True:
        since = boot_time + int(seen.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
        if not active:
            verbs.append("start")
        elif config_time > since or unit.get("replaced"):
            verbs.append("restart")
    elif unit.get("started") is False and active:
        verbs.append("stop")
    return verbs


def main():
    """Run the module."""
    suboptions = {
        "name": {"type": "str", "required": True},
        "enabled": {"type": "bool", "default": True},
        "started": {"type": "bool"},
        "config": {"type": "list", "elements": "path", "default": []},
        "replaced": {"type": "bool", "default": False},
        "optional": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "list", "elements": "dict", "default": [], "options": kprov_content.OPTIONS},
            "units": {"type": "list", "elements": "dict", "required": True, "options": suboptions},
        },
        supports_check_mode=True,
    )
    try:
        diffs = kprov_content.converge_all(module.params["files"], module.check_mode)
    except OSError as error:
        module.fail_json(msg="cannot write %s: %s" % (error.filename, error.strerror))
    paths = [diff["after_header"] for diff in diffs]
    names = [unit["name"] for unit in module.params["units"]]
    show = ["systemctl", "show", "--property", PROPERTIES, *names]
    seen = parse(module.run_command(show, check_rc=True)[1])
    if any(block.get("NeedDaemonReload") == "yes" for block in seen.values()) and not module.check_mode:
        module.run_command(["systemctl", "daemon-reload"], check_rc=True)
        seen = parse(module.run_command(show, check_rc=True)[1])
    boot_time = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    actions = []
    for unit in module.params["units"]:
        name = unit["name"]
        state = seen.get(name, {"LoadState": "not-found"})
        if unit["optional"] and state["LoadState"] in ("not-found", "masked"):
            continue
        if state["LoadState"] == "not-found":
            if module.check_mode:
                continue
            module.fail_json(msg="there is no unit %s" % name)
        written = module.check_mode and not set(paths).isdisjoint(unit["config"])
        wanted = {**unit, "replaced": unit["replaced"] or written}
        for verb in plan(wanted, state, newest(unit["config"]), boot_time):
            actions.append("%s %s" % (verb, name))
            if module.check_mode:
                continue
            code, _, err = module.run_command(["systemctl", verb, name])
            if code:
                log = module.run_command(["journalctl", "--no-pager", "-n", "15", "-o", "cat", "-u", name])[1]
                module.fail_json(msg="systemctl %s %s: %s" % (verb, name, err.strip()), log=log)
    module.exit_json(changed=bool(actions or paths), actions=actions, paths=paths, diff=diffs)


if __name__ == "__main__":
    main()
