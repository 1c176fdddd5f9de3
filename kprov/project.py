"""Where the playbooks and roles are: in the checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def ansible_home() -> Path:
    """The folder with ``ansible.cfg``, ``Vagrantfile``, ``playbooks/`` and ``roles/``.

    A checkout has them at its top; a wheel carries them in ``kprov/share``.
    """
    checkout = _PACKAGE.parent
    return checkout if (checkout / "playbooks").is_dir() else _PACKAGE / "share"


def plugins() -> Path:
    """The folder of kprov's own Ansible plugins and modules."""
    return _PACKAGE / "ansible" / "plugins"
