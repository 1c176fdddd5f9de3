"""The table of kprov verify."""

from __future__ import annotations

from datetime import UTC, datetime

from kprov.cli.verify import rows, summary
from kprov.report.model import Check, Results

CHECKS = (
    Check("nodes", "swap is off", "m1", "passed", 0.1),
    Check("nodes", "kubelet runs", "m1", "passed", 0.1),
    Check("nodes", "kubelet runs", "w1", "failed", 0.1, "kubelet is failed"),
    Check("network", "a pod runs", "w1", "passed", 0.1),
    Check("dns", "resolves", "m1", "skipped", 0.0, "no DNS"),
    Check("dns", "resolves", "w1", "skipped", 0.0, "no DNS"),
)


def test_what_failed_comes_first_and_the_rest_is_counted() -> None:
    assert list(rows(CHECKS, verbose=False)) == [
        ("failed", "nodes", "w1", "kubelet runs", "kubelet is failed"),
        ("skipped", "dns", "", "2 checks", "no DNS"),
        ("passed", "nodes", "m1", "2 checks", ""),
        ("passed", "network", "w1", "1 check", ""),
    ]


def test_verbose_lists_every_check() -> None:
    listed = list(rows(CHECKS, verbose=True))
    assert len(listed) == len(CHECKS)
    assert listed[0][0] == "failed"
    assert ("passed", "nodes", "m1", "swap is off", "") in listed


def test_the_last_line_counts_everything() -> None:
    results = Results(CHECKS, datetime(2026, 1, 2, tzinfo=UTC), 5.24)
    assert summary(results) == "6 checks in 5.2s: 3 passed, 1 failed, 2 skipped"
