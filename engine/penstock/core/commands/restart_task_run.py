"""RestartTaskRun: an operator wants the attempt that runs to be given up, and the task begun anew
in an attempt that does not count towards max_attempts.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.flow.agenda import wake
from penstock.core.limits import STOP_GRACE_MS_DEFAULT
from penstock.core.state.run import Stop
from penstock.core.state.turn import Turn
from penstock.core.tasks.lookup import known, live
from penstock.core.tasks.stops import ask_to_stop
from penstock.core.values.value import Value


class RestartTaskRun(Command, frozen=True):
    """Which task, and how long its worker has to stop."""

    wf_run_id: str
    guid: str
    grace_ms: int = STOP_GRACE_MS_DEFAULT


def handle(turn: Turn, command: RestartTaskRun) -> Value:
    """Ask for a new attempt; a success that comes first still counts."""
    task = live(turn, command.wf_run_id, command.guid)
    before = task.status
    ask_to_stop(turn, task, Stop.RESTART, command.grace_ms)
    if task.status is not before:
        wake(turn, task.wf_run_id, task.thread)
    now = known(turn, command.wf_run_id, command.guid)
    return {
        "status": now.status,
        "attempt": now.attempt.number,
        "stop_requested": now.stop is not None,
    }


COMMAND = CommandType(RestartTaskRun, handle, of_wf_run, audited=True)
