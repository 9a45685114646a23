"""ResumeWfRun: takes a stop or a pause away; the thread goes on where it stood."""

from penstock.core.advance.advance import unhalt
from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import load_live
from penstock.core.operators.verbs import settled_status
from penstock.core.state.run import HaltReason
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value

BY_HAND = (HaltReason.MANUAL_HALT, HaltReason.PAUSED)


class ResumeWfRun(Command, frozen=True):
    """Which run, and which of its threads."""

    wf_run_id: str
    thread: int = 0


def handle(turn: Turn, command: ResumeWfRun) -> Value:
    """Let the thread run again."""
    at = load_live(turn, command.wf_run_id, command.thread)
    reasons = [reason for reason in BY_HAND if reason in at.thread.halt_reasons]
    if not reasons:
        refuse(
            Code.THREAD_NOT_HALTED,
            f"thread {command.thread} of {command.wf_run_id!r} was not stopped;"
            f" it is {at.thread.status}",
        )
    for reason in reasons:
        unhalt(at, reason)
    return settled_status(turn, command.wf_run_id, command.thread)


COMMAND = CommandType(ResumeWfRun, handle, of_wf_run, audited=True)
