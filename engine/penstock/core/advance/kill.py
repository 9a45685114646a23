"""Killing a run: each of its threads ends, from wherever it stands, and nothing is handled. So ends
one that is superseded.

A sweep (sweep.py) wakes all threads; a visit of a thread of such a run comes to `die`. A worker
that runs a task is asked to stop, and waited for until the deadline; what no worker has started
ends at once. The entrypoint ends last, and the run with it.
"""

from __future__ import annotations

from msgspec.structs import replace

from penstock.core.advance.handlers import add_reason, fail_thread
from penstock.core.advance.leave import leave
from penstock.core.flow.agenda import wake
from penstock.core.flow.anew import end_of
from penstock.core.flow.at import At
from penstock.core.flow.kill_deadline import drop_kill_deadline
from penstock.core.flow.moves import ENTRYPOINT_NUMBER, complete_node, move_node, move_thread
from penstock.core.flow.warned import warn
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.migration_rows import Migration
from penstock.core.state.run import HaltReason, Stop, Sweep, SweepVerb
from penstock.core.state.transitions import (
    NODE_LIVE,
    TASK_LIVE,
    NodeEvent,
    TaskStatus,
    ThreadEvent,
    ThreadStatus,
)
from penstock.core.tasks.cancel import cancel, task_of
from penstock.core.tasks.stops import ask_to_stop


def die(at: At) -> None:
    """End the thread, unless its task is waited for, or it is the entrypoint and others live."""
    sweep, thread = at.run.sweep, at.thread
    assert sweep is not None, "only threads of a run that is being killed die"
    add_reason(at, HaltReason.KILLED)
    if thread.status is ThreadStatus.RUNNING:
        move_thread(at, ThreadEvent.HALT)
    if at.node_run.status in NODE_LIVE and not _end_node(at, sweep):
        return
    if thread.number == ENTRYPOINT_NUMBER:
        if sweep.next < at.run.threads or sweep.waiting:
            return
        forget_sweep(at)
    elif thread.number < sweep.next:
        at.run.sweep = replace(sweep, waiting=sweep.waiting - 1)
        if sweep.waiting == 1:
            wake(at.turn, at.run.wf_run_id, ENTRYPOINT_NUMBER)
    fail_thread(at, end_of(at, sweep.message))


def forget_sweep(at: At) -> None:
    """Nothing goes over the threads of the run any more."""
    drop_kill_deadline(at.turn, at.run)
    if at.run.sweep is not None and at.run.sweep.verb is SweepVerb.CHECK_MIGRATION:
        at.turn.rows.delete(Migration(at.turn.tenant, at.run.wf_run_id, 0, {}, {}, {}))
    at.run.sweep = None


def _end_node(at: At, sweep: Sweep) -> bool:
    """The node run ends as its task has, or as killed; False while the task is waited for."""
    task = task_of(at)
    failure = end_of(at, sweep.message)
    if task is not None:
        if task.status is TaskStatus.TASK_RUNNING and not sweep.forced:
            if task.stop is None or task.stop.kind is not Stop.CANCEL:
                ask_to_stop(at.turn, task, Stop.CANCEL, None)
            return False
        if task.status is TaskStatus.TASK_SUCCESS:
            leave(at)
            complete_node(at, task.attempt.output)
            if task.attempt.warning:
                warn(at)
            return True
        if task.status in TASK_LIVE:
            cancel(at.turn, task, sweep.message)
            failure = Failure(FailureName.TASK_CANCELLED, sweep.message)
        elif task.attempt.failure is not None:
            failure = task.attempt.failure
    leave(at)
    at.node_run.failure = failure
    move_node(at, NodeEvent.FAIL if failure.technical else NodeEvent.THROW)
    return True
