"""Threads: how one begins, what it tells others when its status has changed, and how what is asked
of it reaches the threads that it holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from penstock.core.definitions.node_check import INPUT
from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import ThreadSpec, WfSpec
from penstock.core.flow.agenda import wake
from penstock.core.flow.anew import drop_anew, plan_anew
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.correlation import mark_thread, unmark_thread
from penstock.core.flow.moves import counted_as
from penstock.core.flow.retention import (
    drop_retention,
    drop_thread_retention,
    plan_thread_deletion,
    set_retention,
)
from penstock.core.flow.rounds import Round
from penstock.core.flow.search_index import index_variable
from penstock.core.flow.waiters import number_end, tell_waiters, wait_for_thread
from penstock.core.flow.waits import leave_to_parent
from penstock.core.state.facts import Fact
from penstock.core.state.rows import copy_of
from penstock.core.state.run import (
    Counted,
    HaltReason,
    NodeRun,
    ThreadKind,
    ThreadRun,
    Variable,
    WfRun,
)
from penstock.core.state.thread_rows import Interrupter, LiveChild
from penstock.core.state.timers import TimerKind
from penstock.core.state.transitions import THREAD_LIVE, NodeStatus, ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, coerce, parts_in


def begin_thread(
    turn: Turn,
    run: WfRun,
    spec: WfSpec,
    thread: ThreadRun,
    values: Mapping[str, Value],
    masked: Collection[str] = (),
) -> None:
    """Write the rows of a new thread, and wake it; the values have been checked. `masked` names
    those that are made of something masked.
    """
    run.threads = max(run.threads, thread.number + 1)
    thread.version = spec.version
    thread.began = run.steps
    blueprint = spec.body.threads[thread.thread_spec]
    for declared in blueprint.variables:
        if declared.is_inherited:
            continue
        value = values.get(declared.name)
        value = declared.default if value is None else value
        if value is not None:
            place = turn.tenant, run.wf_run_id, thread.number, declared.name
            row = Variable(*place, value, masked=declared.name in masked)
            turn.rows.put(row)
            index_variable(turn, run.wf_spec, declared, row)
    for event_def in blueprint.interrupts:
        turn.rows.put(Interrupter(turn.tenant, run.wf_run_id, event_def, thread.number))
    if thread.holder is not None:
        turn.rows.put(LiveChild(turn.tenant, run.wf_run_id, thread.holder, thread.number))
    thread.history = (Fact(thread.status, turn.at_ms),)
    first = spec.first_nodes[thread.thread_spec]
    turn.rows.put(enter(turn, run, spec, thread, position=0, node=first))
    turn.rows.put(thread)
    wake(turn, run.wf_run_id, thread.number)


def begin_child(
    at: At,
    kind: ThreadKind,
    thread_spec: str,
    values: Mapping[str, Value],
    *,
    parent: ThreadRun | None = None,
    awaited: bool = False,
    masked: Collection[str] = (),
    number: int | None = None,
) -> ThreadRun:
    """Begin a thread that the one at hand holds, and whose variables it sees unless `parent` says
    otherwise. `awaited`: the node run at hand waits for it. There is room for it. A replay may have
    kept a `number` for it.
    """
    above = at.thread if parent is None else parent
    child = ThreadRun(
        at.turn.tenant,
        at.run.wf_run_id,
        at.run.threads if number is None else number,
        kind,
        thread_spec,
        ThreadStatus.RUNNING,
        parent=above.number,
        holder=at.thread.number,
        counted=Counted.MOVING,
        depth=above.depth + 1,
        started_at=above.position,
    )
    if awaited:
        wait_for_thread(at.turn, child, at.thread.number, at.node_run.position)
    at.thread.live_children += 1
    at.thread.moving_children += 1
    begin_thread(at.turn, at.run, at.spec, child, values, masked)
    return child


def given_values(
    at: At, blueprint: ThreadSpec, given: Mapping[str, Expression]
) -> tuple[dict[str, Value], tuple[str, ...]]:
    """The values that a node gives to a thread, as its variables take them, and the names of those
    that are made of something masked; or ValueProblem.
    """
    values: dict[str, Value] = {}
    masked: list[str] = []
    for name in sorted(given):
        declared = blueprint.variable(name)
        if declared is None:
            raise ValueProblem(f"the thread has no variable {name!r}")
        try:
            values[name] = at.evaluate_as(given[name], declared.type, name)
            masked += [name] if at.masked else []
        except ValueProblem as problem:
            raise ValueProblem(f"variable {name!r}: {problem}") from problem
    return values, tuple(masked)


def checked_values(
    turn: Turn, blueprint: ThreadSpec, given: Mapping[str, Value]
) -> dict[str, Value]:
    """What a thread begins with, of the right types; ValueProblem if something is wrong."""
    values: dict[str, Value] = {}
    structs = structs_of(turn)
    for name in given:
        if blueprint.variable(name) is None:
            raise ValueProblem(f"the thread has no variable {name!r}")
    for declared in blueprint.variables:
        value = given.get(declared.name)
        if value is None and declared.required:
            raise ValueProblem(f"variable {declared.name!r} must be given")
        try:
            values[declared.name] = coerce(value, declared.type, structs)
        except ValueProblem as problem:
            raise ValueProblem(f"variable {declared.name!r}: {problem}") from problem
    return values


def handler_input(turn: Turn, blueprint: ThreadSpec, content: Value) -> dict[str, Value]:
    """What a handler is given: INPUT, if it declares it and the content fits."""
    declared = blueprint.variable(INPUT)
    if declared is None:
        return {}
    turn.pay(0, parts_in(content))
    try:
        return {INPUT: coerce(content, declared.type, structs_of(turn))}
    except ValueProblem:
        return {}  # a handler must run whatever the failure carries


def enter(
    turn: Turn, run: WfRun, spec: WfSpec, thread: ThreadRun, *, position: int, node: str
) -> NodeRun:
    """The thread comes to a node; the node has not been asked yet."""
    thread.position, thread.node = position, node
    return NodeRun(
        turn.tenant,
        run.wf_run_id,
        thread.number,
        position,
        node,
        spec.type_name(thread.thread_spec, node),
        NodeStatus.STARTING,
        history=(Fact(NodeStatus.STARTING, turn.at_ms),),
    )


def held_by(holder: ThreadRun, child: ThreadRun) -> HaltReason | None:
    """Why a thread is halted on account of the one that holds it."""
    for_good = HaltReason.HALTED_BY_PARENT
    if holder.status in (ThreadStatus.COMPLETED, ThreadStatus.EXCEPTION):
        return for_good
    if for_good in holder.halt_reasons:
        return for_good
    if holder.status is ThreadStatus.ERROR:
        return HaltReason.PARENT_HALTED  # it may be rescued
    serves = holder.handler == child.number
    held = holder.held_from_outside if serves else bool(holder.halt_reasons)
    return HaltReason.PARENT_HALTED if held else None


def is_lost_below(at: At) -> bool:
    """Whether the thread is lost (waits.py), by what the one that holds it knows of itself."""
    thread = at.thread
    if thread.status is not ThreadStatus.HALTED or thread.moving_children:
        return False
    if thread.is_abandoned or thread.holder is None:
        return thread.is_abandoned
    holder = peek_thread(at.turn, at.run.wf_run_id, thread.holder)
    assert holder is not None, "a holder is a thread of the run"
    return holder.lost or holder.status not in THREAD_LIVE


def asks(thread: ThreadRun) -> tuple[bool, ...]:
    """What decides `held_by` and `is_lost_below` for the threads below: when it changes, they are
    woken. One that was rescued may have ended in the same visit.
    """
    failed = thread.status is ThreadStatus.ERROR
    over = not failed and thread.status not in THREAD_LIVE
    halted = failed or bool(thread.halt_reasons)
    from_outside = failed or thread.held_from_outside
    for_good = HaltReason.HALTED_BY_PARENT in thread.halt_reasons
    return over, halted, from_outside, for_good, failed or thread.lost


def wake_children(turn: Turn, wf_run_id: str, holder: int) -> None:
    """Wake the threads below, so many a turn."""
    CHILDREN.begin(turn, wf_run_id, holder)


def tell_holder(at: At) -> None:
    """Count the thread anew where it is held, and wake the holder if that changes anything."""
    thread, turn = at.thread, at.turn
    if thread.holder is None:
        return
    counted = counted_as(thread)
    if counted is thread.counted:
        return
    holder = turn.rows.get(ThreadRun, turn.tenant, at.run.wf_run_id, thread.holder)
    assert holder is not None, "a holder is a thread of the run"
    holder.moving_children += (counted is Counted.MOVING) - (thread.counted is Counted.MOVING)
    holder.live_children += (counted is not Counted.NOT) - (thread.counted is not Counted.NOT)
    thread.counted = counted
    turn.rows.put(holder)
    wake(turn, at.run.wf_run_id, holder.number)


def tell_of_end(at: At) -> None:
    """The thread has ended: who waits for it is to look; a failure, or a warning, that nobody has
    looked at is noticed by its parent, at its EXIT.
    """
    tell_waiters_of(at)
    if at.thread.status is not ThreadStatus.COMPLETED or at.thread.warned:
        leave_to_parent(at)


def recall_thread(at: At) -> None:
    """A thread that had ended goes on: it is looked for again, by whoever did before."""
    turn, run, thread = at.turn, at.run, at.thread
    thread.end_number = 0
    if thread.kind is ThreadKind.ENTRYPOINT:
        drop_retention(at)
        drop_anew(turn, run)
    else:
        drop_thread_retention(turn, thread)
    if thread.holder is not None:
        turn.rows.put(LiveChild(turn.tenant, run.wf_run_id, thread.holder, thread.number))
    for event_def in at.thread_spec.interrupts:
        turn.rows.put(Interrupter(turn.tenant, run.wf_run_id, event_def, thread.number))
    mark_thread(at)


def tell_waiters_of(at: At) -> None:
    """The thread has ended, or is halted for good: who waits for it is to look."""
    if at.thread.waiters:
        at.turn.rows.put(copy_of(at.thread))  # they look at it
        tell_waiters(at.turn, at.thread)


def forget_thread(at: At) -> None:
    """The thread has ended: nothing looks for it any more."""
    turn, run, thread = at.turn, at.run, at.thread
    thread.ended = run.steps
    number_end(run, thread)
    if thread.kind is ThreadKind.ENTRYPOINT:
        set_retention(at)
        plan_anew(at)
    else:
        plan_thread_deletion(at)
    if thread.holder is not None:
        turn.rows.delete(LiveChild(turn.tenant, run.wf_run_id, thread.holder, thread.number))
    for event_def in at.thread_spec.interrupts:
        turn.rows.delete(Interrupter(turn.tenant, run.wf_run_id, event_def, thread.number))
    unmark_thread(at)


def _wake_child(turn: Turn, row: LiveChild) -> None:
    wake(turn, row.wf_run_id, row.child)


CHILDREN = Round(TimerKind.WAKE_CHILDREN, LiveChild, _wake_child)
