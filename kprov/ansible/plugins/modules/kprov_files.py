#!/usr/bin/python
"""Bring a list of files to a stated content in one task, with check mode and diff."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_files
short_description: Bring a list of files to a stated content in one task
description:
  - Writes each file atomically, only where content or mode differ.
  - With O(files[].block) only a marked block of the file is owned; everything else in it stays as it is.
options:
  files:
    description: The files, each with its whole content.
    type: list
    elements: dict
    required: true
    suboptions:
      path: {description: Absolute path of the file., type: path, required: true}
      content: {description: The whole content., type: str, default: ""}
      mode: {description: Permissions as an octal string., type: str, default: "0644"}
      block: {description: Own only a marked block of the file, with this name., type: str, default: ""}
      absent: {description: Remove the file instead., type: bool, default: false}
author: ["the kprov authors"]
"""

RETURN = r"""
paths: {description: The paths that changed., returned: always, type: list}
"""

EXAMPLES = r"""
- name: Make kubectl comfortable
  kprov_files:
    files:
      - {path: /etc/profile.d/kprov-kubectl.sh, content: "alias k=kubectl"}
"""

from ansible.module_utils import kprov_content
from ansible.module_utils.basic import AnsibleModule


def main():
    """Run the module."""
    files = {"type": "list", "elements": "dict", "required": True, "options": kprov_content.OPTIONS}
    module = AnsibleModule(argument_spec={"files": files}, supports_check_mode=True)
    try:
        diffs = kprov_content.converge_all(module.params["files"], module.check_mode)
    except OSError as error:
        module.fail_json(msg="cannot write %s: %s" % (error.filename, error.strerror))
    module.exit_json(changed=bool(diffs), paths=[diff["after_header"] for diff in diffs], diff=diffs)


if __name__ == "__main__":
    main()
