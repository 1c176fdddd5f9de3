#!/usr/bin/python
"""Turn swap off, now and for every later boot, wherever it comes from."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kprov_swap
short_description: Turn swap off, now and for every later boot
description:
  - Turns off every active swap area.
  - Comments out swap in C(/etc/fstab), masks systemd's swap units, and switches off zram generators.
author: ["the kprov authors"]
"""

EXAMPLES = r"""
- name: Turn swap off
  kprov_swap:
"""

RETURN = r"""
actions: {description: What was done., returned: always, type: list}
"""

import os

from ansible.module_utils.basic import AnsibleModule

MARK = "# kprov turned swap off: "
ZRAM_GENERATOR = "/etc/systemd/zram-generator.conf"
ZRAM_SERVICES = ("zramswap.service", "zram-config.service", "zram-swap.service")


def without_swap(fstab):
    """The table with every swap line commented out, so that a person can see what was there.

    >>> without_swap("UUID=1 / ext4 defaults 0 1\\n/swap none swap sw 0 0\\n")
    'UUID=1 / ext4 defaults 0 1\\n# kprov turned swap off: /swap none swap sw 0 0\\n'
    """
    out = []
    for line in fstab.splitlines(keepends=True):
        fields = line.split()
        swap = len(fields) >= 3 and not fields[0].startswith("#") and fields[2] == "swap"
        out.append(MARK + line if swap else line)
    return "".join(out)


def areas(proc_swaps):
    """The active swap areas of ``/proc/swaps``.

    >>> areas("Filename Type Size Used Priority\\n/dev/sda2 partition 1 0 -2\\n")
    ['/dev/sda2']
    """
    return [line.split()[0] for line in proc_swaps.splitlines()[1:] if line.strip()]


def read(path):
    """Content of a file, empty where there is none."""
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return ""


def write(path, text):
    """Replace a file in one step, its permissions kept."""
    mode = os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o644
    temporary = path + ".kprov"
    with open(temporary, "w", encoding="utf-8") as handle:
        handle.write(text)
    os.chmod(temporary, mode)
    os.rename(temporary, path)


def to_mask(units, unit_files):
    """The units to mask: swap units that systemd knows, and zram services that would start.

    Args:
        units: output of ``systemctl list-units --type=swap --all --plain``.
        unit_files: output of ``systemctl list-unit-files`` for the zram services.

    >>> to_mask("dev-sda2.swap loaded active active Swap\\n", "zramswap.service enabled enabled\\n")
    ['dev-sda2.swap', 'zramswap.service']
    """
    swaps = [line.split()[0] for line in units.splitlines() if line.split()[1] not in ("masked", "not-found")]
    zram = [line.split()[0] for line in unit_files.splitlines() if line.split()[1] not in ("masked", "disabled")]
    return swaps + zram


def main():
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    quiet = ["--no-legend", "--no-pager"]
    units = module.run_command(["systemctl", "list-units", "--type=swap", "--all", "--plain", *quiet], check_rc=True)[1]
    files = module.run_command(["systemctl", "list-unit-files", *quiet, *ZRAM_SERVICES])[1]
    commands = [["swapoff", area] for area in areas(read("/proc/swaps"))]
    commands += [["systemctl", "mask", "--now", unit] for unit in to_mask(units, files)]
    fstab = read("/etc/fstab")
    texts = {"/etc/fstab": without_swap(fstab)} if without_swap(fstab) != fstab else {}
    # An empty file in /etc shadows the vendor's defaults of the zram generator.
    vendor = any(os.path.exists(folder + "/systemd/zram-generator.conf") for folder in ("/usr/lib", "/lib", "/etc"))
    if vendor and (not os.path.exists(ZRAM_GENERATOR) or read(ZRAM_GENERATOR).strip()):
        texts[ZRAM_GENERATOR] = ""
    if not module.check_mode:
        for command in commands:
            module.run_command(command, check_rc=True)
        for path, text in texts.items():
            write(path, text)
    actions = [" ".join(command) for command in commands] + ["write " + path for path in texts]
    module.exit_json(changed=bool(actions), actions=actions)


if __name__ == "__main__":
    main()
