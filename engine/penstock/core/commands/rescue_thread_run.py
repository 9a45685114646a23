"""RescueThreadRun: a thread in ERROR goes on: its node is visited anew, or left along its edges."""

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.load import load_idle
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.operators.rescue import rescue_thread
from penstock.core.operators.verbs import FORCE_HINT, settled_status
from penstock.core.state.transitions import NodeStatus, ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class RescueThreadRun(Command, frozen=True):
    """Which thread, and whether to leave the node that failed without its mutations."""

    wf_run_id: str
    thread: int = 0
    skip_current_node: bool = False


def handle(turn: Turn, command: RescueThreadRun) -> Value:
    """Have it go on, with the threads above that failed because of it."""
    at = load_idle(turn, command.wf_run_id, command.thread)
    if at.thread.status is not ThreadStatus.ERROR:
        refuse(
            Code.THREAD_NOT_FAILED,
            f"thread {command.thread} of {command.wf_run_id!r} is {at.thread.status}, not ERROR",
        )
    if command.skip_current_node and not at.config.edges:
        refuse(Code.NODE_NOT_SKIPPABLE, f"no way leads on from node {at.node_run.node!r}")
    if command.skip_current_node and at.thread.number == ENTRYPOINT_NUMBER and at.run.lacks_place:
        refuse(Code.NODE_NOT_SKIPPABLE, f"the run has had no place{FORCE_HINT}")
    skip = command.skip_current_node and at.node_run.status is not NodeStatus.COMPLETED
    rescue_thread(at, skip=skip)
    return settled_status(turn, command.wf_run_id, command.thread)


COMMAND = CommandType(RescueThreadRun, handle, of_wf_run, audited=True)
