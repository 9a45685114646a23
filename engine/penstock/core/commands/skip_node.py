"""SkipNode: the node at which a thread waits is done, with an output that an operator gives."""

from penstock.core.advance.leave import leave
from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.errors import Code, refuse
from penstock.core.flow.agenda import wake
from penstock.core.flow.at import At
from penstock.core.flow.load import load_live
from penstock.core.flow.moves import ENTRYPOINT_NUMBER, complete_node
from penstock.core.operators.verbs import FORCE_HINT, settled_status
from penstock.core.state.transitions import NODE_LIVE
from penstock.core.state.turn import Turn
from penstock.core.tasks.cancel import cancel_live
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds, coerce


class SkipNode(Command, frozen=True):
    """Which thread, what its node gives, and (to be sure) at which node it should stand."""

    wf_run_id: str
    thread: int = 0
    output: Value = None
    node: str | None = None


def handle(turn: Turn, command: SkipNode) -> Value:
    """Complete the node; a task of it is cancelled first."""
    at = load_live(turn, command.wf_run_id, command.thread)
    node_run = at.node_run
    if command.node not in (None, node_run.node):
        refuse(
            Code.NODE_NOT_SKIPPABLE,
            f"thread {command.thread} stands at {node_run.node!r}, not at {command.node!r}",
        )
    if node_run.status not in NODE_LIVE or not at.config.edges:
        refuse(
            Code.NODE_NOT_SKIPPABLE,
            f"node {node_run.node!r} ({node_run.node_type}) is {node_run.status};"
            " only one that waits, and that a way leads on from, can be skipped",
        )
    if command.thread == ENTRYPOINT_NUMBER and at.run.lacks_place:
        refuse(Code.NODE_NOT_SKIPPABLE, f"the run has no place yet{FORCE_HINT}")
    output = _output(at, command.output)
    cancel_live(at, f"skipped by {turn.principal}")
    leave(at)
    node_run.skipped = True
    complete_node(at, output)
    at.save()
    wake(turn, command.wf_run_id, command.thread)
    return settled_status(turn, command.wf_run_id, command.thread)


def _output(at: At, output: Value) -> Value:
    """The output, of the type that the node's own would have."""
    declared = at.output_type(at.node_run.node)
    try:
        if declared is not None:
            return coerce(output, declared, at.struct)
        check_bounds(output)
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"output of node {at.node_run.node!r}: {problem}")
    return output


COMMAND = CommandType(SkipNode, handle, of_wf_run, audited=True)
