"""EXTERNAL_EVENT: waits until an event of a name is put to the run, and takes the oldest that
nobody has taken.

An event may have come before the node, or before the run. While the thread is halted nothing is
taken; the time-out runs on, and takes effect when the thread does.
"""

from typing import Annotated, cast

from msgspec import Meta

from penstock.core.at import At
from penstock.core.limits import DURATION_MS_MAX
from penstock.core.node_check import NodeCheck
from penstock.core.nodes.base import (
    WAIT,
    Done,
    Failed,
    NodeConfig,
    NodeEvent,
    NodeType,
    Outcome,
    TimerDue,
)
from penstock.core.run import (
    EventWaiter,
    ExternalEvent,
    Failure,
    FailureName,
    UnclaimedEvent,
)
from penstock.core.timers import Clock, TimerKind, clock_ms, drop_timer, set_timer
from penstock.core.transitions import ThreadStatus


class ExternalEventNode(NodeConfig, tag="EXTERNAL_EVENT", frozen=True):
    """Which event, and how long to wait for it (for ever, if nothing is said)."""

    event_def: str
    timeout_ms: Annotated[int, Meta(ge=1, le=DURATION_MS_MAX)] | None = None


def arrive(at: At) -> Outcome:
    """Take an event that is there, or begin to wait."""
    config = cast(ExternalEventNode, at.config)
    outcome = _take(at)
    if isinstance(outcome, Done):
        return outcome
    node_run = at.node_run
    at.turn.rows.put(_waiter(at))
    if config.timeout_ms is not None:
        node_run.timer = set_timer(
            at.turn,
            TimerKind.NODE,
            at.run.wf_run_id,
            clock=Clock.DURATION,
            due_ms=clock_ms(at.turn, Clock.DURATION) + config.timeout_ms,
            detail=str(node_run.thread),
            number=node_run.position,
        )
    return WAIT


def resume(at: At, event: NodeEvent) -> Outcome:
    """An event came or the time is over; neither takes effect while the thread is halted."""
    if isinstance(event, TimerDue):
        at.node_run.timer = None
    if at.thread.status is not ThreadStatus.RUNNING:
        return WAIT
    outcome = _take(at)
    if isinstance(outcome, Done):
        _leave(at)
        return outcome
    if isinstance(event, TimerDue):
        return _timed_out(at)
    return WAIT


def unhalt(at: At) -> Outcome:
    """What came during the halt takes effect now."""
    outcome = _take(at)
    if isinstance(outcome, Done):
        _leave(at)
        return outcome
    config = cast(ExternalEventNode, at.config)
    if config.timeout_ms is not None and at.node_run.timer is None:
        return _timed_out(at)
    return WAIT


def check(check: NodeCheck) -> None:
    """The event's definition exists."""
    check.event_def(cast(ExternalEventNode, check.config).event_def)


def _take(at: At) -> Outcome:
    rows, tenant, wf_run_id = at.turn.rows, at.turn.tenant, at.run.wf_run_id
    event_def = cast(ExternalEventNode, at.config).event_def
    for unclaimed in rows.scan(UnclaimedEvent, tenant, wf_run_id, event_def):
        event = rows.get(ExternalEvent, tenant, wf_run_id, event_def, unclaimed.guid)
        assert event is not None, "an unclaimed event has a row"
        event.claimed_by = (at.node_run.thread, at.node_run.position)
        rows.put(event)
        rows.delete(unclaimed)
        return Done(event.content)
    return WAIT


def _timed_out(at: At) -> Outcome:
    _leave(at)
    config = cast(ExternalEventNode, at.config)
    message = f"no {config.event_def} came within {config.timeout_ms} ms"
    return Failed(Failure(FailureName.TIMEOUT, message))


def _leave(at: At) -> None:
    """Wait no more."""
    at.turn.rows.delete(_waiter(at))
    node_run = at.node_run
    if node_run.timer is not None:
        drop_timer(
            at.turn,
            node_run.timer,
            TimerKind.NODE,
            at.run.wf_run_id,
            detail=str(node_run.thread),
            number=node_run.position,
        )
        node_run.timer = None


def _waiter(at: At) -> EventWaiter:
    node_run = at.node_run
    event_def = cast(ExternalEventNode, at.config).event_def
    return EventWaiter(
        at.turn.tenant, at.run.wf_run_id, event_def, node_run.thread, node_run.position
    )


NODE = NodeType(
    "EXTERNAL_EVENT",
    ExternalEventNode,
    arrive,
    resume=resume,
    unhalt=unhalt,
    check=check,
    waits=True,
)
