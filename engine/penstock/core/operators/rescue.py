"""Rescue: a thread that has failed goes on, from a new visit of the node at which it stands.

What its end had told others is taken back. Threads above that failed because of it (CHILD_FAILURE
at a WAIT_FOR_THREADS or an EXIT, or in another run at a WAIT_FOR_CHILD_WF) go on with it; threads
below that were halted with it run again by themselves. A failure that somebody has handled is not
taken up. In a restart the node says from where the thread goes on, and which run below does, too.
"""

from __future__ import annotations

from penstock.core.advance.handlers import remove_reason
from penstock.core.advance.leave import leave
from penstock.core.flow.agenda import wake
from penstock.core.flow.at import At
from penstock.core.flow.correlation import mark_thread
from penstock.core.flow.load import find, load
from penstock.core.flow.moves import move_node, move_thread
from penstock.core.flow.node import GoesOn
from penstock.core.flow.recalls import recall_waiters, rescue_waiters_below
from penstock.core.flow.rounds import pay
from penstock.core.flow.threads import enter, recall_thread, tell_holder
from penstock.core.flow.waits import take_notice
from penstock.core.nodes import TYPE_OF
from penstock.core.operators.rescue_above import (
    Place,
    all_above,
    all_above_waits,
    forget_waits,
    is_wanted,
)
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.run import HaltReason, SweepVerb, ThreadKind
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import (
    NODE_LIVE,
    THREAD_FAILED,
    NodeEvent,
    NodeStatus,
    ThreadEvent,
    ThreadStatus,
)
from penstock.core.state.turn import Turn
from penstock.core.tasks.cancel import cancel_live


def rescue_thread(at: At, *, skip: bool) -> None:
    """Have a thread that has failed go on, and those above that failed because of it; `skip` leaves
    its node along its edges instead of visiting it anew. What one that was in EXCEPTION had halted
    for good is left to `reopen_thread`.
    """
    above = all_above(at)
    _go_on(at, above, skip=skip)
    for place in [(at.run.wf_run_id, at.thread.number), *above]:
        rescue_waiters_below(at.turn, *place)


def fire_rescue_waiter(turn: Turn, timer: Timer) -> None:
    """A thread that has failed at a wait goes on with the one that it had waited for, if it stands
    there still; a refusal leaves it as it is. Other sweeps see to all threads of their run.
    """
    at = find(turn, timer.wf_run_id, timer.number)
    if at is None or (at.run.sweep is not None and at.run.sweep.verb is not SweepVerb.REOPEN):
        return
    if at.thread.status is ThreadStatus.ERROR and at.thread.position == int(timer.detail):
        pay(turn, 1)
        rescue_thread(at, skip=False)


def restart_thread(turn: Turn, wf_run_id: str, number: int) -> str | None:
    """Have a thread go on in a run that is being restarted; those it depends on, whose numbers are
    lower, have been seen to. Returns the run below that is to be restarted with it.
    """
    at = find(turn, wf_run_id, number)
    if at is None:
        return None  # it is gone, since nobody could want it any more
    if at.thread.status not in THREAD_FAILED or not is_wanted(at):
        _reopen(at)
        return None
    done = at.node_run.status is NodeStatus.COMPLETED  # no way led on
    goes_on = GoesOn() if done else TYPE_OF[type(at.config)].restart(at)
    _go_on(at, all_above_waits(at), node=goes_on.node)
    return goes_on.wf_run_id


def reopen_thread(turn: Turn, wf_run_id: str, number: int) -> None:
    """Have a thread run again that was halted for good with one that goes on after all."""
    at = find(turn, wf_run_id, number)
    if at is not None:
        _reopen(at)


def revive(at: At, *, skip: bool = False, node: str | None = None) -> None:
    """A failed thread goes on, at another node if one is named; nobody is asked whether it may."""
    thread, node_run = at.thread, at.node_run
    take_notice(at, thread)
    recall_thread(at)
    forget_waits(at)
    thread.failure, thread.handler = None, None
    if thread.kind is ThreadKind.ENTRYPOINT:
        at.run.counts_as = None
    move_thread(at, ThreadEvent.RESCUE)
    if skip:
        node_run.handled = node_run.skipped = True
    elif node_run.status is not NodeStatus.COMPLETED:
        visit_anew(at, node)
    tell_holder(at)
    at.save()
    wake(at.turn, at.run.wf_run_id, thread.number)


def _go_on(at: At, above: list[Place], *, skip: bool = False, node: str | None = None) -> None:
    """The thread goes on, and those above; then whoever else waited for one of them learns of it,
    and further ones that have failed with it are taken along.
    """
    revive(at, skip=skip, node=node)
    for place in above:
        revive(load(at.turn, *place))
    for place in [(at.run.wf_run_id, at.thread.number), *above]:
        recall_waiters(at.turn, *place)


def visit_anew(at: At, node: str | None = None) -> None:
    """The thread comes to its node once more, as a new node run; or to one that it was at before,
    as any thread that goes back does.
    """
    old, name = at.node_run, node or at.node_run.node
    at.turn.rows.put(old)
    at.node_run = enter(at.turn, at.run, at.spec, at.thread, position=old.position + 1, node=name)
    if name != old.node:
        return
    at.node_run.retries = old.position
    at.node_run.leads_to, at.node_run.formerly = old.leads_to, old.formerly


def _reopen(at: At) -> None:
    """A thread that was halted for good with the one that holds it runs again, if that goes on:
    what its node had waited for is gone, so it is visited anew.
    """
    if HaltReason.HALTED_BY_PARENT not in at.thread.halt_reasons or not is_wanted(at):
        return
    remove_reason(at, HaltReason.HALTED_BY_PARENT)
    at.thread.ended = 0
    mark_thread(at)
    if at.node_run.status in NODE_LIVE and at.node_run.status is not NodeStatus.STARTING:
        message = "left when the thread that holds it ended; begun anew"
        cancel_live(at, message)
        leave(at)
        at.node_run.failure = Failure(FailureName.TASK_CANCELLED, message)
        move_node(at, NodeEvent.FAIL)
        visit_anew(at)
    at.save()
    wake(at.turn, at.run.wf_run_id, at.thread.number)
