"""A move that is not there is refused with a code, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from penstock.core.command import Command
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.force_wf_run import ForceWfRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.state.transitions import TaskStatus
from tests.dialects.bench import FlowRun
from tests.dialects.test_k04_states import failed, killed, running, succeeded
from tests.scenarios.driver import Driver


def changed(run: FlowRun) -> Command:
    """An operator says that the task has failed."""
    return ChangeTaskRunState(**run.task_id, status=TaskStatus.TASK_FAILED)


Make = Callable[[Driver], FlowRun]
Verb = Callable[[FlowRun], Command]
CASES: Final[list[tuple[Make, Verb, str]]] = [
    (running, lambda run: RestartWfRun(run.id), "WF_RUN_NOT_FAILED"),
    (succeeded, lambda run: RestartWfRun(run.id), "WF_RUN_NOT_FAILED"),
    (running, lambda run: ResumeWfRun(run.id), "THREAD_NOT_HALTED"),
    (succeeded, lambda run: ResumeWfRun(run.id), "WF_RUN_ENDED"),
    (failed, lambda run: PauseWfRun(run.id), "WF_RUN_ENDED"),
    (succeeded, lambda run: KillWfRun(run.id), "WF_RUN_ENDED"),
    (killed, lambda run: KillWfRun(run.id), "WF_RUN_ENDED"),
    (running, lambda run: ForceWfRun(run.id), "WF_RUN_NOT_HELD"),
    (succeeded, changed, "TASK_RUN_ENDED"),
    (failed, changed, "TASK_RUN_ENDED"),
]


@pytest.mark.parametrize(("make", "verb", "code"), CASES)
def test_a_move_that_is_not_there(driver: Driver, make: Make, verb: Verb, code: str) -> None:
    run = make(driver)
    before = run.states(), run.states("work")
    run.refuses(verb(run), code)
    assert (run.states(), run.states("work")) == before
