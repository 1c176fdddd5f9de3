"""Checks for other programs: JSON that reads back, JUnit that readers accept."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kprov.errors import InputError
from kprov.report.model import Results
from kprov.report.results import junit_xml, load_results, results_dict, save_results


def test_an_empty_set_proves_nothing(results: Results, passed: Results) -> None:
    assert passed.ok
    assert not results.ok
    assert not replace(results, checks=()).ok
    assert not replace(results, checks=results.checks[2:3]).ok


def test_json_has_totals_and_no_secret(results: Results) -> None:
    data = results_dict(results)
    assert data["totals"] == {"passed": 1, "failed": 1, "skipped": 1, "error": 1}
    assert "0123456789abcdef" not in str(data)


def test_json_reads_back(tmp_path: Path, passed: Results) -> None:
    save_results(passed, tmp_path / "checks.json")
    assert load_results(tmp_path / "checks.json") == passed


@pytest.mark.parametrize("text", ["", "{}", '{"checks": [{"suite": "a"}]}', '{"started": 1, "checks": []}'])
def test_a_broken_file_is_the_users_to_mend(tmp_path: Path, text: str) -> None:
    path = tmp_path / "checks.json"
    path.write_text(text)
    with pytest.raises(InputError, match="cannot read the results"):
        load_results(path)


def test_an_unknown_outcome_is_refused(tmp_path: Path, passed: Results) -> None:
    path = tmp_path / "checks.json"
    save_results(passed, path)
    path.write_text(path.read_text().replace('"outcome": "passed"', '"outcome": "maybe"'))
    with pytest.raises(InputError, match="maybe"):
        load_results(path)


def test_junit_counts_agree_with_its_cases(results: Results) -> None:
    root = ET.fromstring(junit_xml(results))
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors"), root.get("skipped")) == (
        ("testsuites", "4", "1", "1", "1")
    )
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.get(attribute) == str(sum(case.find(tag) is not None for case in cases))
    assert {suite.get("name") for suite in root} == {"nodes", "network", "etcd"}
    assert {case.get("classname") for case in root.iter("testcase")} == {"nodes.m1", "nodes.w1", "network", "etcd.m1"}


def test_junit_survives_what_xml_cannot_hold(results: Results) -> None:
    failure = ET.fromstring(junit_xml(results)).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "no answer in 3 s"
    assert failure.text is not None
    assert "timeout & loss" in failure.text
    assert "0123456789abcdef" not in junit_xml(results)
