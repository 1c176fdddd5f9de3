#!/usr/bin/python
"""Load kernel modules and set kernel parameters, now and for every later boot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_kernel
short_description: Load kernel modules and set kernel parameters, now and for every later boot
description:
  - A module that is built into the kernel, or is loaded already, is left alone.
  - Parameters are set in the running kernel where they differ, and written to C(/etc/sysctl.d).
options:
  modules: {description: Modules to load., type: list, elements: str, default: []}
  sysctls: {description: Kernel parameters and their values., type: dict, default: {}}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Prepare the kernel
  kprov_kernel:
    modules: [overlay, br_netfilter]
    sysctls: {net.ipv4.ip_forward: "1"}
"""

RETURN = r"""
actions: {description: What was done., returned: always, type: list}
"""

import os

from ansible.module_utils.basic import AnsibleModule

MODULES_FILE = "/etc/modules-load.d/kprov.conf"
SYSCTL_FILE = "/etc/sysctl.d/99-kprov.conf"
HEADER = "# written by kprov; changes here are lost"


def available(name, release=None, root="/"):
    """Whether the running kernel has the module now: loaded, or built in."""
    plain = name.replace("-", "_")
    if os.path.isdir(os.path.join(root, "sys/module", plain)):
        return True
    builtin = os.path.join(root, "lib/modules", release or os.uname().release, "modules.builtin")
    if not os.path.exists(builtin):
        return False
    with open(builtin, encoding="utf-8") as handle:
        return any(os.path.basename(line.strip()).split(".")[0].replace("-", "_") == plain for line in handle)


def provided(name):
    """Whether a feature that has no module entry is there all the same: a monolithic kernel shows it elsewhere.

    The bridge filter shows as its parameters, overlay as a file system.
    """
    if name == "br_netfilter":
        return os.path.exists("/proc/sys/net/bridge/bridge-nf-call-iptables")
    with open("/proc/filesystems", encoding="utf-8") as handle:
        return any(line.split()[-1:] == [name] for line in handle)


def parameter_path(name, root="/proc/sys"):
    """The file of a kernel parameter.

    >>> parameter_path("net.ipv4.ip_forward")
    '/proc/sys/net/ipv4/ip_forward'
    """
    return os.path.join(root, *name.split("."))


def read(path):
    """Content of a file without the last newline, or None where there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read().rstrip("\n")
    except FileNotFoundError:
        return None


def persist(path, lines, check):
    """Write the file if its content differs; return whether it did."""
    wanted = "\n".join([HEADER, *lines])
    if read(path) == wanted or (not lines and read(path) is None):
        return False
    if not check:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        temporary = path + ".kprov"
        with open(temporary, "w", encoding="utf-8") as handle:
            handle.write(wanted + "\n")
        os.chmod(temporary, 0o644)
        os.rename(temporary, path)
    return True


def load_modules(module, names):
    """Load what is missing; return what was done."""
    actions = []
    for name in names:
        if available(name) or provided(name):
            continue
        actions.append("modprobe %s" % name)
        if not module.check_mode:
            code, _, err = module.run_command(["modprobe", name])
            if code:
                module.fail_json(msg="the kernel has no module %s: %s" % (name, err.strip()))
    return actions


def set_parameters(module, wanted):
    """Set the kernel parameters that differ; return what was done."""
    actions = []
    for name, value in sorted(wanted.items()):
        path, now = parameter_path(name), read(parameter_path(name))
        if now is None and not module.check_mode:
            module.fail_json(msg="the kernel has no parameter %s" % name)
        if now is not None and now.split() != str(value).split():
            actions.append("%s: %s -> %s" % (name, now, value))
            if not module.check_mode:
                with open(path, "w", encoding="utf-8") as handle:
                    handle.write(str(value))
    return actions


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "modules": {"type": "list", "elements": "str", "default": []},
            "sysctls": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    modules, sysctls = module.params["modules"], module.params["sysctls"]
    actions = load_modules(module, modules) + set_parameters(module, sysctls)
    if persist(MODULES_FILE, modules, module.check_mode):
        actions.append("write %s" % MODULES_FILE)
    if persist(SYSCTL_FILE, ["%s = %s" % item for item in sorted(sysctls.items())], module.check_mode):
        actions.append("write %s" % SYSCTL_FILE)
    module.exit_json(changed=bool(actions), actions=actions)


if __name__ == "__main__":
    main()
