"""What a 1-task workflow costs the engine in calls of Python functions: the same on every machine,
and what most of its time goes with. Whoever makes a stage dearer by more than a tenth says so here.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from tests.bench.instructions import Stages, Work

RUNS = 50
CALLS = {"decode": 21, "fold": 424, "rows": 484, "outputs": 19}
"""A workflow, when they were last counted; `rows` decodes and folds as well."""


def _calls(work: Work) -> int:
    count = 0

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        # Comprehensions are functions in some versions of Python, and not in others.
        count += event == "call" and not frame.f_code.co_name.startswith("<")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("stage", CALLS)
def test_a_workflow_takes_no_more_calls(stage: str, tmp_path: Path) -> None:
    """Once everything is warm."""
    prepare: Callable[[], Work] = getattr(Stages(RUNS, tmp_path), stage)
    prepare()()
    assert _calls(prepare()) / RUNS <= CALLS[stage] * 1.1
