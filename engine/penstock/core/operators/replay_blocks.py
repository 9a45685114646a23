"""The way from the entrypoint down to the thread that is replayed, and the blocks on it, which are
RUN_THREADS nodes that were at work. In the new run each goes on with what it was begun with:
elements whose threads had ended well stay so, the one on the way begins in its middle, and all
others anew.
"""

from __future__ import annotations

from itertools import pairwise

from msgspec import Struct

from penstock.core.definitions.nodes import RunThreadsNode
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import peek_thread
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.limits import THREADS_PER_CHUNK
from penstock.core.operators.replay_outputs import check_child_runs, outputs_before
from penstock.core.operators.replay_threads import (
    BLOCK,
    PastThread,
    last_at,
    refuse_thread,
    step_of,
)
from penstock.core.operators.replay_variables import Stand, variables_at
from penstock.core.state.replay_rows import PastOutput, Replayed
from penstock.core.state.run import NodeRun, ThreadKind, ThreadRun, WfRun
from penstock.core.state.thread_rows import Awaited, EachChunk, EachPlan
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PastPlace(Struct, array_like=True, frozen=True, gc=False):
    """Where a thread begins, and with what; `node` is None if that is its beginning."""

    thread: int
    node: str | None
    outputs: dict[str, PastOutput]
    variables: dict[str, Value]
    masked: tuple[str, ...]


class PastBlock(Struct, array_like=True, frozen=True, gc=False):
    """What a block goes on with: all that its threads were given, and by its element each thread
    that had ended well, or, `below`, begins in its middle.
    """

    thread: int
    count: int
    given: dict[str, Value]
    masked: tuple[str, ...]
    names: tuple[str, ...]
    values: list[Value]
    begun: tuple[tuple[int, int], ...]
    below: PastPlace


def way_to(turn: Turn, run: WfRun, number: int, position: int) -> tuple[Stand, ...]:
    """Where the threads stood when one of them came to a position, from the entrypoint down to that
    one, or to what a replay that is replayed from its beginning began with. Refused is a thread
    that no block has begun.
    """
    thread = peek_thread(turn, run.wf_run_id, number) if number >= 0 else None
    if thread is None:
        refuse(Code.THREAD_UNKNOWN, f"WfRun {run.wf_run_id!r} has no thread {number}")
    if thread.gone:
        refuse_thread(turn, run, thread, f"what thread {number} did is not kept here")
    node_run = _node_run(turn, run, number, position)
    step = 0 if number == ENTRYPOINT_NUMBER and position == 0 else step_of(run, node_run)
    way = [_stand(turn, run, thread, position, step)]
    while thread.number != ENTRYPOINT_NUMBER:
        thread, position = _above(turn, run, thread, step)
        way.append(_stand(turn, run, thread, position, step))
    way.reverse()
    while (begun := way[-1].begun) is not None and way[-1].position == 0:
        if begun.into is None:
            break
        below = peek_thread(turn, run.wf_run_id, begun.into)
        assert below is not None, "a number was kept for it"
        way.append(_stand(turn, run, below, 0, step))
    return tuple(way)


def place_at(turn: Turn, run: WfRun, spec: WfSpec, stand: Stand, thread_spec: str) -> PastPlace:
    """Where a thread begins that stood there, as a version has it."""
    begun, blueprint = stand.begun, spec.body.threads[thread_spec]
    variables, masked = variables_at(turn, run, stand, blueprint)
    if stand.position == 0:
        node = None if begun is None else begun.node
    else:
        node = _node_run(turn, run, stand.thread, stand.position).node
    if node is None:
        return PastPlace(stand.thread, None, {}, variables, masked)
    if node not in blueprint.nodes:
        where = "entrypoint" if thread_spec == spec.body.entrypoint else f"thread {thread_spec!r}"
        refuse(
            Code.NOT_REPLAYABLE,
            f"the {where} of WfSpec {spec.name!r} has no node {node!r} in version"
            f" {spec.version}; replay from another node, or name another version",
        )
    outputs = outputs_before(turn, run, spec, thread_spec, stand)
    check_child_runs(blueprint, node, outputs)
    return PastPlace(stand.thread, node, outputs, variables, masked)


def blocks_on(
    turn: Turn,
    run: WfRun,
    spec: WfSpec,
    way: tuple[Stand, ...],
    first: PastPlace,
    threads: tuple[PastThread, ...],
) -> tuple[PastBlock, ...]:
    """The blocks on the way, outermost first; `first` is where the entrypoint begins."""
    blocks: list[PastBlock] = []
    place, thread_spec = first, spec.body.entrypoint
    for above, below in pairwise(way):
        assert place.node is not None, "it is at a block"
        config = spec.body.threads[thread_spec].nodes[place.node]
        plan, begun = _plan(turn, run, above), _begun(turn, run, above, below.thread, threads)
        names = () if not isinstance(config, RunThreadsNode) or config.values else config.threads
        if not isinstance(config, RunThreadsNode) or names != plan.names:
            refuse(
                Code.NOT_REPLAYABLE,
                f"node {place.node!r} runs other threads in version {spec.version}; replay from a"
                " node before it, or name another version",
            )
        element = next(element for element, child in begun if child == below.thread)
        thread_spec = config.threads[element if names else 0]
        values = [] if plan.names else _values(turn, run, plan)
        place = place_at(turn, run, spec, below, thread_spec)
        told = (plan.count, plan.given, plan.masked, plan.names, values)
        blocks.append(PastBlock(above.thread, *told, begun, place))
    return tuple(blocks)


def _stand(turn: Turn, run: WfRun, thread: ThreadRun, position: int, step: int) -> Stand:
    """Refused is one that is older than a migration of the thread."""
    until = thread.formers[-1].until if thread.formers else 0
    if 0 < position < until:
        where = "" if thread.number == ENTRYPOINT_NUMBER else f" of thread {thread.number}"
        refuse(
            Code.NOT_REPLAYABLE,
            f"node run {position}{where} is older than the migration of WfRun {run.wf_run_id!r};"
            f" replay from node run {until} or a later one, or from the beginning",
        )
    begun = turn.rows.peek(Replayed, turn.tenant, run.wf_run_id, thread.number)
    return Stand(thread.number, position, step if position else 0, begun, until)


def _above(turn: Turn, run: WfRun, thread: ThreadRun, step: int) -> tuple[ThreadRun, int]:
    """The thread above, and where it stood: at a block, which has begun this one."""
    above = None if thread.parent is None else peek_thread(turn, run.wf_run_id, thread.parent)
    assert above is not None, "it is not the entrypoint"
    if thread.kind is not ThreadKind.CHILD:
        why = f"thread {thread.number} is a handler ({thread.kind}), which is not replayed"
        refuse_thread(turn, run, thread, why)
    if above.gone:
        why = f"what thread {above.number}, in which thread {thread.number} stands, did is not kept"
        refuse_thread(turn, run, above, why)
    visit = last_at(turn, run, above.number, step)
    waits = (turn.tenant, run.wf_run_id, above.number, visit.position, thread.number)
    if visit.node_type != BLOCK or turn.rows.peek(Awaited, *waits) is None:
        why = f"thread {thread.number} was not run by a RUN_THREADS node"
        refuse_thread(turn, run, thread, why)
    return above, visit.position


def _node_run(turn: Turn, run: WfRun, number: int, position: int) -> NodeRun:
    where = (turn.tenant, run.wf_run_id, number)
    found = turn.rows.peek(NodeRun, *where, position) if position >= 0 else None
    if found is None:
        which = "the entrypoint" if number == ENTRYPOINT_NUMBER else f"thread {number}"
        refuse(
            Code.NODE_RUN_UNKNOWN,
            f"{which} of WfRun {run.wf_run_id!r} has no node run {position}",
        )
    return found


def _plan(turn: Turn, run: WfRun, above: Stand) -> EachPlan:
    plan = turn.rows.peek(EachPlan, turn.tenant, run.wf_run_id, above.thread, above.position)
    assert plan is not None, "it is kept while the thread is"
    return plan


def _values(turn: Turn, run: WfRun, plan: EachPlan) -> list[Value]:
    values: list[Value] = []
    for number in range(-(-plan.count // THREADS_PER_CHUNK)):
        place = (turn.tenant, run.wf_run_id, plan.thread, plan.origin, number)
        chunk = turn.rows.peek(EachChunk, *place)
        assert chunk is not None, "they are kept with the plan"
        values += chunk.values
    return values


def _begun(
    turn: Turn, run: WfRun, above: Stand, below: int, threads: tuple[PastThread, ...]
) -> tuple[tuple[int, int], ...]:
    """Elements of a block whose threads had ended well, and the one on the way."""
    if above.position == 0:
        assert above.begun is not None, "the way goes on from where it began"
        return above.begun.begun
    found: dict[int, int] = {}
    for past in threads:
        if past.number != below and past.status is not ThreadStatus.COMPLETED:
            continue
        place = (turn.tenant, run.wf_run_id, above.thread, above.position, past.number)
        awaited = turn.rows.peek(Awaited, *place) if past.parent == above.thread else None
        if awaited is not None:
            found[awaited.element] = past.number
    return tuple(sorted(found.items()))
