"""Moves: the only place that changes the status of a thread, a run or a node run, by the tables of
transitions.py, and notes each in the history of what it belongs to.
"""

from __future__ import annotations

from penstock.core.flow.at import At
from penstock.core.flow.counts import count_run
from penstock.core.flow.ends import note_end
from penstock.core.flow.family import count_live
from penstock.core.flow.places import give_back, take_again
from penstock.core.flow.published import publish
from penstock.core.flow.rests import rest
from penstock.core.flow.waiters import tell_waiters_of_run
from penstock.core.state.history import note
from penstock.core.state.outputs import WfRunChanged
from penstock.core.state.run import Counted, NodeOutput, SweepVerb, ThreadRun, WfRun
from penstock.core.state.transitions import (
    NODE,
    NODE_LIVE,
    THREAD,
    THREAD_LIVE,
    ThreadEvent,
    ThreadStatus,
    move,
)
from penstock.core.state.transitions import NodeEvent as NodeMove
from penstock.core.state.turn import Turn
from penstock.core.values.masking import MASK
from penstock.core.values.value import Value

ENTRYPOINT_NUMBER = 0


def move_thread(at: At, event: ThreadEvent) -> None:
    """Move the thread; one that has ended is neither halted for anything nor lost."""
    thread = at.thread
    thread.status = move(THREAD, thread.status, event)
    if thread.status not in THREAD_LIVE:
        thread.halt_reasons, thread.lost = (), False
    note(at.turn, thread, thread.status)
    note_status(at.turn, at.run, thread)


def move_node(at: At, event: NodeMove) -> None:
    """Move the current node run; one that has ended waits for nothing."""
    node_run = at.node_run
    node_run.status = move(NODE, node_run.status, event)
    note(at.turn, node_run, node_run.status)
    if node_run.rests is not None and node_run.status not in NODE_LIVE:
        rest(at, None)


def reach(at: At) -> None:
    """The thread comes to the current node: a step of the run."""
    at.run.steps += 1
    at.node_run.step = at.run.steps


def complete_node(at: At, output: Value, *, masked: bool = False) -> None:
    """The current node is done; its output is kept if another node refers to it. One that an
    operator has completed before it was asked was reached with that.
    """
    node_run = at.node_run
    if node_run.step == 0:
        reach(at)
    node_run.output = output
    node_run.masked = masked or node_run.node in at.spec.masked_outputs.get(
        at.thread.thread_spec, ()
    )
    if node_run.masked:
        at.turn.unaudited = (*at.turn.unaudited, "output")  # an operator may have given it
    move_node(at, NodeMove.COMPLETE)
    keep_output(at)


def keep_output(at: At) -> None:
    """The output of the current node is the newest one, for those nodes that refer to it."""
    node_run = at.node_run
    if node_run.node in at.spec.kept_outputs.get(at.thread.thread_spec, ()):
        at.turn.rows.put(
            NodeOutput(
                at.turn.tenant,
                at.run.wf_run_id,
                node_run.thread,
                node_run.node,
                node_run.output,
                node_run.position,
                masked=node_run.masked,
            )
        )
    if at.config.publish:
        publish(at)


def note_status(turn: Turn, run: WfRun, thread: ThreadRun) -> None:
    """A run's status is its entrypoint thread's; tell the outside when it changes."""
    if thread.number != ENTRYPOINT_NUMBER:
        return
    status = _status_of_run(run, thread)
    if not note(turn, run, status):
        return
    before, run.status = run.status, status
    was_live = before in THREAD_LIVE
    run.ended_ms = None if status in THREAD_LIVE else turn.at_ms
    if run.ended_ms is not None or ThreadStatus.HALTED in (before, status):
        tell_waiters_of_run(turn, run)
    if was_live != (run.ended_ms is None):
        change = -1 if was_live else 1
        count_live(turn, run, change)
        count_run(turn, run, change)
        (give_back if was_live else take_again)(turn, run)
    if was_live and run.ended_ms is not None:
        note_end(turn, run, thread)
    tell_status(turn, run, thread)


def tell_status(turn: Turn, run: WfRun, thread: ThreadRun) -> None:
    """Tell the outside what has become of a run, by it and its entrypoint thread."""
    turn.tell(
        run.wf_run_id,
        WfRunChanged(
            wf_run_id=run.wf_run_id,
            wf_spec=run.wf_spec,
            version=run.version,
            status=run.status,
            at_ms=turn.at_ms,
            output=MASK if thread.masked and thread.output is not None else thread.output,
            failure=None if thread.failure is None else thread.failure.name,
            message=None if thread.failure is None else thread.failure.message,
            warned=run.warned,
        ),
    )


def counted_as(thread: ThreadRun) -> Counted:
    """As what its holder should count a thread."""
    if thread.moving:
        return Counted.MOVING
    return Counted.HALTED if thread.status in THREAD_LIVE else Counted.NOT


def _status_of_run(run: WfRun, thread: ThreadRun) -> ThreadStatus:
    """The entrypoint's status, but RUNNING while only a handler of its own holds it, and HALTING
    while something below it still runs, or while it is being killed.
    """
    if run.sweep is not None and run.sweep.verb is SweepVerb.KILL and thread.status in THREAD_LIVE:
        return ThreadStatus.HALTING
    if thread.status not in (ThreadStatus.HALTING, ThreadStatus.HALTED):
        return thread.status
    if not thread.held_from_outside:
        return ThreadStatus.RUNNING
    return ThreadStatus.HALTING if thread.moving else ThreadStatus.HALTED
