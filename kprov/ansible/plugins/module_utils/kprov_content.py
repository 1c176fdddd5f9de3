"""Files of a stated content, for the modules ``kprov_files`` and ``kprov_units``."""

from __future__ import annotations

import os
import tempfile

OPTIONS = {
    "path": {"type": "path", "required": True},
    "content": {"type": "str", "default": ""},
    "mode": {"type": "str", "default": "0644"},
    "block": {"type": "str", "default": ""},
    "absent": {"type": "bool", "default": False},
}
"""What a module takes for each file; see the documentation of ``kprov_files``."""


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


def converge_all(items, check):
    """Bring the files to their state; return their diffs.

    Raises:
        OSError: a file cannot be written; its ``filename`` says which.
    """
    diffs = []
    for item in items:
        try:
            diffs.append(converge(item, check))
        except OSError as error:
            raise OSError(error.errno, error.strerror, item["path"]) from error
    return [diff for diff in diffs if diff]
