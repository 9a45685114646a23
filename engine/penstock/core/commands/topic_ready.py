"""TopicReady: the owner tells that the topic of a TaskDef is there; what was held for it is sent
(R7).
"""

from itertools import islice

from penstock.core.command import Command, CommandType, Repeats, Sender, of_partition_0
from penstock.core.definitions.defs import TOPIC_READY_TASKS_MAX, HeldTask
from penstock.core.flow.agenda import wake
from penstock.core.state.run import TaskRun
from penstock.core.state.turn import Turn
from penstock.core.tasks import tasks
from penstock.core.user_tasks.actions import send_held_reminder
from penstock.core.values.value import Value


class TopicReady(Command, frozen=True):
    """The TaskDef whose topic is ready; as many held tasks are sent as a turn may, and the owner
    says it again.
    """

    task_def: str


def handle(turn: Turn, command: TopicReady) -> Value:
    """Send held tasks, as the same attempts."""
    held = turn.rows.scan(HeldTask, turn.tenant, command.task_def)
    for row in list(islice(held, TOPIC_READY_TASKS_MAX)):
        turn.rows.delete(row)
        task = turn.rows.get(TaskRun, row.tenant, row.wf_run_id, row.guid)
        if task is None or not tasks.is_held(task):
            continue
        if task.user_task is not None:
            send_held_reminder(turn, task)
            continue
        wake(turn, row.wf_run_id, task.thread)  # a halted one is sent when it runs again
    return None


COMMAND = CommandType(
    TopicReady, handle, of_partition_0, repeats=Repeats.HARMLESS, sender=Sender.ENGINE
)
