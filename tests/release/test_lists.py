"""THIRD_PARTY.md, the audit and the changelog say what is so."""

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.release.audit import NOT_CHECKED, judged, judged_npm
from tests.release.licences import ALLOWED, FILE, differences, line, rows, text

ROOT = Path(__file__).resolve().parents[2]


def test_the_licences_are_those_of_what_is_locked() -> None:
    assert differences(FILE.read_text()) == []
    assert differences(text()) == []


def test_what_is_not_so_in_the_licences_is_found() -> None:
    told = FILE.read_text()
    first = line(rows()[0])
    assert differences(told.replace(first + "\n", "")) == [first]
    extra = "| left-pad | 1.0 | MIT | always |"
    assert differences(f"{told}{extra}\n") == [f"{extra}: nothing needs it"]


def test_every_licence_is_one_that_we_may_build_on() -> None:
    for name, _, licence, _ in rows():
        every = re.split(r" AND ", licence.replace("(", "").replace(")", ""))
        fits = all(ALLOWED & set(re.split(r" OR ", one)) for one in every)
        assert fits, f"{name}: {licence}"


def test_an_audit_fails_by_what_it_is_told_and_says_what_it_does_not_know() -> None:
    away = judged("")
    assert not away.unsafe and NOT_CHECKED in away.told("a.lock")
    good = {"name": "a", "version": "1", "vulns": []}
    bad = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1"}]}
    skipped = {"name": "c", "skip_reason": "not found"}
    none_known = judged(json.dumps({"dependencies": [skipped]}))
    assert not none_known.unsafe and NOT_CHECKED in none_known.told("a.lock")
    assert judged(json.dumps({"dependencies": [good]})).told("l") == (
        "l: nothing is known against 1 packages"
    )
    found = judged(json.dumps({"dependencies": [good, bad, skipped]}))
    assert found.unsafe == ("b 2 (PYSEC-1)",)
    assert found.told("l") == f"l: UNSAFE: b 2 (PYSEC-1); 1 {NOT_CHECKED}"


def test_an_audit_of_npm_says_the_same() -> None:
    clean = {"vulnerabilities": {}, "metadata": {"dependencies": {"total": 7}}}
    assert judged_npm(json.dumps(clean)).told("l") == "l: nothing is known against 7 packages"
    found = {"left-pad": {"range": "<2", "severity": "high", "via": []}}
    assert judged_npm(json.dumps({**clean, "vulnerabilities": found})).unsafe == (
        "left-pad <2 (high)",
    )


@pytest.mark.parametrize(
    "said",
    [
        *("", "[]", "null", "{}", "7", '{"message": "gone", "error": {}}'),
        '{"vulnerabilities": [], "metadata": {"dependencies": {"total": 7}}}',
        '{"vulnerabilities": {"a": []}, "metadata": {"dependencies": {"total": 7}}}',
        '{"vulnerabilities": {}, "metadata": {"dependencies": {"total": "7"}}}',
        '{"dependencies": "none"}',
        '{"dependencies": [[]]}',
        '{"dependencies": [{"name": "a", "version": "1", "vulns": {"id": "PYSEC-1"}}]}',
        '{"dependencies": [{"name": "a", "version": "1"}]}',
    ],
)
def test_what_is_no_report_says_nothing_of_anything(said: str) -> None:
    for verdict in (judged(said), judged_npm(said)):
        assert not verdict.known and not verdict.unsafe
        assert NOT_CHECKED in verdict.told("l")


def test_the_changelog_begins_with_this_version() -> None:
    [first, *_] = re.findall(r"^## (\S+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert first[0] == version("penstock")
    assert first[1] == "unreleased" or re.fullmatch(r"\d{4}-\d\d-\d\d", first[1])


def test_the_version_stands_in_one_place() -> None:
    mine = re.escape(version("penstock"))
    pattern = re.compile(rf"""version["']?\s*[:=]\s*["']v?{mine}["']""")
    files = [*(ROOT / "engine").rglob("*.py"), ROOT / "pyproject.toml"]
    found = [path.name for path in files if pattern.search(path.read_text())]
    assert found == ["pyproject.toml"]
