"""Checkpoints of a task: values put aside under 0, 1, 2, ..., kept from attempt to attempt, so that
the next attempt goes on where the last one came to. Never changed once they are there.
"""

from __future__ import annotations

from penstock.core.errors import Code, refuse
from penstock.core.limits import CHECKPOINT_LOGS_CHARS_MAX, CHECKPOINTS_BYTES_MAX, CHECKPOINTS_MAX
from penstock.core.state.run import TaskRun
from penstock.core.state.task_rows import Checkpoint, CheckpointTotal
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds, encode_value, value_bytes


def put_checkpoint(turn: Turn, task: TaskRun, number: int, value: Value, logs: str) -> bool:
    """Put a checkpoint aside; False if it is there already, with the same value."""
    total = turn.rows.get(CheckpointTotal, task.tenant, task.wf_run_id, task.guid)
    total = total or CheckpointTotal(task.tenant, task.wf_run_id, task.guid)
    if not 0 <= number <= total.count:
        refuse(
            Code.CHECKPOINT_GAP,
            f"checkpoint {number} of {task.guid}: the next one is {total.count}",
        )
    if number < total.count:
        _check_same(turn, task, number, value)
        return False
    try:
        check_bounds(value)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"checkpoint {number} of {task.guid}: {problem}")
    logs = logs[:CHECKPOINT_LOGS_CHARS_MAX]
    size = size_of(value, logs)
    if total.count >= CHECKPOINTS_MAX or total.bytes + size > CHECKPOINTS_BYTES_MAX:
        refuse(
            Code.LIMIT,
            f"checkpoints of {task.guid}: a task may have {CHECKPOINTS_MAX} of them,"
            f" and {CHECKPOINTS_BYTES_MAX} bytes together",
        )
    total.count += 1
    total.bytes += size
    turn.rows.put(total)
    turn.rows.put(
        Checkpoint(
            task.tenant,
            task.wf_run_id,
            task.guid,
            number,
            value,
            logs,
            task.attempt.number,
            turn.at_ms,
        )
    )
    return True


def size_of(value: Value, logs: str = "") -> int:
    """What a checkpoint counts for."""
    return value_bytes(value) + value_bytes(logs)


def kept_checkpoints(turn: Turn, task: TaskRun) -> tuple[int, int, Value]:
    """How many checkpoints the task has, the bytes of all of them, and the value of the newest."""
    total = turn.rows.peek(CheckpointTotal, task.tenant, task.wf_run_id, task.guid)
    if total is None:
        return 0, 0, None
    return total.count, total.bytes, _known(turn, task, total.count - 1).value


def checkpoint_count(turn: Turn, task: TaskRun) -> int:
    """How many checkpoints the task has."""
    total = turn.rows.peek(CheckpointTotal, task.tenant, task.wf_run_id, task.guid)
    return 0 if total is None else total.count


def _check_same(turn: Turn, task: TaskRun, number: int, value: Value) -> None:
    if encode_value(_known(turn, task, number).value) != encode_value(value):
        refuse(
            Code.ALREADY_EXISTS,
            f"checkpoint {number} of {task.guid} was put with another value; it does not change",
        )


def _known(turn: Turn, task: TaskRun, number: int) -> Checkpoint:
    known = turn.rows.peek(Checkpoint, task.tenant, task.wf_run_id, task.guid, number)
    assert known is not None, "checkpoints have no gaps"
    return known
