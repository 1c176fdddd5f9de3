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
    """One certificate: the file that holds it, the name in it, its end in UTC, and what else it is for."""

    file: str
    subject: str
    ends: datetime
    names: tuple[str, ...] = ()

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
            subject = certificate.subject.rfc4514_string()
            found.append(Certificate(path, subject, certificate.not_valid_after_utc, _names(certificate)))
    return tuple(found)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses that a certificate is for."""
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(each.value) for each in extension.value if isinstance(each, x509.DNSName | x509.IPAddress))
