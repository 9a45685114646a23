"""TaskHeartbeat: a worker says that it still runs an attempt, and how far it is. The answer says
what is asked of it: `stop` is null, or why the attempt is to be ended.
"""

from penstock.core.command import Command, CommandType, Repeats, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.limits import PROGRESS_BYTES_MAX
from penstock.core.state.run import TaskRun
from penstock.core.state.task_rows import Metric
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks import attempts
from penstock.core.tasks import words as task_words
from penstock.core.tasks.lookup import in_flight
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds, value_bytes


class TaskHeartbeat(Command, frozen=True):
    """Which attempt, and which worker; logs and metrics are what is new since the last one. They
    are taken once if they have a number, `piece`, above those before: the same again may then be
    sent by who does not know whether they were.
    """

    wf_run_id: str
    guid: str
    attempt: int
    worker: str = ""
    progress: Value = None
    logs: str = ""
    metrics: tuple[Metric, ...] = ()
    piece: int = 0


def handle(turn: Turn, command: TaskHeartbeat) -> Value:
    """Keep the attempt alive. One whose start was not heard of is started by it."""
    task = in_flight(turn, command.wf_run_id, command.guid, command.attempt, command.worker)
    _check_progress(command.progress)
    if task.status is TaskStatus.TASK_SCHEDULED:
        attempts.start(turn, task, command.worker)
    known = task_words.was_heard(turn, task, command.piece)
    logs = "" if known else command.logs
    task_words.hear(turn, task, logs=logs, progress=command.progress, piece=command.piece)
    if not known:
        task_words.keep_metrics(turn, task, command.metrics)
    return asked_of(task)


def asked_of(task: TaskRun) -> dict[str, Value]:
    """What is asked of the worker of a running attempt."""
    stop = None if task.stop is None else task.stop.kind.value
    return {"cancel": stop is not None, "stop": stop}


def _check_progress(progress: Value) -> None:
    try:
        check_bounds(progress)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"progress: {problem}")
    size = value_bytes(progress)
    if size > PROGRESS_BYTES_MAX:
        refuse(Code.TOO_LARGE, f"progress has {size} bytes; it may have {PROGRESS_BYTES_MAX}")


COMMAND = CommandType(TaskHeartbeat, handle, of_wf_run, repeats=Repeats.HARMLESS)
