#!/usr/bin/python
"""On a control plane: have objects in the cluster as they are stated, with check mode."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_manifests
short_description: Have objects in the cluster as they are stated
description:
  - Applies objects with kubectl as the cluster's admin; what is there already as stated is left alone.
options:
  manifests: {description: The objects., type: list, elements: dict, required: true}
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Have a namespace
  kprov_manifests:
    manifests:
      - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
"""

RETURN = r"""
objects: {description: "What kubectl says of each object.", returned: always, type: list}
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule

ADMIN = "/etc/kubernetes/admin.conf"
APPLY = ["/usr/local/bin/kubectl", "--kubeconfig", ADMIN, "apply", "-f", "-"]


def differs(line):
    """Whether a line of kubectl's tells of a change.

    >>> differs("namespace/shop unchanged"), differs("namespace/shop created (server dry run)")
    (False, True)
    """
    return " unchanged" not in line


def main():
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"manifests": {"type": "list", "elements": "dict", "required": True}}, supports_check_mode=True
    )
    manifests = module.params["manifests"]
    if not manifests:
        module.exit_json(changed=False, objects=[])
    if module.check_mode and not os.path.exists(ADMIN):
        module.exit_json(changed=True, objects=[])
    wanted = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    code, out, err = module.run_command([*APPLY, *(["--dry-run=server"] if module.check_mode else [])], data=wanted)
    if code:
        module.fail_json(msg="kubectl apply: %s" % err.strip())
    objects = out.splitlines()
    module.exit_json(changed=any(differs(line) for line in objects), objects=objects)


if __name__ == "__main__":
    main()
