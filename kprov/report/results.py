"""Results to and from JSON, and to JUnit XML."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, get_args
from xml.etree import ElementTree as ET

from kprov.errors import InputError
from kprov.report.model import CertificateRow, Check, CheckOutcome, Fact, NodeRow, Results
from kprov.report.redact import redact

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RESULTS = "checks.json"
"""The name of the file in the folder of a run."""

# What XML 1.0 cannot hold, not even escaped (section 2.2, production Char).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OUTCOMES: tuple[CheckOutcome, ...] = get_args(CheckOutcome)


def results_dict(results: Results) -> dict[str, object]:
    """The results as JSON-ready data: totals first, then what was seen of the cluster, then every check."""
    return {
        "ok": results.ok,
        "started": results.started.isoformat(),
        "duration_s": round(results.duration_s, 3),
        "totals": {outcome: results.counts.get(outcome, 0) for outcome in _OUTCOMES},
        "nodes": [asdict(each) for each in results.nodes],
        "versions": [asdict(each) for each in results.versions],
        "certificates": [{**asdict(each), "ends": each.ends.isoformat()} for each in results.certificates],
        "checks": [{k: redact(v) if isinstance(v, str) else v for k, v in asdict(c).items()} for c in results.checks],
    }


def save_results(results: Results, path: Path) -> None:
    """Write the results as JSON, for ``load_results`` and for other programs."""
    path.write_text(json.dumps(results_dict(results), indent=2) + "\n", encoding="utf-8")


def load_results(path: Path) -> Results:
    """Read what ``save_results`` wrote.

    Raises:
        InputError: the file is not such a file.
    """
    try:
        return _parsed(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "cannot read the results",
            where=str(path),
            why=str(error),
            remedy="Run 'kprov verify' again to make them anew.",
        ) from error


def _parsed(text: str) -> Results:
    data = json.loads(text)
    checks = tuple(Check(**check) for check in data["checks"])
    strange = {c.outcome for c in checks} - set(_OUTCOMES)
    if strange:
        raise ValueError(f"no such outcome: {', '.join(map(str, strange))}")
    started, duration_s = datetime.fromisoformat(data["started"]), float(data["duration_s"])
    return Results(checks, started, duration_s, *seen_of(data))


def seen_of(data: Mapping[str, Any]) -> tuple[tuple[NodeRow, ...], tuple[Fact, ...], tuple[CertificateRow, ...]]:
    """Nodes, versions and certificates out of JSON; what is not there was not seen."""
    ends = [datetime.fromisoformat(each["ends"]) for each in data.get("certificates", ())]
    return (
        tuple(NodeRow(**{**each, "roles": tuple(each["roles"])}) for each in data.get("nodes", ())),
        tuple(Fact(**each) for each in data.get("versions", ())),
        tuple(
            CertificateRow(**{**each, "ends": end})
            for each, end in zip(data.get("certificates", ()), ends, strict=True)
        ),
    )


def junit_xml(results: Results, name: str = "kprov") -> str:
    """The results in the dialect that Jenkins, GitLab and GitHub's reporters share.

    One ``testsuite`` per suite; ``classname`` is ``suite`` or ``suite.host``, so that readers group by machine.
    """
    root = ET.Element("testsuites", {"name": name, **_totals(results.checks, results.duration_s)})
    stamp = results.started.isoformat(timespec="seconds")
    in_suites = sorted(results.checks, key=lambda c: c.suite)
    for suite, group in groupby(in_suites, key=lambda c: c.suite):
        checks = tuple(group)
        totals = _totals(checks, sum(c.duration_s for c in checks))
        element = ET.SubElement(root, "testsuite", {"name": suite, "timestamp": stamp, **totals})
        for check in checks:
            _add_case(element, check)
    ET.indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ET.tostring(root, encoding="unicode") + "\n"


def _totals(checks: tuple[Check, ...], duration_s: float) -> dict[str, str]:
    def number(outcome: CheckOutcome) -> str:
        return str(sum(c.outcome == outcome for c in checks))

    return {
        "tests": str(len(checks)),
        "failures": number("failed"),
        "errors": number("error"),
        "skipped": number("skipped"),
        "time": f"{duration_s:.3f}",
    }


def _add_case(suite: ET.Element, check: Check) -> None:
    classname = f"{check.suite}.{check.host}" if check.host else check.suite
    case = ET.SubElement(
        suite, "testcase", {"classname": classname, "name": _xml(check.name), "time": f"{check.duration_s:.3f}"}
    )
    evidence = _xml(check.evidence)
    match check.outcome:
        case "failed" | "error" as outcome:
            tag = "failure" if outcome == "failed" else "error"
            ET.SubElement(case, tag, {"message": _xml(check.message), "type": outcome}).text = evidence
        case "skipped":
            ET.SubElement(case, "skipped", {"message": _xml(check.message)})
        case "passed" if evidence:
            ET.SubElement(case, "system-out").text = evidence
        case _:
            pass


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", redact(text))
