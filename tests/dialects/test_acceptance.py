"""The lists of what was asked for (A16, and W1 to W12): tests named after each item, in a file of
its own; one of them at least runs on every log.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ITEMS = [f"k{number:02}" for number in range(1, 21)] + [f"w{number:02}" for number in range(1, 13)]


def _tests_of(item: str) -> list[ast.FunctionDef]:
    """The tests in the file of an item."""
    [file] = Path(__file__).parent.glob(f"test_{item}_*.py")
    tree = ast.parse(file.read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [function for function in found if function.name.startswith("test_")]


@pytest.mark.parametrize("item", ITEMS)
def test_each_item_runs_on_every_log(item: str) -> None:
    """On that of the fixture `driver`: in memory, embedded, and Kafka."""
    tests = _tests_of(item)
    assert {test.name[:9] for test in tests} == {f"test_{item}_"}
    assert any("driver" in [one.arg for one in test.args.args] for test in tests)
