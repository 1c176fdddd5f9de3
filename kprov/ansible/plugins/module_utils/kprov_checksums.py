"""Checksums of files on the node, remembered for as long as a file stays the very same."""

from __future__ import annotations

import hashlib
import json
import os

CHUNK = 1 << 20


def digest(path):
    """The sha256 of a file as hex, or an empty string where there is none."""
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as handle:
            for chunk in iter(lambda: handle.read(CHUNK), b""):
                sha.update(chunk)
    except FileNotFoundError:
        return ""
    return sha.hexdigest()


class Checksums:
    """Checksums by path: reading 200 MB on every node again costs more than all else that a run without changes does.

    A file whose inode, size, and times of change are as they were is as it was: whoever writes to it changes its ctime,
    which no program can set.

    Args:
        path: where they are kept.
    """

    def __init__(self, path):
        self._path = path
        try:
            with open(path, encoding="utf-8") as handle:
                self._kept = json.load(handle)
        except (OSError, ValueError):
            self._kept = {}
        self._known = dict(self._kept)

    def of(self, path):
        """The sha256 of a file as hex, or an empty string where there is none."""
        kept = self._known.get(path)
        if kept and kept["identity"] == identity(path):
            return kept["sha256"]
        return self.learn(path, digest(path))

    def learn(self, path, sha256):
        """Remember the checksum of a file that was just read or put in its place; return it."""
        if sha256:
            self._known[path] = {"identity": identity(path), "sha256": sha256}
        return sha256

    def keep(self):
        """Write down what was learnt; without room for it, the files are read again next time."""
        if self._known == self._kept:
            return
        draft = self._path + ".new"
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(draft, "w", encoding="utf-8") as out:
                json.dump(self._known, out)
            os.rename(draft, self._path)
        except OSError:
            pass


def identity(path):
    """What changes with every write to a file; None where there is none."""
    try:
        seen = os.stat(path)
    except FileNotFoundError:
        return None
    return [seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]
