#!/usr/bin/python
"""Have the standard CNI plugins in the folder in which a network expects them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_cni_plugins
short_description: Have the standard CNI plugins where a network expects them
description:
  - Copies the plugins that the distribution has installed to the folder in which containerd looks for them, and into
    which networks put their own. A plugin that is there already is left alone - a network may have brought its own.
options:
  source: {description: The folder of the distribution., type: path, required: true}
  target: {description: The folder in which containerd looks., type: path, required: true}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Have the CNI plugins
  kprov_cni_plugins:
    source: /usr/lib/cni
    target: /opt/cni/bin
"""

RETURN = r"""
copied: {description: The plugins that were missing., returned: always, type: list}
"""

import os
import shutil

from ansible.module_utils.basic import AnsibleModule


def missing(source, target):
    """The plugins of one folder that the other lacks, sorted."""
    present = set(os.listdir(target)) if os.path.isdir(target) else set()
    return sorted(set(os.listdir(source)) - present)


def copy(source, target):
    """Copy a program in one step: it is whole, or not there."""
    shutil.copy2(source, target + ".kprov")
    os.rename(target + ".kprov", target)


def main():
    """Run the module."""
    spec = {"source": {"type": "path", "required": True}, "target": {"type": "path", "required": True}}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    source, target = module.params["source"], module.params["target"]
    if not os.path.isdir(source):
        if module.check_mode:
            module.exit_json(changed=True, copied=[])
        module.fail_json(msg="%s is missing: install the package containernetworking-plugins" % source)
    names = missing(source, target)
    if not module.check_mode:
        os.makedirs(target, exist_ok=True)
        for name in names:
            copy(os.path.join(source, name), os.path.join(target, name))
    module.exit_json(changed=bool(names), copied=names)


if __name__ == "__main__":
    main()
