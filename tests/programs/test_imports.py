"""The driver as a program has it: without what tests and Ansible add to the places where modules are found."""

from __future__ import annotations

import subprocess
import sys

IMPORT_ALL = """
import importlib, pkgutil, kprov
for found in pkgutil.walk_packages(kprov.__path__, "kprov."):
    if not found.name.startswith(("kprov.ansible.plugins", "kprov.verify.suites", "kprov.verify.plugin")):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)
            print(found.name)
"""


def test_every_room_can_be_imported():
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "kprov.phases.encryption\n" in done.stdout
