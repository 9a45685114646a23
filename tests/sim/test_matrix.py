"""The matrix reads the tables and the commands as they are, and the recorder puts all back."""

import pytest

from penstock.core import fold
from penstock.core.commands import COMMANDS
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.errors import Code
from penstock.core.state import transitions
from penstock.core.state.outputs import CommandRefused
from penstock.core.state.transitions import TASK, TaskEvent, TaskStatus, move
from tests.controls import chain, task
from tests.scenarios.driver import Driver
from tests.scenarios.story import register, run
from tests.sim.matrix import (
    CANNOT,
    TABLES,
    Recorder,
    _codes,
    all_cells,
    all_faults,
    all_refusals,
    missing,
)


def test_what_a_run_goes_through_is_noted(memory: Driver) -> None:
    """Moves and refusals; and nothing more once it has stopped."""
    register(memory, "w", chain(task("work")))
    recorder = Recorder()
    rows = {name: dict(getattr(transitions, name)) for name in TABLES}
    recorder.start()
    story = run(memory, "w").task("work").starts().succeeds().completes()
    memory.send(story.report(TaskStatus.TASK_FAILED))
    memory.send(PutWfSpec(name="w", spec=chain({"type": "SLEEP"})))
    recorder.stop()
    assert ("TASK", "TASK_SCHEDULED", "START") in recorder.cells
    assert ("THREAD", "RUNNING", "COMPLETE") in recorder.cells
    assert ("ReportTask", "ATTEMPT_ENDED") in recorder.refusals
    assert recorder.faults == {"SLEEP_CHOICE"}
    cells, refusals, faults = missing(
        {
            "cells": [list(cell) for cell in recorder.cells],
            "refusals": [list(refusal) for refusal in recorder.refusals],
            "faults": list(recorder.faults),
        }
    )
    assert len(cells) == len(all_cells()) - len(recorder.cells)
    assert len(refusals) == len(all_refusals()) - 2
    assert len(faults) == len(all_faults()) - 1
    assert rows == {name: dict(getattr(transitions, name)) for name in rows}
    assert fold.CommandRefused is CommandRefused
    before = len(recorder.cells)
    move(TASK, TaskStatus.TASK_RUNNING, TaskEvent.CANCEL)
    assert len(recorder.cells) == before


@pytest.mark.parametrize(
    "refusal",
    [
        ("StopWfRun", "WF_RUN_UNKNOWN"),  # in a function of another file
        ("RunWf", "VARIABLE_REQUIRED"),  # in one of its own
        ("PutWfSpec", "BAD_SPEC"),
        ("Tick", "FORBIDDEN"),
        ("PutTaskDef", "COMMAND_ID_REUSED"),
    ],
)
def test_refusals_are_read_from_the_source(refusal: tuple[str, str]) -> None:
    """One that may come is expected."""
    assert refusal in all_refusals()


def test_what_can_not_happen_is_in_reach_of_its_command() -> None:
    """Or the line says nothing any more."""
    in_reach = {(kind.record.__name__, str(code)) for kind in COMMANDS for code in _codes(kind)}
    assert set(CANNOT) <= in_reach
    assert all(code in set(Code) for _, code in CANNOT)
