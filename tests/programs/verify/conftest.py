from __future__ import annotations

from tests.unit.verify.conftest import fake, pem

__all__ = ["fake", "pem"]
