"""What can go wrong on the way to a machine, told apart where someone can do something different about it.

::

    UnreachableError
    ├── LoginRefused     the machine answers, and takes neither the key nor the password
    ├── HostKeyUnknown   no key is pinned for the machine yet
    └── HostKeyChanged   it shows another key than the pinned one: nothing was sent to it
    CheckFailed
    └── SudoRefused      the login works, and its user may not become root
    InputError
    └── KeyProtected     our own key has a passphrase that nobody told
"""

from __future__ import annotations

from kprov.errors import CheckFailed, InputError, UnreachableError


class LoginRefused(UnreachableError):
    """The machine answers, and takes neither the key nor the password."""


class HostKeyUnknown(UnreachableError):
    """No key is pinned for the machine yet."""


class HostKeyChanged(UnreachableError):
    """The machine shows another key than the pinned one."""


class SudoRefused(CheckFailed):
    """The login works, and its user may not become root."""


class KeyProtected(InputError):
    """Our own key has a passphrase that nobody told."""
