"""RescueThreadRun: a thread in ERROR goes on: its node is visited anew, or left along its edges.
EXCEPTION is what a workflow means to say: such a thread goes on if that is asked for.
"""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import load_idle
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.operators.rescue import rescue_thread
from penstock.core.operators.sweep import reopen_all
from penstock.core.operators.verbs import FORCE_HINT, settled_status
from penstock.core.state.transitions import THREAD_FAILED, NodeStatus, ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class RescueThreadRun(Command, frozen=True):
    """Which thread, and whether to leave the node that failed without its mutations; `exceptions`
    takes up a thread in EXCEPTION, too.
    """

    wf_run_id: str
    thread: int = 0
    skip_current_node: bool = False
    exceptions: bool = False


def handle(turn: Turn, command: RescueThreadRun) -> Value:
    """Have it go on, with the threads above that failed because of it."""
    at = load_idle(turn, command.wf_run_id, command.thread)
    thrown = at.thread.status is ThreadStatus.EXCEPTION
    if at.thread.status not in THREAD_FAILED or (thrown and not command.exceptions):
        wanted = "not ERROR; ask for exceptions, too, or restart the run" if thrown else "not ERROR"
        refuse(
            Code.THREAD_NOT_FAILED,
            f"thread {command.thread} of {command.wf_run_id!r} is {at.thread.status}, {wanted}",
        )
    if command.skip_current_node and not at.config.edges:
        refuse(Code.NODE_NOT_SKIPPABLE, f"no way leads on from node {at.node_run.node!r}")
    if command.skip_current_node and at.thread.number == ENTRYPOINT_NUMBER and at.run.lacks_place:
        refuse(Code.NODE_NOT_SKIPPABLE, f"the run has had no place{FORCE_HINT}")
    skip = command.skip_current_node and at.node_run.status is not NodeStatus.COMPLETED
    rescue_thread(at, skip=skip)
    if thrown:
        reopen_all(turn, command.wf_run_id)
    return settled_status(turn, command.wf_run_id, command.thread)


COMMAND = CommandType(RescueThreadRun, handle, of_wf_run, audited=True)
