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
- name: Write the kubelet's unit
  kprov_files:
    files:
      - {path: /etc/systemd/system/kubelet.service, content: "{{ lookup('template', 'kubelet.service.j2') }}"}
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule


def with_block(text, name, content):
    """The text with its block of this name set to content, appended where it is missing.

    >>> with_block("a\\n", "hosts", "b\\n")
    'a\\n# BEGIN kprov hosts\\nb\\n# END kprov hosts\\n'
    >>> with_block("# BEGIN kprov hosts\\nold\\n# END kprov hosts\\nz\\n", "hosts", "b\\n")
    '# BEGIN kprov hosts\\nb\\n# END kprov hosts\\nz\\n'
    """
    begin, end = "# BEGIN kprov %s" % name, "# END kprov %s" % name
    lines = text.splitlines()
    block = [begin, *content.splitlines(), end]
    if begin in lines and end in lines[lines.index(begin) :]:
        first = lines.index(begin)
        lines[first : lines.index(end, first) + 1] = block
    else:
        lines += block
    return "\n".join(lines) + "\n"


def current(path):
    """Content and permission bits of a file, or (None, None) where there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read(), os.fstat(handle.fileno()).st_mode & 0o7777
    except FileNotFoundError:
        return None, None


def write(path, content, mode):
    """Replace the file in one step; the temporary file is never wider open than the result."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".kprov.", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, mode)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def converge(item, check):
    """Bring one file to its state; return its diff, or None where nothing differs."""
    path, mode = item["path"], int(item["mode"], 8)
    before, before_mode = current(path)
    if item["absent"]:
        if before is None:
            return None
        if not check:
            os.unlink(path)
        return {"before_header": path, "before": before, "after_header": path, "after": ""}
    after = with_block(before or "", item["block"], item["content"]) if item["block"] else item["content"]
    if item["block"] and before_mode is not None:
        mode = before_mode
    if before == after and before_mode == mode:
        return None
    if not check:
        write(path, after, mode)
    return {"before_header": path, "before": before or "", "after_header": path, "after": after}


def main():
    """Run the module."""
    suboptions = {
        "path": {"type": "path", "required": True},
        "content": {"type": "str", "default": ""},
        "mode": {"type": "str", "default": "0644"},
        "block": {"type": "str", "default": ""},
        "absent": {"type": "bool", "default": False},
    }
    module = AnsibleModule(
        argument_spec={"files": {"type": "list", "elements": "dict", "required": True, "options": suboptions}},
        supports_check_mode=True,
    )
    diffs = []
    for item in module.params["files"]:
        try:
            diff = converge(item, module.check_mode)
        except OSError as error:
            module.fail_json(msg="cannot write %s: %s" % (item["path"], error.strerror))
        if diff:
            diffs.append(diff)
    module.exit_json(changed=bool(diffs), paths=[diff["after_header"] for diff in diffs], diff=diffs)


if __name__ == "__main__":
    main()
