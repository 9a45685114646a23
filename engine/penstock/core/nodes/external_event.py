"""EXTERNAL_EVENT: waits until an event of a name is put to the run, and takes the oldest that
nobody has taken.

With a correlation key it also takes an event that is put under that key, and not to the run. An
event may have come before the node, or before the run. While the thread is halted nothing is
taken; the time-out runs on, and takes effect when the thread does.
"""

from collections.abc import Iterator
from typing import cast

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.node_check import NodeCheck
from penstock.core.definitions.nodes import ExternalEventNode
from penstock.core.flow.at import At
from penstock.core.flow.correlation import key_of, mark, marked, unmark_node
from penstock.core.flow.node import NodeType
from penstock.core.flow.node_timer import drop_node_timer, set_node_timer
from penstock.core.flow.outcomes import WAIT, Done, Failed, Outcome
from penstock.core.flow.rests import rest
from penstock.core.flow.unclaimed import pick_up_event
from penstock.core.state.event_rows import (
    EventWaiter,
    ExternalEvent,
    UnclaimedEvent,
    queues_of,
)
from penstock.core.state.failures import Failure, FailureName
from penstock.core.state.rest_rows import Rest
from penstock.core.state.timers import Clock, clock_ms
from penstock.core.values.forms import Expression


def arrive(at: At) -> Outcome:
    """Take an event that is there, or begin to wait."""
    config = cast(ExternalEventNode, at.config)
    key = None
    if config.correlation_key is not None:
        key = key_of(at, config.correlation_key, "correlation_key")
    outcome = _take_unclaimed(at)
    if isinstance(outcome, Done):
        return outcome
    node_run = at.node_run
    waiter = EventWaiter(
        at.turn.tenant, at.run.wf_run_id, config.event_def, at.run.steps, node_run.thread
    )
    at.turn.rows.put(waiter)
    rest(at, Rest.WAIT)
    node_run.progress = {"step": waiter.step}
    if key is not None:
        node_run.progress |= {"key": key, "masked": config.mask_correlation_key}
        mark(at, config.event_def, key, masked=config.mask_correlation_key)
    if config.timeout_ms is not None:
        set_node_timer(at, Clock.DURATION, clock_ms(at.turn, Clock.DURATION) + config.timeout_ms)
    return WAIT


def look(at: At) -> Outcome:
    """Take the event that was given to this node run, or one that nobody has taken, or see that the
    time is over.
    """
    config = cast(ExternalEventNode, at.config)
    guid = at.node_run.progress.get("guid")
    if guid is not None:
        event = at.turn.rows.peek(
            ExternalEvent, at.turn.tenant, at.run.wf_run_id, config.event_def, guid
        )
        assert event is not None, "an event stays while its run does"
        return Done(event.content)
    outcome = _take_unclaimed(at)
    if config.timeout_ms is not None and at.node_run.timer is None and outcome is WAIT:
        message = f"no {config.event_def} came within {config.timeout_ms} ms"
        return Failed(Failure(FailureName.TIMEOUT, message))
    if outcome is WAIT:
        rest(at, Rest.WAIT)
    key = at.node_run.progress.get("key")
    if outcome is WAIT and key is not None and not marked(at, config.event_def):
        # An offer was declined while the run had ended; it has been rescued since.
        mark(at, config.event_def, key, masked=config.mask_correlation_key)
    return outcome


def leave(at: At) -> None:
    """Wait no more."""
    config, step = cast(ExternalEventNode, at.config), at.node_run.progress["step"]
    thread = at.node_run.thread
    waiter = EventWaiter(at.turn.tenant, at.run.wf_run_id, config.event_def, step, thread)
    at.turn.rows.delete(waiter)
    unmark_node(at, config.event_def)


def carries(before: NodeConfig, after: NodeConfig) -> str | None:
    """It waits for the same event, and goes on waiting under the key that it has."""
    old, new = cast(ExternalEventNode, before), cast(ExternalEventNode, after)
    if old.event_def != new.event_def:
        return f"waits for {new.event_def} there, not for {old.event_def}"
    if (old.correlation_key is None) == (new.correlation_key is None):
        return None
    return f"waits {'without' if new.correlation_key is None else 'under'} a key there"


def carried(at: At, before: NodeConfig) -> None:
    """A time-out that is new runs from now on; one that was there already runs on."""
    old, new = cast(ExternalEventNode, before), cast(ExternalEventNode, at.config)
    if new.timeout_ms is None:
        drop_node_timer(at)
    elif old.timeout_ms is None:
        set_node_timer(at, Clock.DURATION, clock_ms(at.turn, Clock.DURATION) + new.timeout_ms)


def check(check: NodeCheck) -> None:
    """The event's definition exists, and knows keys if the node has one."""
    config = cast(ExternalEventNode, check.config)
    check.event_def(config.event_def)
    if config.correlation_key is not None:
        check.correlates(config.event_def, config.correlation_key)


def expressions(config: NodeConfig) -> Iterator[Expression]:
    """The correlation key."""
    key = cast(ExternalEventNode, config).correlation_key
    if key is not None:
        yield key


def _take_unclaimed(at: At) -> Outcome:
    rows, tenant, wf_run_id = at.turn.rows, at.turn.tenant, at.run.wf_run_id
    event_def = cast(ExternalEventNode, at.config).event_def
    kind = (tenant, wf_run_id, event_def)
    queues = queues_of(at.thread.number, at.node_run.node, *at.node_run.formerly)
    heads = (next(rows.scan(UnclaimedEvent, *kind, queue), None) for queue in queues)
    there = [head for head in heads if head is not None]
    if not there:
        return WAIT
    oldest = min(there, key=lambda head: (head.offset, head.guid))
    event = rows.get(ExternalEvent, *kind, oldest.guid)
    assert event is not None, "an unclaimed event has a row"
    event.claim(at.node_run.thread, at.node_run.position, at.turn.at_ms)
    rows.put(event)
    pick_up_event(at.turn, event, oldest.offset)
    return Done(event.content)


NODE = NodeType(
    "EXTERNAL_EVENT",
    ExternalEventNode,
    arrive,
    look=look,
    leave=leave,
    carries=carries,
    carried=carried,
    check=check,
    expressions=expressions,
    waits=True,
)
