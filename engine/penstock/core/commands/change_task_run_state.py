"""ChangeTaskRunState: an operator says how a task has ended. A live one ends so, and is not tried
again. One that has failed, by an exception too, may be said to have succeeded while its thread
still stands there, failed with it: the thread is rescued, and goes on with the output.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.agenda import wake
from penstock.core.flow.at import At
from penstock.core.flow.load import load, refuse_if_busy
from penstock.core.flow.moves import complete_node
from penstock.core.flow.warned import warn
from penstock.core.limits import TEXT_CHARS_MAX
from penstock.core.operators.rescue import rescue_thread
from penstock.core.operators.rescue_above import NODE_FAILED
from penstock.core.operators.sweep import reopen_all
from penstock.core.operators.verbs import known_run, known_task, settled_status
from penstock.core.state.failures import EXCEPTION_NAME, Failure, is_exception_name
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import (
    TASK_LIVE,
    THREAD_FAILED,
    TaskEvent,
    TaskStatus,
    ThreadStatus,
)
from penstock.core.state.turn import Turn
from penstock.core.tasks.attempts import drop_stop, end_attempt
from penstock.core.tasks.cancel import release
from penstock.core.tasks.outputs import fitting_output
from penstock.core.tasks.tasks import FAILURE_OF, REPORTS
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds

_EVENTS = {**REPORTS, TaskStatus.TASK_CANCELLED: TaskEvent.CANCEL}


class ChangeTaskRunState(Command, frozen=True):
    """Which task, and how it has ended; `exception` names a business exception, whose content is
    `output`.
    """

    wf_run_id: str
    guid: str
    status: TaskStatus
    output: Value = None
    error: str | None = None
    exception: str | None = None


def handle(turn: Turn, command: ChangeTaskRunState) -> Value:
    """End the task so."""
    refuse_if_busy(known_run(turn, command.wf_run_id))
    task = known_task(turn, command.wf_run_id, command.guid)
    if command.status not in _EVENTS:
        refuse(Code.STATUS_NOT_REPORTABLE, f"{command.status} is no end of a task")
    output, failure = _result(turn, task, command)
    failed = None if task.status in TASK_LIVE else _failed_at(turn, task, command)
    _end(turn, task, command.status, output=output, failure=failure)
    if failed is None:
        wake(turn, task.wf_run_id, task.thread)
    else:
        _go_on(failed, task)
    return settled_status(turn, command.wf_run_id, task.thread)


def _failed_at(turn: Turn, task: TaskRun, command: ChangeTaskRunState) -> At:
    """The thread, if it has failed with the task and stands there still."""
    at = load(turn, task.wf_run_id, task.thread)
    stands = at.node_run.task == task.guid and at.node_run.status in NODE_FAILED
    failed = stands and at.thread.status in THREAD_FAILED
    succeeds = command.status is TaskStatus.TASK_SUCCESS
    if not failed or not succeeds or task.status is TaskStatus.TASK_SUCCESS:
        refuse(
            Code.TASK_RUN_ENDED,
            f"TaskRun {task.guid!r} is {task.status}; it may be made TASK_SUCCESS while its thread"
            f" stands there in ERROR or EXCEPTION, and that is {at.thread.status}"
            f" at {at.node_run.node!r}",
        )
    return at


def _end(
    turn: Turn, task: TaskRun, status: TaskStatus, *, output: Value, failure: Failure | None
) -> None:
    release(turn, task)
    drop_stop(turn, task)  # what was asked of it before is not how it has ended
    task.max_attempts = min(task.max_attempts, task.attempt.number - task.uncounted)  # for good
    end_attempt(turn, task, _EVENTS[status], output=output, failure=failure)


def _go_on(at: At, task: TaskRun) -> None:
    """Rescue the thread, and complete the new visit of the node with the task's output. One in
    EXCEPTION, and those above, had halted for good what was below them.
    """
    for_good = at.thread.status is ThreadStatus.EXCEPTION
    rescue_thread(at, skip=False)
    anew = load(at.turn, task.wf_run_id, task.thread)
    anew.node_run.task = task.guid
    complete_node(anew, task.attempt.output)
    if task.attempt.warning:
        warn(anew)
    anew.save()
    wake(at.turn, task.wf_run_id, task.thread)
    if for_good:
        reopen_all(at.turn, task.wf_run_id)


def _result(turn: Turn, task: TaskRun, command: ChangeTaskRunState) -> tuple[Value, Failure | None]:
    message = (command.error or f"set by {turn.principal}")[:TEXT_CHARS_MAX]
    try:
        if command.status is TaskStatus.TASK_SUCCESS:
            return fitting_output(turn, task, command.output), None
        check_bounds(command.output)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"output: {problem}")
    if command.status is not TaskStatus.TASK_EXCEPTION:
        return None, Failure(FAILURE_OF[command.status], message)
    name = command.exception or ""
    if not is_exception_name(name):
        refuse(Code.BAD_NAME, f"exception {name[:128]!r}: use {EXCEPTION_NAME}")
    return command.output, Failure(name, message, command.output)


COMMAND = CommandType(ChangeTaskRunState, handle, of_wf_run, audited=True)
