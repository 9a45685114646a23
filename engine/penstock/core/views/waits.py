"""Why a run is waiting: for each of its threads that has not ended, what it waits for, since when,
and until when if that is known. Told from rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from penstock.core.flow.at import At
from penstock.core.flow.trial import reading_turn
from penstock.core.flow.versions import spec_of
from penstock.core.state.partition_state import Shard
from penstock.core.state.run import HaltReason, NodeRun, ThreadRun
from penstock.core.state.transitions import THREAD_LIVE, NodeStatus, ThreadStatus
from penstock.core.views.node_waits import Reason, Stand, node_reason
from penstock.core.views.seen import Seen
from penstock.core.views.waits_for import WaitsFor


@dataclass(frozen=True, slots=True)
class Wait:
    """A thread that waits, and why."""

    thread: ThreadRun
    reason: Reason


def waits_of(seen: Seen) -> Iterator[Wait]:
    """The waits of a run, by thread. Of one that has ended: what an operator may rescue."""
    run = seen.run
    ended = run.status not in THREAD_LIVE
    if ended and run.status is not ThreadStatus.ERROR:
        return
    for thread in seen.rows.scan(ThreadRun, run.tenant, run.wf_run_id):
        reason = _rescuable(seen, thread)
        if reason is None and not ended:
            reason = _reason(seen, thread)
        if reason is not None:
            yield Wait(thread, reason)


def _rescuable(seen: Seen, thread: ThreadRun) -> Reason | None:
    failed = thread.status is ThreadStatus.ERROR and not thread.gone
    return _failed(seen, thread) if failed else None


def _reason(seen: Seen, thread: ThreadRun) -> Reason | None:
    if thread.status not in THREAD_LIVE or thread.is_abandoned:
        return None
    if thread.status is ThreadStatus.HALTED:
        return _halted(thread)
    reason = _at_node(seen, thread)
    if thread.status is ThreadStatus.RUNNING:
        return reason
    return replace(reason, text=f"Is coming to a stop. {reason.text}")


def _failed(seen: Seen, thread: ThreadRun) -> Reason | None:
    """While the run goes on, somebody may still see to the failure, or has."""
    if seen.run.status is not ThreadStatus.ERROR and not thread.unnoticed:
        return None
    failure = thread.failure
    name = "ERROR" if failure is None else failure.name
    said = f": {failure.message}" if failure is not None and failure.message else ""
    since_ms = thread.history[-1].at_ms if thread.history else None
    return Reason(
        WaitsFor.FAILED, f"Failed at {thread.node} with {name}{said}", name, since_ms=since_ms
    )


_HALTS: Final[dict[HaltReason, tuple[WaitsFor, str]]] = {
    HaltReason.KILLED: (WaitsFor.TURN, "it is being killed"),
    HaltReason.MANUAL_HALT: (WaitsFor.STOPPED, "stopped by hand, until it is resumed"),
    HaltReason.PAUSED: (WaitsFor.STOPPED, "paused, until it is resumed"),
    HaltReason.PARENT_HALTED: (WaitsFor.THREADS, "the thread above it is stopped"),
    HaltReason.HALTED_BY_PARENT: (WaitsFor.THREADS, "ended by the thread above it"),
    HaltReason.PENDING_FAILURE: (WaitsFor.HANDLER, "about to have a failure handled"),
    HaltReason.HANDLING_FAILURE: (WaitsFor.HANDLER, "its failure is being handled"),
    HaltReason.PENDING_INTERRUPT: (WaitsFor.HANDLER, "about to be interrupted by an event"),
    HaltReason.INTERRUPTED: (WaitsFor.HANDLER, "interrupted by an event, which is being handled"),
}
"""The first one that holds says what is waited for; all are told."""


def _halted(thread: ThreadRun) -> Reason:
    reasons = [_HALTS[one] for one in _HALTS if one in thread.halt_reasons]
    what, _ = reasons[0] if reasons else (WaitsFor.TURN, "")
    said = "; ".join(text for _, text in reasons)
    name = None
    if what is WaitsFor.HANDLER and thread.handler is not None:
        name, said = str(thread.handler), f"{said} by thread {thread.handler}"
    elif what is WaitsFor.THREADS and thread.holder is not None:
        name = str(thread.holder)
    since_ms = thread.history[-1].at_ms if thread.history else None
    return Reason(what, f"Stands still at {thread.node}: {said}.", name, since_ms)


def _at_node(seen: Seen, thread: ThreadRun) -> Reason:
    run = seen.run
    node = seen.rows.peek(NodeRun, run.tenant, run.wf_run_id, thread.number, thread.position)
    if node is None or node.status is not NodeStatus.RUNNING:
        return Reason(WaitsFor.TURN, f"Is about to go on at {thread.node}.")
    spec = spec_of(seen.rows, run, thread)
    blueprint = spec.body.threads.get(thread.thread_spec)
    config = None if blueprint is None else blueprint.nodes.get(node.node)

    def at() -> At:
        shard = Shard(seen.partition, seen.partition + 1)  # how many there are nothing here asks
        return At(reading_turn(seen.rows, shard, run.tenant), run, spec, thread, node)

    return node_reason(Stand(seen.rows, run, thread, node, config, at))
