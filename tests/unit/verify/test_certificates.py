"""Certificates, as nodes send them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from kprov.verify.certificates import certificates

if TYPE_CHECKING:
    from collections.abc import Callable


def test_every_block_of_every_file_is_found(pem: Callable[[int], str]) -> None:
    text = f"file /a.crt\n{pem(10)}file /b.conf\n{pem(20)}{pem(-5)}file /empty.crt"
    found = certificates(text)
    now = datetime.now(UTC)
    assert [(each.file, each.days_left(now)) for each in found] == [("/a.crt", 10), ("/b.conf", 20), ("/b.conf", -5)]
    assert found[0].subject == "CN=kube-apiserver"


def test_a_damaged_certificate_is_an_error_and_not_a_pass() -> None:
    with pytest.raises(ValueError, match="asn1"):
        certificates("file /a.crt\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
