"""What each failure of a run means and what to do about it, as remedies.py has it of codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from penstock.core.state.failures import FailureName

Explained = tuple[str, str]
"""What it means, and what to do."""

OF_FAILURES: Final[Mapping[FailureName, Explained]] = {
    FailureName.TASK_FAILURE: (
        "every attempt at the task has failed",
        "see the attempts' messages and logs; mend the cause, then rescue the run",
    ),
    FailureName.TIMEOUT: (
        "an attempt, or a wait for an event, took longer than it may",
        "see whether workers run and how long they take; then rescue the run",
    ),
    FailureName.TASK_CANCELLED: (
        "the task was stopped: by an operator, or handed back though it may not be done twice",
        "rescue the run if it is to be done after all",
    ),
    FailureName.USER_TASK_CANCELLED: (
        "somebody cancelled the user task",
        "handle it in the workflow (`on_failure`), or rescue the run",
    ),
    FailureName.CHILD_FAILURE: (
        "a thread or run below has failed; `cause` says by what",
        "mend that one: a rescue goes on from there",
    ),
    FailureName.VAR_SUB_ERROR: (
        "an expression has no value: a path leads nowhere, types do not fit",
        "edit the variable or migrate to a mended version, then rescue the run",
    ),
    FailureName.VAR_MUTATION_ERROR: (
        "a variable can not have the value that it was to be given",
        "edit the variable or migrate to a mended version, then rescue the run",
    ),
    FailureName.OUTPUT_TOO_LARGE: (
        "what the run hands out is larger than the log takes",
        "make it smaller, and rescue or restart the run",
    ),
    FailureName.STEP_LIMIT: (
        "the thread has gone through as many nodes as it may",
        "look for a loop without end; split long work into child runs",
    ),
    FailureName.LIMIT: (
        "the run has as much of something as it may",
        "see the message; split the work into child runs",
    ),
    FailureName.KILLED: ("somebody killed the run", "restart it if it is to go on after all"),
    FailureName.SUPERSEDED: ("another run was begun in its place", "see the other run"),
    FailureName.ENGINE_DEFECT: (
        "the run hit a defect of the engine's, and was ended with as little touched as may be",
        "report it; with a build that mends it, rescue the run",
    ),
}
