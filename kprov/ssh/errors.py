"""What can go wrong on the way to a machine, told apart where someone can do something different about it.

::

    UnreachableError
    ├── LoginRefused     the machine answers, and takes neither the key nor the password
    ├── HostKeyUnknown   no key is pinned for the machine yet
    └── HostKeyChanged   it shows another key than the pinned one: nothing was sent to it
"""

from __future__ import annotations

from kprov.errors import UnreachableError


class LoginRefused(UnreachableError):
    """The machine answers, and takes neither the key nor the password."""


class HostKeyUnknown(UnreachableError):
    """No key is pinned for the machine yet."""


class HostKeyChanged(UnreachableError):
    """The machine shows another key than the pinned one."""
