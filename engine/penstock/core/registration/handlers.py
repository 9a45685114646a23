"""Handlers: of failures that may come, each for something that those before it leave; and of events
that interrupt.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.node_check import INPUT, NodeCheck
from penstock.core.definitions.nodes import WaitForThreadsNode
from penstock.core.definitions.wf_spec import ThreadSpec
from penstock.core.limits import HANDLERS_PER_NODE_MAX
from penstock.core.nodes import TYPE_OF
from penstock.core.registration.data_flow import (
    check_before_nodes,
    check_names,
    input_type,
    never_fits,
)
from penstock.core.state.failures import (
    ANY_EXCEPTION,
    GROUPS,
    TECHNICAL_FAILURES,
    UNHANDLED,
    FailureHandler,
    is_exception_name,
)
from penstock.core.values.types import parse_type

ANY_NAME = None
"""Of exceptions: users give them any name."""


def check_handlers(check: NodeCheck) -> None:
    """The handlers of one node."""
    config = check.config
    kind = TYPE_OF[type(config)]
    handlers = config.handlers
    if len(handlers) > HANDLERS_PER_NODE_MAX:
        check.fault(
            FaultKind.HANDLER_COUNT,
            f"{len(handlers)} handlers: a node may have {HANDLERS_PER_NODE_MAX}",
        )
    for handler in handlers:
        check.handles(handler)
    if handlers and kind.ends:
        check.fault(
            FaultKind.HANDLER_AT_END,
            "no way leads on from here, so nothing can be handled; remove the handlers",
        )
    else:
        _check_order(check, handlers, kind.exceptions(config), f"a {kind.name}")
    if isinstance(config, WaitForThreadsNode):
        _check_order(check, config.thread_handlers, ANY_NAME, "a thread that is waited for")


def check_interrupts(check: NodeCheck, name: str, thread: ThreadSpec) -> None:
    """An event interrupts one thread of the spec, and no node waits for it."""
    check.stand_at(name)
    for event_def, handler in thread.interrupts.items():
        check.event_def(event_def)
        check.starts_thread(handler, {}, given_besides=(INPUT,))
        _check_content(check, event_def, handler)
        others = (other for other in check.body.threads.values() if other is not thread)
        if any(event_def in other.interrupts for other in others):
            check.fault(
                FaultKind.INTERRUPT_TWICE,
                f"{event_def!r} interrupts another thread, too; one may be interrupted",
            )
        waiting = (node for other in check.body.threads.values() for node in other.nodes.values())
        if any(getattr(node, "event_def", None) == event_def for node in waiting):
            check.fault(
                FaultKind.INTERRUPT_WAITED_FOR,
                f"{event_def!r} interrupts, so no node can wait for it",
            )


def check_interrupt_keys(check: NodeCheck, name: str, thread: ThreadSpec) -> None:
    """Keys are for events that interrupt, and there is something to be put under them."""
    check.stand_at(name)
    for event_def, key in thread.interrupt_keys.items():
        if event_def not in thread.interrupts:
            check.fault(
                FaultKind.KEY_WITHOUT_INTERRUPT,
                f"{event_def!r} has a key, but does not interrupt the thread",
            )
        what = f"key of {event_def!r}"
        check.expression(key, f"{what}: ")
        check_names(check, key, f"{what}: ")
        check.correlates(event_def, key)
        check_before_nodes(check, key, what)


def _check_content(check: NodeCheck, event_def: str, handler: str) -> None:
    definition, wanted = check.known_event_def(event_def), input_type(check, handler)
    if definition is None or definition.content_type is None or wanted is None:
        return
    content = parse_type(definition.content_type)
    if never_fits(content, wanted):
        check.fault(
            FaultKind.INTERRUPT_INPUT_TYPE,
            f"{event_def!r} brings {content}, which variable {INPUT!r} of thread {handler!r}"
            f" ({wanted}) can not be given",
        )


def _check_order(
    check: NodeCheck,
    handlers: Sequence[FailureHandler],
    exceptions: AbstractSet[str] | None,
    whose: str,
) -> None:
    """Faults of handlers that are never called."""
    technical, named, any_exception = set[str](), set[str](), False
    for number, handler in enumerate(handlers, 1):
        errors, thrown, all_thrown = _meant(handler, exceptions)
        said = "any failure" if handler.failure is None else f"{handler.failure[:128]!r}"
        if not errors and not thrown and not all_thrown:
            check.fault(FaultKind.HANDLER_OF_NOTHING, _nothing(said, exceptions, whose))
        elif (
            errors <= technical
            and (any_exception or thrown <= named)
            and (any_exception or not all_thrown)
        ):
            check.fault(
                FaultKind.HANDLER_NEVER_REACHED,
                f"handler {number}, of {said}, is never reached: those before it take all that it"
                " is for; put it before them, or take it out",
            )
        technical |= errors
        named |= thrown
        any_exception |= all_thrown


def _meant(
    handler: FailureHandler, exceptions: AbstractSet[str] | None
) -> tuple[AbstractSet[str], AbstractSet[str], bool]:
    """The failures that a handler is for: the technical ones, exceptions by name, and whether it is
    for exceptions of any name.
    """
    name, errors = handler.failure, set[str]()
    if name is None:
        errors = TECHNICAL_FAILURES
    elif name in GROUPS:
        errors = {str(one) for one in GROUPS[name]}
    elif name in TECHNICAL_FAILURES:
        errors = {name}
    errors = errors - UNHANDLED
    if name is None or name == ANY_EXCEPTION:
        return errors, exceptions or set(), exceptions is None
    may_come = is_exception_name(name) and (exceptions is None or name in exceptions)
    return errors, {name} if may_come else set(), False


def _nothing(said: str, exceptions: AbstractSet[str] | None, whose: str) -> str:
    handled = ", ".join(sorted(TECHNICAL_FAILURES - UNHANDLED | GROUPS.keys()))
    if exceptions is None:
        besides = ", or an exception by its name"
    elif exceptions:
        besides = f", or the exception {', '.join(sorted(exceptions))}"
    else:
        besides = "; it has no exceptions of users"
    return (
        f"no failure of {whose} that could be handled is {said}: name one of {handled}{besides}, or"
        " take the handler out"
    )
