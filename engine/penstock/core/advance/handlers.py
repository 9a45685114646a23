"""Handlers: threads that deal with a failure of another thread, or with an event that interrupts
it. Each step looks at rows and says whether it did something.

A thread halts before a handler of its own starts, and runs again when the handler has completed. A
handler that fails, fails its thread without another chance.
"""

from __future__ import annotations

from penstock.core.advance.leave import leave
from penstock.core.flow.anew import supersede
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.moves import keep_output, move_node, move_thread, note_status
from penstock.core.flow.room import no_room, unhandled
from penstock.core.flow.threads import begin_child, handler_input
from penstock.core.flow.warned import warn, warn_thread
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.failures import (
    NOT_ALLOWED,
    Failure,
    handler_of,
    seen_from_above,
)
from penstock.core.state.run import HaltReason, ThreadKind
from penstock.core.state.thread_rows import PendingInterrupt
from penstock.core.state.transitions import (
    NODE_LIVE,
    THREAD_LIVE,
    NodeEvent,
    ThreadEvent,
    ThreadStatus,
)
from penstock.core.values.value import Value


def fail_node(at: At, failure: Failure) -> None:
    """The current node has failed: the run is begun anew, or its handler is called for, or it is
    allowed to fail, or the thread fails with it.
    """
    superseded = supersede(at, failure)
    failure = superseded or failure
    at.node_run.failure = failure
    move_node(at, NodeEvent.FAIL if failure.technical else NodeEvent.THROW)
    if superseded is not None:
        return
    if handler_of(at.config.handlers, failure) is not None:
        add_reason(at, HaltReason.PENDING_FAILURE)
    elif not _allow(at):
        fail_thread(at, failure)


def fail_thread(at: At, failure: Failure) -> None:
    """The thread ends with a failure."""
    at.thread.failure = failure
    move_thread(at, ThreadEvent.FAIL if failure.technical else ThreadEvent.THROW)


def _allow(at: At) -> bool:
    """Whether the node may fail, with what no handler has dealt with: then the thread goes on as if
    it had been handled, and what reads its output finds null.
    """
    failure = at.node_run.failure
    if not at.config.allow_failure or failure is None or failure.name in NOT_ALLOWED:
        return False
    at.node_run.handled = True
    keep_output(at)
    warn(at)
    return True


def call_for_interrupt(at: At) -> bool:
    """An interrupt has come: the thread halts for it, unless one is being handled already."""
    thread = at.thread
    if not thread.interrupts or thread.handler is not None or at.run.held:
        return False
    if HaltReason.PENDING_INTERRUPT in thread.halt_reasons:
        return False
    add_reason(at, HaltReason.PENDING_INTERRUPT)
    return True


def start_handler(at: At) -> bool:
    """A halted thread's handler begins: that of a failure before that of an interrupt."""
    thread = at.thread
    if thread.status is not ThreadStatus.HALTED or thread.handler is not None:
        return False
    if thread.held_from_outside:
        return False
    if HaltReason.PENDING_FAILURE in thread.halt_reasons:
        _start_failure_handler(at)
        return True
    if HaltReason.PENDING_INTERRUPT in thread.halt_reasons:
        _start_interrupt(at)
        return True
    return False


def see_to_handler(at: At) -> bool:
    """The handler has ended: the thread goes on, or fails."""
    thread = at.thread
    if thread.handler is None:
        return False
    handler = peek_thread(at.turn, at.run.wf_run_id, thread.handler)
    assert handler is not None, "a handler is a thread of the run"
    if handler.status in THREAD_LIVE:
        return False
    thread.handler = None
    handles_failure = handler.kind is ThreadKind.FAILURE_HANDLER
    if handler.warned:
        (warn if handles_failure else warn_thread)(at)
    if handler.status is not ThreadStatus.COMPLETED:
        assert handler.failure is not None
        if handles_failure and _allow(at):
            remove_reason(at, HaltReason.HANDLING_FAILURE)
        else:
            _fail_without_grace(at, seen_from_above(handler.failure, f"handler {handler.number}"))
        return True
    if handles_failure:
        _end_handling(at)
    else:
        remove_reason(at, HaltReason.INTERRUPTED)
    return True


def _end_handling(at: At) -> None:
    """The failure of the current node is handled, unless its handler was only to be told of it."""
    failure = at.node_run.failure
    assert failure is not None, "a failure is what was handled"
    handler = handler_of(at.config.handlers, failure)
    if handler is None or not handler.rethrow:
        at.node_run.handled = True
    elif not _allow(at):
        fail_thread(at, failure)
        return
    remove_reason(at, HaltReason.HANDLING_FAILURE)


def add_reason(at: At, reason: HaltReason) -> None:
    """One more reason to halt."""
    if reason not in at.thread.halt_reasons:
        at.thread.halt_reasons = (*at.thread.halt_reasons, reason)
        note_status(at.turn, at.run, at.thread)


def remove_reason(at: At, reason: HaltReason) -> None:
    """One reason less."""
    kept = tuple(other for other in at.thread.halt_reasons if other is not reason)
    at.thread.halt_reasons = kept
    note_status(at.turn, at.run, at.thread)


def _start_failure_handler(at: At) -> None:
    failure = at.node_run.failure
    assert failure is not None, "a failure is what is handled"
    handler = handler_of(at.config.handlers, failure)
    assert handler is not None, "it was there when the node failed"
    full = no_room(at.run, at.thread)
    if full is not None:
        if _allow(at):
            remove_reason(at, HaltReason.PENDING_FAILURE)
        else:
            fail_thread(at, unhandled(failure, full))
        return
    _replace(at, HaltReason.PENDING_FAILURE, HaltReason.HANDLING_FAILURE)
    _begin(at, ThreadKind.FAILURE_HANDLER, handler.thread, failure.content, masked=failure.masked)


def _start_interrupt(at: At) -> None:
    turn, thread = at.turn, at.thread
    full = no_room(at.run, thread)
    if full is not None:
        _fail_without_grace(at, full)
        return
    pending = next(turn.rows.scan(PendingInterrupt, turn.tenant, at.run.wf_run_id, thread.number))
    turn.rows.delete(pending)
    thread.interrupts -= 1
    event = turn.rows.peek(
        ExternalEvent, turn.tenant, at.run.wf_run_id, pending.event_def, pending.guid
    )
    assert event is not None, "an event stays while its run does"
    _replace(at, HaltReason.PENDING_INTERRUPT, HaltReason.INTERRUPTED)
    _begin(at, ThreadKind.INTERRUPT, at.thread_spec.interrupts[pending.event_def], event.content)


def _begin(
    at: At, kind: ThreadKind, thread_spec: str, content: Value, *, masked: bool = False
) -> None:
    values = handler_input(at.turn, at.spec.body.threads[thread_spec], content)
    at.thread.handler = begin_child(
        at, kind, thread_spec, values, masked=values if masked else ()
    ).number


def _replace(at: At, old: HaltReason, new: HaltReason) -> None:
    reasons = at.thread.halt_reasons
    at.thread.halt_reasons = tuple(new if reason is old else reason for reason in reasons)


def _fail_without_grace(at: At, failure: Failure) -> None:
    if at.node_run.status in NODE_LIVE:
        leave(at)
        at.node_run.failure = failure
        move_node(at, NodeEvent.FAIL if failure.technical else NodeEvent.THROW)
    fail_thread(at, failure)
