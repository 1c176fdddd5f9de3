"""When the certificates of a node end, read from the public parts that the node sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509

if TYPE_CHECKING:
    from datetime import datetime

LEAST_DAYS: Final = 30
"""kubeadm's certificates live a year, the kubelet renews its own long before; a month is time enough to act."""

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate: the file that holds it, the name in it, and its end in UTC."""

    file: str
    subject: str
    ends: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; negative when it has ended."""
        return (self.ends - now).days


def certificates(text: str) -> tuple[Certificate, ...]:
    """Every certificate in an answer: lines ``file PATH``, each followed by PEM blocks.

    Raises:
        ValueError: a block is no certificate.
    """
    found = []
    for part in re.split(r"^file ", text, flags=re.MULTILINE)[1:]:
        path, _, rest = part.partition("\n")
        for block in _PEM.findall(rest):
            certificate = x509.load_pem_x509_certificate(block.encode())
            found.append(Certificate(path, certificate.subject.rfc4514_string(), certificate.not_valid_after_utc))
    return tuple(found)
