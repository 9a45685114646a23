"""QueuePassed: the owner tells of records that the workers of a TaskDef have read and committed. A
task among them that nobody has started was lost on the way, and is sent again (R19).

The records name their tasks, so no row must be kept for each task that is queued, which would cost
every task two writes. The stamp of a record tells it from a later one of the same attempt, which
may still be waiting in the queue.
"""

from msgspec import Struct

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.definitions.defs import QUEUE_PASSED_TASKS_MAX
from penstock.core.state.run import TaskRun
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.turn import Turn
from penstock.core.tasks.tasks import send_again
from penstock.core.values.value import Value


class PassedTask(Struct, frozen=True):
    """What a task record says: its attempt, and the offset in its stamp."""

    wf_run_id: str
    guid: str
    attempt: int
    offset: int


class QueuePassed(Command, frozen=True):
    """The TaskDef, and tasks whose records are behind its workers; as many as a turn may send, and
    the owner says the rest again.
    """

    task_def: str
    passed: tuple[PassedTask, ...] = ()


def handle(turn: Turn, command: QueuePassed) -> Value:
    """Send again what is still in the queue as far as we know, as the same attempts."""
    for record in command.passed[:QUEUE_PASSED_TASKS_MAX]:
        task = turn.rows.get(TaskRun, turn.tenant, record.wf_run_id, record.guid)
        if task is not None and _is_lost(task, record):
            send_again(turn, task)
        if turn.is_full():
            break
    return None


def _is_lost(task: TaskRun, record: PassedTask) -> bool:
    return (
        task.status is TaskStatus.TASK_SCHEDULED
        and task.attempt.number == record.attempt
        and task.attempt.sent_offset <= record.offset
    )


COMMAND = CommandType(
    QueuePassed, handle, of_partition_0, repeats=Repeats.HARMLESS, sender=Sender.ENGINE
)
