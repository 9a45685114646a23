"""Advance: visits threads that were woken, and does in each whatever its rows call for. The only
loop over nodes.

A visit is a loop of small steps; each looks whether there is something for it to do. It ends when
there is nothing left to do, or the turn's budget is spent.
"""

from __future__ import annotations

from penstock.core.advance.edges import is_wanted, mutated, open_edge
from penstock.core.advance.handlers import (
    add_reason,
    call_for_interrupt,
    fail_node,
    fail_thread,
    remove_reason,
    see_to_handler,
    start_handler,
)
from penstock.core.advance.kill import die, forget_sweep
from penstock.core.advance.leave import leave
from penstock.core.flow.agenda import next_woken, wake, wake_later
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.correlation import mark_thread, unmark_thread
from penstock.core.flow.load import find, find_woken
from penstock.core.flow.moves import complete_node, move_node, move_thread, note_status, reach
from penstock.core.flow.outcomes import Done, Ended, Failed, Outcome, Wait
from penstock.core.flow.recalls import recall_waiters
from penstock.core.flow.rests import rest
from penstock.core.flow.threads import (
    asks,
    enter,
    forget_thread,
    held_by,
    is_lost_below,
    tell_holder,
    tell_of_end,
    tell_waiters_of,
    wake_children,
)
from penstock.core.flow.variables import write_variables
from penstock.core.flow.waiters import number_end
from penstock.core.limits import STEPS_PER_RUN_MAX
from penstock.core.nodes import TYPE_OF
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import HaltReason, SweepVerb
from penstock.core.state.transitions import (
    NODE_LIVE,
    THREAD_LIVE,
    NodeEvent,
    NodeStatus,
    ThreadEvent,
    ThreadStatus,
)
from penstock.core.state.turn import Turn
from penstock.core.tasks.cancel import cancel_live
from penstock.core.values.types import ValueProblem


def settle(turn: Turn) -> None:
    """Visit the threads that were woken, until none is left or the turn's budget is spent."""
    while (woken := next_woken(turn)) is not None:
        turn.nodes_left -= 1
        wf_run_id, number = woken
        at = find_woken(turn, wf_run_id, number)
        above = None if at is None else _who_has_to_halt(at)
        if above is not None:
            wake(turn, wf_run_id, number)
            at = find(turn, wf_run_id, above)
        if at is not None:
            visit(at)


def _who_has_to_halt(at: At) -> int | None:
    """The topmost thread above this one that is to halt and has not been visited since: it is, and
    is told so first, since nothing begins below a thread that has failed.
    """
    found, thread = None, at.thread
    while thread.holder is not None and at.run.sweep is None:
        holder = peek_thread(at.turn, at.run.wf_run_id, thread.holder)
        assert holder is not None, "a holder is a thread of the run"
        wanted = held_by(holder, thread)
        is_new = wanted is not None and wanted not in thread.halt_reasons
        if is_new and thread is not at.thread and thread.status in THREAD_LIVE:
            found = thread.number
        thread = holder
    return found


def visit(at: At) -> None:
    """Do what the thread's rows call for, save them, and tell the others."""
    live, goes_on = at.thread.status in THREAD_LIVE, False
    sweep = at.run.sweep
    if sweep is not None:
        if sweep.verb is not SweepVerb.KILL:
            return  # all its threads are woken when the sweep is over
        if live:
            die(at)
    elif live:
        _heed_holder(at)
        asked_node = -1  # the position of the node that was asked in this visit
        while at.thread.status in THREAD_LIVE and at.run.sweep is None:
            was_asked = asked_node == at.thread.position
            if _see_to_threads(at, asked=was_asked):
                continue
            if was_asked and at.node_run.status is NodeStatus.RUNNING:
                break
            asked_node = at.thread.position
            if at.thread.status is ThreadStatus.HALTED or not _see_to_node(at):
                break
        goes_on = _see_to_loss(at)
        note_status(at.turn, at.run, at.thread)
    _tell(at, live)
    at.save()
    if goes_on:
        recall_waiters(at.turn, at.run.wf_run_id, at.thread.number)


def halt(at: At, reason: HaltReason) -> None:
    """Ask a thread to halt; it does so at once unless something of it is in flight."""
    add_reason(at, reason)
    at.save()
    wake(at.turn, at.run.wf_run_id, at.thread.number)


def unhalt(at: At, reason: HaltReason) -> None:
    """Take a reason to halt away; the thread runs again when none is left."""
    remove_reason(at, reason)
    at.save()
    wake(at.turn, at.run.wf_run_id, at.thread.number)


def quarantine(at: At, message: str, *, leaving: bool) -> None:
    """A defect of ours hit this run: end it with a failure that says so. Its node is left and its
    task is cancelled, unless that is where the defect is (R6).
    """
    if at.run.sweep is not None:
        forget_sweep(at)
        at.save()
    if at.thread.status not in THREAD_LIVE:
        return
    failure = Failure(FailureName.ENGINE_DEFECT, message)
    if at.node_run.status in NODE_LIVE:
        if leaving:
            cancel_live(at, message)
            leave(at)
        at.node_run.failure = failure
        move_node(at, NodeEvent.FAIL)
    fail_thread(at, failure)
    _tell(at, True)
    at.save()


def _heed_holder(at: At) -> None:
    """Halt with the thread that holds this one, and run again with it."""
    thread = at.thread
    if thread.holder is None:
        return
    holder = peek_thread(at.turn, at.run.wf_run_id, thread.holder)
    assert holder is not None, "a holder is a thread of the run"
    wanted = held_by(holder, thread)
    if wanted is not HaltReason.PARENT_HALTED:
        remove_reason(at, HaltReason.PARENT_HALTED)
    if wanted is not None:
        add_reason(at, wanted)


def _see_to_threads(at: At, *, asked: bool) -> bool:
    """One step of halting, of handlers or of running again; False if there is none to do."""
    thread = at.thread
    if thread.status is ThreadStatus.RUNNING and not (
        thread.halt_reasons or thread.interrupts or thread.handler is not None
    ):
        return False  # undisturbed
    if see_to_handler(at) or call_for_interrupt(at):
        return True
    if thread.halt_reasons and thread.status is ThreadStatus.RUNNING:
        move_thread(at, ThreadEvent.HALT)
        return True
    if not thread.halt_reasons and thread.status is not ThreadStatus.RUNNING:
        _run_again(at)
        return True
    return _settle_halt(at, asked=asked) or start_handler(at)


def _see_to_loss(at: At) -> bool:
    """What a thread that is halted for good waited for is wanted no more; who waits for one that is
    lost learns of it, and forgets it when the thread goes on after all (then True).
    """
    thread = at.thread
    if thread.is_abandoned:
        thread.ended = thread.ended or at.run.steps
        if at.node_run.status in NODE_LIVE:
            leave(at)
            rest(at, None)
        unmark_thread(at)
    thread.lost = is_lost_below(at)
    if thread.lost:
        number_end(at.run, thread)
        tell_waiters_of(at)
    goes_on = not thread.lost and thread.end_number > 0
    if goes_on:
        thread.end_number = 0
    return goes_on


def _run_again(at: At) -> None:
    move_thread(at, ThreadEvent.RESUME)
    mark_thread(at)  # an offer was declined, perhaps, while its run had ended
    if at.node_run.status is NodeStatus.HALTED:
        move_node(at, NodeEvent.RESUME)


def _settle_halt(at: At, *, asked: bool) -> bool:
    """A thread that is asked to halt does so once nothing of it, or below it, is in flight. A node
    that mirrors a task is asked first: the task may have ended.
    """
    if at.thread.status is not ThreadStatus.HALTING:
        return False
    if at.node_run.status is NodeStatus.RUNNING:
        config = at.config
        mirrors = config.MIRRORS_TASK
        if not TYPE_OF[type(config)].halt(at) or (mirrors and not asked):
            return False
        if not mirrors:
            move_node(at, NodeEvent.HALT)
    if at.thread.moving_children:
        return False
    move_thread(at, ThreadEvent.SETTLE)
    return True


def _see_to_node(at: At) -> bool:
    """One step of the current node, or from it to the next; False if it can not be done now."""
    node_run, running = at.node_run, at.thread.status is ThreadStatus.RUNNING
    if node_run.status is NodeStatus.RUNNING:
        _take(at, TYPE_OF[type(at.config)].look(at))
        return True
    if not running:
        return False
    if node_run.status is NodeStatus.STARTING:
        if at.turn.nodes_left == 0 or at.turn.is_full():
            wake_later(at.turn, at.run.wf_run_id, at.thread.number)
            return False
        at.turn.nodes_left -= 1
        _take(at, _arrive(at))
        return True
    _follow_edge(at)
    return True


def _arrive(at: At) -> Outcome:
    reach(at)
    if at.run.steps > STEPS_PER_RUN_MAX:
        message = f"the run has taken {STEPS_PER_RUN_MAX} steps, which is its limit"
        return Failed(Failure(FailureName.STEP_LIMIT, message))
    try:
        config = at.config
        if config.run_if is not None and not is_wanted(at, config.run_if):
            at.node_run.skipped = True
            return Done()
        return TYPE_OF[type(config)].arrive(at)
    except ValueProblem as problem:
        return Failed(Failure(FailureName.VAR_SUB_ERROR, str(problem)))


def _take(at: At, outcome: Outcome) -> None:
    """Write down what a node's hook has answered."""
    node_run = at.node_run
    if isinstance(outcome, Wait):
        if node_run.status is NodeStatus.STARTING:
            move_node(at, NodeEvent.WAIT)
        return
    if node_run.status is not NodeStatus.STARTING:
        leave(at)
    match outcome:
        case Done(output, masked):
            complete_node(at, output, masked=masked)
        case Ended(output, masked):
            move_node(at, NodeEvent.COMPLETE)
            at.thread.output, at.thread.masked = output, masked
            move_thread(at, ThreadEvent.COMPLETE)
        case Failed(failure):
            fail_node(at, failure)


def _follow_edge(at: At) -> None:
    """Take the first edge that is open, with all its mutations or none, and enter the node it leads
    to. A node whose failure was handled, or is allowed, is left without mutations.
    """
    handled = at.node_run.handled
    try:
        edge = open_edge(at)
    except ValueProblem as problem:
        _fail_leaving(at, FailureName.VAR_SUB_ERROR, str(problem))
        return
    try:
        changed = [] if handled else mutated(at, edge.mutations)
    except ValueProblem as problem:
        _fail_leaving(at, FailureName.VAR_MUTATION_ERROR, str(problem))
        return
    if changed:
        write_variables(at, changed)
    at.turn.rows.put(at.node_run)
    at.node_run = enter(
        at.turn, at.run, at.spec, at.thread, position=at.thread.position + 1, node=edge.to
    )


def _fail_leaving(at: At, name: FailureName, message: str) -> None:
    """The node is done, but no way leads on: it fails there, and is not handled twice."""
    failure = Failure(name, f"leaving node {at.node_run.node!r}: {message}")
    if at.node_run.handled:
        fail_thread(at, failure)
    else:
        fail_node(at, failure)


def _tell(at: At, was_live: bool) -> None:
    """Others learn what has become of the thread."""
    thread = at.thread
    if was_live and thread.status not in THREAD_LIVE:
        forget_thread(at)
        tell_of_end(at)
    tell_holder(at)
    asked = asks(thread)
    if asked != thread.asked:
        thread.asked = asked
        if thread.live_children:
            wake_children(at.turn, at.run.wf_run_id, thread.number)
