"""CancelUserTaskRun: nobody is to fill the form in any more; its node fails with
USER_TASK_CANCELLED, or with the exception that it names.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.flow.agenda import wake
from penstock.core.state.turn import Turn
from penstock.core.user_tasks.user_tasks import answer, cancel, keep, of_command
from penstock.core.values.value import Value


class CancelUserTaskRun(Command, frozen=True):
    """Which user task."""

    wf_run_id: str
    guid: str


def handle(turn: Turn, command: CancelUserTaskRun) -> Value:
    """Cancel it; a thread that is halted takes notice when it runs again."""
    row = of_command(turn, command.wf_run_id, command.guid, ending=True)
    cancel(turn, row)
    keep(turn, row)
    wake(turn, row.wf_run_id, row.thread)
    return answer(row)


COMMAND = CommandType(CancelUserTaskRun, handle, of_wf_run)
