"""The lists of what was asked for (A16, and W1 to W12): a file for each item, with a test in it
that runs on every log.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ITEMS = [f"k{number:02}" for number in range(1, 21)] + [f"w{number:02}" for number in range(1, 13)]


@pytest.mark.parametrize("item", ITEMS)
def test_each_item_runs_on_every_log(item: str) -> None:
    """On that of the fixture `driver`: in memory, embedded, and Kafka."""
    [file] = Path(__file__).parent.glob(f"test_{item}_*.py")
    functions = [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)
    ]
    tests = [function for function in functions if function.name.startswith("test_")]
    assert any("driver" in [one.arg for one in test.args.args] for test in tests), file.name
