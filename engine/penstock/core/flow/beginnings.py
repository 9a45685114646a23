"""How threads of a replay begin that do not begin at their beginning: from the ENTRYPOINT to a
node, whatever the edges say, with what the thread would have had there. The entrypoint begins at
once; one below it when the block in which it runs is reached, under the number that was kept for
it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import ThreadSpec, WfSpec
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.search_index import index_variable
from penstock.core.flow.threads import begin_child
from penstock.core.state.replay_rows import Replayed
from penstock.core.state.run import NodeOutput, NodeRun, ThreadKind, ThreadRun, Variable
from penstock.core.state.thread_rows import EachPlan
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, coerce

FIRST_POSITION = 0


def is_to_begin(thread: ThreadRun) -> bool:
    """Whether the thread was carried over into its run; it may have a beginning to come."""
    return thread.gone and thread.began == 0


def beginning_of(turn: Turn, thread: ThreadRun) -> Replayed | None:
    """Where the thread is to begin, if it has not begun."""
    if not is_to_begin(thread):
        return None
    return turn.rows.peek(Replayed, turn.tenant, thread.wf_run_id, thread.number)


def values_at_beginning(turn: Turn, blueprint: ThreadSpec, begun: Replayed) -> dict[str, Value]:
    """The variables with which the thread begins; ValueProblem if it can not any more, since the
    run was migrated before.
    """
    if begun.node is not None and begun.node not in blueprint.nodes:
        raise ValueProblem(f"the replay is to go on at node {begun.node!r}, which is not there")
    structs = structs_of(turn)
    return {
        declared.name: coerce(begun.variables.get(declared.name), declared.type, structs)
        for declared in blueprint.variables
        if not declared.is_inherited
    }


def begin_in_its_middle(
    turn: Turn, spec: WfSpec, thread: ThreadRun, begun: Replayed, values: Mapping[str, Value]
) -> None:
    """The thread, which has just begun, goes to the node. The caller puts it."""
    of_thread = (turn.tenant, thread.wf_run_id, thread.number)
    entrypoint = turn.rows.get(NodeRun, *of_thread, FIRST_POSITION)
    assert entrypoint is not None, "a thread begins at a node"
    entrypoint.leads_to = begun.node
    turn.rows.put(entrypoint)
    for declared in spec.body.threads[thread.thread_spec].variables:
        if declared.default is not None and values.get(declared.name) is None:
            gone = Variable(*of_thread, declared.name, None)  # it was null there
            turn.rows.delete(gone)
            index_variable(turn, spec.name, declared, gone)
    for name, past in begun.outputs.items():
        turn.rows.put(NodeOutput(*of_thread, name, past.value, FIRST_POSITION, masked=past.masked))
    thread.warned_children += begun.warned


def begin_in_block(
    at: At,
    thread_spec: str,
    values: Mapping[str, Value],
    masked: Collection[str],
    kept: Replayed | None,
) -> int:
    """Begin a thread for which the block at hand waits, from its beginning or as it was kept; its
    number.
    """
    hidden = masked if kept is None else kept.masked
    number = None if kept is None else kept.thread
    kind = ThreadKind.CHILD
    child = begin_child(at, kind, thread_spec, values, awaited=True, masked=hidden, number=number)
    if kept is not None:
        begin_in_its_middle(at.turn, at.spec, child, kept, values)
        at.turn.rows.put(child)
    return child.number


def plan_of_replay(at: At, visit: NodeRun) -> EachPlan | None:
    """What a visit of the thread at hand goes on with, if the thread has begun there in a replay,
    in the middle of a block.
    """
    if at.run.replay is None or visit.position == FIRST_POSITION:
        return None
    of_thread = (at.turn.tenant, at.run.wf_run_id, at.thread.number)
    plan = at.turn.rows.peek(EachPlan, *of_thread, FIRST_POSITION)
    before = at.turn.rows.peek(NodeRun, *of_thread, visit.position - 1)
    led = before is not None and before.leads_to == visit.node
    return plan if led else None


def kept_thread(at: At, number: int) -> Replayed | None:
    """The beginning of a thread that a block is to begin in its middle."""
    thread = peek_thread(at.turn, at.run.wf_run_id, number)
    return None if thread is None else beginning_of(at.turn, thread)
