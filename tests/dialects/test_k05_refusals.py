"""What an operator's word does to an execution in each of its states (A11, A12): it comes to
another state, or the word is refused with a code and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from penstock.core.command import Command
from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.force_wf_run import ForceWfRun
from penstock.core.commands.kill_wf_run import KillWfRun
from penstock.core.commands.pause_wf_run import PauseWfRun
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.commands.retry_now import RetryNow
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from tests.dialects import test_k04_states as states
from tests.dialects.bench import FlowRun
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted


def guid(run: FlowRun) -> str:
    """The id of its newest task; one that there is not, if it has none."""
    found = sorted(run.driver.scan(TaskRun, run.id), key=lambda task: task.position)
    return found[-1].guid if found else "0" * 24


def changed(status: TaskStatus) -> Callable[[FlowRun], Command]:
    """An operator says how the task has ended."""
    return lambda run: ChangeTaskRunState(wf_run_id=run.id, guid=guid(run), status=status)


VERBS: Final[dict[str, Callable[[FlowRun], Command]]] = {
    "pause": lambda run: PauseWfRun(run.id),
    "resume": lambda run: ResumeWfRun(run.id),
    "kill": lambda run: KillWfRun(run.id),
    "restart": lambda run: RestartWfRun(run.id),
    "force": lambda run: ForceWfRun(run.id),
    "retry-now": lambda run: RetryNow(wf_run_id=run.id, guid=guid(run)),
    "succeed": changed(TaskStatus.TASK_SUCCESS),
    "fail": changed(TaskStatus.TASK_FAILED),
}
MAKES: Final[dict[str, Callable[[Driver], FlowRun]]] = {
    **{
        make.__name__: make
        for make in (
            *(states.created, states.running, states.restarted, states.retrying, states.paused),
            *(states.operators_pause, states.killing, states.succeeded, states.warned),
            *(states.failed, states.killed, states.superseded),
        )
    },
    "queued": states.second("QUEUE"),
    "cancelled": states.second("CANCEL"),
}
REFUSALS: Final = {
    "ended": "WF_RUN_ENDED",
    "busy": "WF_RUN_BUSY",
    "not-held": "WF_RUN_NOT_HELD",
    "not-failed": "WF_RUN_NOT_FAILED",
    "not-halted": "THREAD_NOT_HALTED",
    "task-ended": "TASK_RUN_ENDED",
    "no-task": "TASK_RUN_UNKNOWN",
    "no-backoff": "TASK_NOT_IN_BACKOFF",
}
TABLE: Final = """
                pause   resume     kill    restart    force    retry-now  succeed    fail
created         RUNNING not-halted KILLED  not-failed not-held no-backoff SUCCESS    FAILED
running         RUNNING not-halted KILLING not-failed not-held no-backoff SUCCESS    FAILED
restarted       RUNNING not-halted KILLED  not-failed not-held no-backoff SUCCESS    FAILED
retrying        PAUSED  not-halted KILLED  not-failed not-held RUNNING    SUCCESS    FAILED
paused          PAUSED  SUCCESS    KILLED  not-failed not-held no-task    no-task    no-task
operators_pause PAUSED  SUCCESS    KILLED  not-failed not-held task-ended task-ended task-ended
killing         busy    busy       KILLING busy       busy     no-backoff busy       busy
succeeded       ended   ended      ended   not-failed not-held task-ended task-ended task-ended
warned          ended   ended      ended   not-failed not-held task-ended task-ended task-ended
failed          ended   ended      ended   RUNNING    not-held task-ended SUCCESS    task-ended
killed          ended   ended      ended   RUNNING    not-held task-ended SUCCESS    task-ended
superseded      ended   ended      KILLED  RUNNING    not-held task-ended SUCCESS    task-ended
queued          PAUSED  not-halted KILLED  not-failed RUNNING  no-task    no-task    no-task
cancelled       ended   ended      ended   CANCELLED  not-held no-task    no-task    no-task
"""
"""What each verb does in each state: where the execution comes to, or why it is refused. A task
that was handed out is ended first: until then a run with it is not PAUSED, and KILLING if a worker
has it. One that a limit has refused is begun again, and refused again.
"""

ROWS: Final = {
    line[0]: dict(zip(VERBS, line[1:], strict=True))
    for line in map(str.split, TABLE.strip().splitlines()[1:])
}
TAKEN: Final = [
    (state, verb) for state, row in ROWS.items() for verb, cell in row.items() if cell.isupper()
]


def test_k05_the_table_is_whole() -> None:
    """Its columns are the verbs, and its rows the states."""
    assert TABLE.split()[: len(VERBS)] == [*VERBS]
    assert {*ROWS} == {*MAKES}
    cells = {cell for row in ROWS.values() for cell in row.values()}
    assert {cell for cell in cells if not cell.isupper()} == {*REFUSALS}
    assert {cell for cell in cells if cell.isupper()} <= {*states.State}


@pytest.mark.parametrize("state", ROWS)
def test_k05_a_move_that_is_not_there(driver: Driver, state: str) -> None:
    """Each verb that is refused leaves all rows, and all histories, as they were."""
    run = MAKES[state](driver)
    before = _histories(run)
    for verb, cell in ROWS[state].items():
        if not cell.isupper():
            run.refuses(VERBS[verb](run), REFUSALS[cell])
            assert _histories(run) == before


def _histories(run: FlowRun) -> list[object]:
    shown = run.execution
    return [one["state"]["histories"] for one in (shown, *shown.get("taskRunList", ()))]


@pytest.mark.parametrize(("state", "verb"), TAKEN)
def test_k05_a_move_that_is_there(memory: Driver, state: str, verb: str) -> None:
    run = MAKES[state](memory)
    accepted(memory, VERBS[verb](run))
    assert run.states()[-1] == ROWS[state][verb]


@pytest.mark.parametrize("state", ROWS)
def test_k05_another_execution_may_begin_whatever_has_become_of_one(
    memory: Driver, state: str
) -> None:
    """A replay leaves the first one as it is."""
    run = MAKES[state](memory)
    before = _histories(run)
    accepted(memory, ReplayWfRun(run.id))
    assert _histories(run) == before
