"""Ansible's ranges in names and addresses: ``w[101:106]-k8s``, ``[01:10]``, ``[1:9:2]``, ``[a:c]``.

What expands here expands to the same in Ansible (``expand_hostname_range`` of its inventory plugins, ansible-core
2.19). Where Ansible silently makes nothing (an end before its begin) or has a traceback, this refuses with words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address
from itertools import product
from math import prod
from string import ascii_letters

MAX_NODES = 5000
"""Names that one file may make: the largest cluster that Kubernetes supports (Considerations for large clusters)."""

_RANGE = re.compile(r"\[([^\[\]]*)\]")
_NUMBER = re.compile(r"[0-9]{1,9}")


class RangeError(ValueError):
    """A range that cannot be expanded: what is ``wrong`` with it, as a predicate, and what would be ``right``."""

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"{wrong}. {right}")
        self.wrong = wrong
        self.right = right


def has_range(text: str) -> bool:
    """Whether there is anything to expand.

    >>> has_range("w[1:3]"), has_range("w1")
    (True, False)
    """
    return "[" in text or "]" in text


def size(text: str) -> int:
    """How many names a text makes, without making them.

    >>> size("w[101:106]-k8s"), size("rack[a:c]-[01:10]"), size("w1")
    (6, 30, 1)

    Raises:
        RangeError: a range is malformed.
    """
    return prod(len(each.numbers) for each in _ranges(text))


def expand(text: str, limit: int = MAX_NODES) -> tuple[str, ...]:
    """All names of a text, the leftmost range changing last.

    >>> expand("w[08:10]")
    ('w08', 'w09', 'w10')
    >>> expand("10.0.[1:3:2].[a:b]")
    ('10.0.1.a', '10.0.1.b', '10.0.3.a', '10.0.3.b')
    >>> expand("w1")
    ('w1',)

    Raises:
        RangeError: a range is malformed, or there are more names than ``limit``.
    """
    total = size(text)
    if total > limit:
        left = f", and {limit} are left" if limit < MAX_NODES else ""
        raise RangeError(f"makes {total} names{left}", f"A cluster file may have {MAX_NODES} nodes at most.")
    pieces = _RANGE.split(text)[::2]
    return tuple(
        pieces[0] + "".join(value + piece for value, piece in zip(chosen, pieces[1:], strict=True))
        for chosen in product(*(each.texts() for each in _ranges(text)))
    )


@dataclass(frozen=True, slots=True)
class _Range:
    """One range: numbers, or indices of letters; ``width`` is that of numbers padded with zeros."""

    numbers: range
    letters: bool = False
    width: int = 0

    def texts(self) -> list[str]:
        return [ascii_letters[n] if self.letters else str(n).zfill(self.width) for n in self.numbers]


def _ranges(text: str) -> list[_Range]:
    if has_range(_RANGE.sub("", text)):
        raise RangeError("has a bracket without its partner", "Write a range as [first:last]: w[1:3].")
    return [_parse(match.group(1)) for match in _RANGE.finditer(text)]


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _parse(inside: str) -> _Range:
    """The range between two brackets.

    >>> _parse("08:10")
    _Range(numbers=range(8, 11), letters=False, width=2)
    """
    if _is_ipv6(inside):
        raise RangeError(f"has [{inside}], and brackets are for ranges", f"Write an IPv6 address alone: {inside}.")
    first, last, step, more = [*inside.split(":", 3), "", "", ""][:4]
    if not last or more or inside.endswith(":"):
        raise RangeError(f"has [{inside}], which is no range", "Write [first:last] or [first:last:step]: w[1:3].")
    first, step = first or "0", step or "1"
    if not _NUMBER.fullmatch(step) or int(step) == 0:
        raise RangeError(f"has [{inside}], whose step is no number above 0", "Write a step as in [1:9:2].")
    letters = len(first) == len(last) == 1 and first in ascii_letters and last in ascii_letters
    if not letters and not (_NUMBER.fullmatch(first) and _NUMBER.fullmatch(last)):
        wrong = f"has [{inside}], which goes neither from number to number nor from letter to letter"
        raise RangeError(wrong, "Write two numbers of at most nine digits, [1:10], or two letters, [a:c].")
    padded = first[0] == "0" and len(first) > 1
    if padded and len(first) != len(last):
        right = f"Pad both alike: [{first.zfill(len(last))}:{last.zfill(len(first))}]."
        raise RangeError(f"has [{inside}], padded with zeros on one side only", right)
    start, stop = (ascii_letters.index(first), ascii_letters.index(last)) if letters else (int(first), int(last))
    if start > stop:
        raise RangeError(f"has [{inside}], which ends before it begins", f"Write [{last}:{first}].")
    return _Range(range(start, stop + 1, int(step)), letters, len(first) if padded else 0)
