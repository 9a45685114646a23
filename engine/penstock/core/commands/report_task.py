"""ReportTask: the result of an attempt. The first one for the current attempt counts; any other
changes nothing.
"""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.commands.close_address import close
from penstock.core.errors import Code, refuse
from penstock.core.flow.agenda import wake
from penstock.core.limits import TEXT_CHARS_MAX, WORKER_CHARS_MAX
from penstock.core.state.failures import EXCEPTION_NAME, Failure, is_exception_name
from penstock.core.state.first_answer import FirstAnswer
from penstock.core.state.run import TaskRun
from penstock.core.state.task_rows import Metric, Repeated
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks import attempts, tasks
from penstock.core.tasks import words as task_words
from penstock.core.tasks.checkpoints import checkpoint_count
from penstock.core.tasks.lookup import first_end, in_flight
from penstock.core.tasks.outputs import fitting_output
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds


class ReportTask(Command, frozen=True):
    """How the attempt ended. `exception` names a business exception, whose content is `output`;
    `warning` flags a success; `checkpoints` is how many the worker knows of, if it says; a retry
    waits `retry_after_ms` at least. With `address_gone` where the task went takes nothing any more:
    neither this task nor another is to go there again. `repeats` says which of its words a
    heartbeat may have brought.
    """

    wf_run_id: str
    guid: str
    attempt: int
    status: TaskStatus
    output: Value = None
    error: str | None = None
    exception: str | None = None
    logs: str = ""
    worker: str = ""
    started_at_ms: int | None = None
    metrics: tuple[Metric, ...] = ()
    warning: bool = False
    checkpoints: int | None = None
    retry_after_ms: int = 0
    worker_version: str = ""
    address_gone: bool = False
    repeats: Repeated | None = None


def handle(turn: Turn, command: ReportTask) -> Value:
    """Take the result, and move the run on when it is the task's end."""
    if command.status not in tasks.REPORTS:
        refuse(
            Code.STATUS_NOT_REPORTABLE,
            f"{command.status} can not be reported; use one of {sorted(tasks.REPORTS)}",
        )
    task = in_flight(turn, command.wf_run_id, command.guid, command.attempt, None)
    status, output, failure = _result(turn, task, command)
    _check_checkpoints(turn, task, command)
    _keep_workers_words(turn, task, command)
    gone = command.address_gone and status is TaskStatus.TASK_EXCEPTION
    attempts.end_attempt(
        turn,
        task,
        tasks.REPORTS[status],
        output=output,
        failure=failure,
        retry_after_ms=command.retry_after_ms,
        final=gone,
    )
    if gone and failure is not None:
        close(turn, task, failure)
    wake(turn, task.wf_run_id, task.thread)
    return attempts.keep_answer(turn, task, command, {"status": task.status})


def first(turn: Turn, command: ReportTask) -> FirstAnswer | None:
    """What the worker was told who ended the attempt."""
    return first_end(turn, command.wf_run_id, command.guid, command.attempt)


def _result(
    turn: Turn, task: TaskRun, command: ReportTask
) -> tuple[TaskStatus, Value, Failure | None]:
    """The attempt's end as it is kept: a result that does not fit is the failure of the attempt,
    not a refusal.
    """
    status, output, failure = _said(turn, task, command)
    if status is TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR and task.output_required:
        attempts.own_attempt(task).reported = command.status
        status = TaskStatus.TASK_FAILED
        message = "" if failure is None else failure.message
        failure = Failure(tasks.FAILURE_OF[status], message)
    return status, output, failure


def _said(
    turn: Turn, task: TaskRun, command: ReportTask
) -> tuple[TaskStatus, Value, Failure | None]:
    status, output = command.status, command.output
    try:
        if status is TaskStatus.TASK_SUCCESS:
            output = fitting_output(turn, task, output)
        else:
            check_bounds(output)
    except ValueProblem as problem:
        status, output = TaskStatus.TASK_OUTPUT_SERIALIZING_ERROR, None
        return status, output, Failure(tasks.FAILURE_OF[status], f"output: {problem}")
    if status is TaskStatus.TASK_SUCCESS:
        return status, output, None
    message = (command.error or "")[:TEXT_CHARS_MAX]
    if status is TaskStatus.TASK_EXCEPTION:
        name = command.exception or ""
        if not is_exception_name(name):
            refuse(Code.BAD_NAME, f"exception {name[:128]!r}: use {EXCEPTION_NAME}")
        return status, output, Failure(name, message, output)
    return status, output, Failure(tasks.FAILURE_OF[status], message)


def _check_checkpoints(turn: Turn, task: TaskRun, command: ReportTask) -> None:
    """A worker that does not know of the newest checkpoint speaks of something else."""
    if command.checkpoints is None:
        return
    count = checkpoint_count(turn, task)
    if command.checkpoints != count:
        refuse(
            Code.CHECKPOINT_STALE,
            f"TaskRun {command.guid} has {count} checkpoints, not {command.checkpoints}",
        )


def _keep_workers_words(turn: Turn, task: TaskRun, command: ReportTask) -> None:
    """Logs are cut, times are clamped between handed out and reported."""
    words = command.logs, command.metrics, command.repeats
    task_words.keep_last_words(turn, task, *words)
    attempt = attempts.own_attempt(task)
    attempt.warning = command.warning and command.status is TaskStatus.TASK_SUCCESS
    attempt.worker = attempt.worker or command.worker[:WORKER_CHARS_MAX]
    attempt.worker_version = attempt.worker_version or command.worker_version[:WORKER_CHARS_MAX]
    if attempt.started_ms is None and command.started_at_ms is not None:
        attempt.started_ms = min(max(command.started_at_ms, attempt.scheduled_ms), turn.at_ms)


COMMAND = CommandType(ReportTask, handle, of_wf_run, repeats=Repeats.OWN_ROWS, first=first)
