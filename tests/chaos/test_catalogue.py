"""The catalogue of faults, docs/reliability.md, and the tests of it: each case names its tests, and
each test that says it is of a case is named there. The rules R1 to R20 have tests by name.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "reliability.md"
CASES = range(1, 52)
RULES = range(1, 21)
CHECKED = {*range(1, 29), 32, *range(42, 47), 48, 49}
"""What is done to the engine, the broker, the disk, time and the network, or to all by what is
sent: on real Kafka, under load, and then all eight checkers.
"""
CHECKS = {"finish", "audit", "audited_by", "soak", "promotion"}
"""Functions of which each goes through all of them."""


@cache
def functions() -> list[tuple[Path, ast.FunctionDef]]:
    """Every test."""
    return [
        (file, node)
        for file in sorted(TESTS.rglob("test_*.py"))
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def cases_of(function: ast.FunctionDef) -> list[int]:
    """The numbers in its mark `fault`."""
    return [
        number.value
        for one in function.decorator_list
        if isinstance(one, ast.Call) and ast.unparse(one.func) == "pytest.mark.fault"
        for number in one.args
        if isinstance(number, ast.Constant) and isinstance(number.value, int)
    ]


def marked() -> dict[int, set[str]]:
    """By case: `file::test`, from tests/ on."""
    found: dict[int, set[str]] = defaultdict(set)
    for file, function in functions():
        for number in cases_of(function):
            found[number].add(f"{file.relative_to(TESTS)}::{function.name}")
    return found


def told() -> dict[int, set[str]]:
    """The same as the page tells it: the rows of its table, of which each names its tests."""
    rows = re.findall(r"^\| (\d+) \|(.*)\|$", PAGE.read_text(), re.MULTILINE)
    return {int(number): set(re.findall(r"`([\w/]+\.py::\w+)`", row)) for number, row in rows}


def test_the_page_names_the_tests_of_each_case() -> None:
    page, there = told(), marked()
    assert sorted(page) == list(CASES)
    assert {number: page[number] for number in CASES} == {n: there[n] for n in CASES}


def test_what_is_done_to_the_machine_is_followed_by_all_checkers() -> None:
    checked: set[int] = set()
    for file, function in functions():
        calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
        names = {one.attr for one in calls if isinstance(one, ast.Attribute)}
        names |= {one.id for one in calls if isinstance(one, ast.Name)}
        if file.parent == Path(__file__).parent and names & CHECKS:
            checked.update(cases_of(function))
    assert CHECKED - checked == set()


def test_a_case_without_a_test_says_why() -> None:
    for number, row in re.findall(r"^\| (\d+) \|(.*)\|$", PAGE.read_text(), re.MULTILINE):
        assert ".py::" in row or "not yet" in row, number


def test_each_rule_has_a_test_of_its_name() -> None:
    names = [function.name for _, function in functions()]
    without = {n for n in RULES if not any(one.startswith(f"test_r{n:02}_") for one in names)}
    assert not without
