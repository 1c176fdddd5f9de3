from __future__ import annotations

from tests.unit.verify.conftest import pem, separate

__all__ = ["pem", "separate"]
