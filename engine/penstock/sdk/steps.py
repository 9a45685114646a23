"""The steps of a workflow beside its tasks. Each is called within a workflow only, and stands for
something that the engine does in every run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, TypeVar, overload

from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.definitions.node_check import INPUT
from penstock.core.definitions.nodes import (
    ExternalEventNode,
    SleepNode,
    Throw,
    ThrowEventNode,
    WaitForConditionNode,
)
from penstock.core.state.failures import ANY_ERROR, ANY_EXCEPTION, FailureHandler
from penstock.core.values.expressions import OutputRef
from penstock.core.values.types import ValueType
from penstock.sdk import hints
from penstock.sdk.blocks import parameters_of, trace_function
from penstock.sdk.options import Duration, duration_ms
from penstock.sdk.place import place_of_caller
from penstock.sdk.proxy import KNOWN_NOW, Proxy, Step, fault
from penstock.sdk.trace import checked_name, thread_here
from penstock.sdk.updates import ANSWERED, Update

T = TypeVar("T")


# Waiting.


@overload
def wait_for_event(name: str, *, type: type[T], timeout: Duration | None = None) -> T: ...
@overload
def wait_for_event(name: str, *, type: None = None, timeout: Duration | None = None) -> Any: ...
def wait_for_event(name: str, *, type: Any = None, timeout: Duration | None = None) -> Any:
    """Wait until an event of this name is put to the run; what stands for its content. A time-out
    is the failure TIMEOUT.

    >>> @workflow
    ... def paying() -> str:
    ...     return wait_for_event("paid", type=str, timeout=3600)
    >>> engine.register(paying)
    >>> run = engine.run(paying)
    >>> run.put_event("paid", "in gold", guid="payment-1")
    'payment-1'
    >>> run.result()
    'in gold'
    """
    thread = thread_here("wait_for_event")
    hint, value_type = _content(type, f"event {name!r}")
    thread.trace.use_event(name, value_type)
    node = ExternalEventNode(event_def=name, timeout_ms=_timeout_ms(timeout))
    return thread.output(thread.add(name, node), value_type, hint)


def wait_until(condition: bool) -> Step:
    """Wait until a condition holds: other threads, events and operators change variables.

    >>> @workflow
    ... def gathering(here: int = 0) -> str:
    ...     wait_until(here > 2)
    ...     return greet("all")
    >>> engine.register(gathering)
    >>> run = engine.run(gathering)
    >>> _ = run.stop(), run.edit_variable("here", 3), run.resume()
    >>> run.result()
    'Hello, all'
    """
    thread = thread_here("wait_until")
    if condition is True or condition is False:
        fault(f"wait_until: {KNOWN_NOW}")
    holds = thread.expression(condition, ValueType.BOOL, bool, "wait_until")
    return thread.add("condition", WaitForConditionNode(condition=holds))


def sleep(duration: Duration) -> Step:
    """Wait for some time: seconds, a timedelta, or a number that the run knows.

    >>> @workflow
    ... def late(name: str) -> str:
    ...     sleep(timedelta(hours=1))
    ...     return greet(name)
    >>> engine.register(late)
    >>> engine.run(late, name="Ada").result(timeout=3600)
    'Hello, Ada'
    """
    thread = thread_here("sleep")
    if isinstance(duration, Proxy):
        seconds = thread.expression(duration, None, hints.UNKNOWN, "sleep()")
    else:
        ms = duration_ms(duration, "duration", place_of_caller())
        seconds = thread.expression(ms / 1_000, None, hints.UNKNOWN, "sleep()")
    return thread.add("sleep", SleepNode(seconds=seconds))


def sleep_until(at: datetime) -> Step:
    """Wait until a moment; one that has passed is none to wait for.

    >>> @workflow
    ... def morning() -> str:
    ...     sleep_until(datetime(2026, 1, 2, 8, tzinfo=UTC))
    ...     return greet("world")
    >>> engine.register(morning)
    >>> engine.run(morning).result(timeout=timedelta(hours=32))
    'Hello, world'
    """
    thread = thread_here("sleep_until")
    moment: object = at
    if not isinstance(at, Proxy):
        if at.tzinfo is None:
            fault(f"sleep_until({at!r}): a moment has a time zone; use datetime(..., tzinfo=UTC)")
        moment = at.isoformat().replace("+00:00", "Z")
    until = thread.expression(moment, ValueType.TIMESTAMP, hints.UNKNOWN, "sleep_until()")
    return thread.add("sleep", SleepNode(until=until))


# Ends.


def return_(value: Any = None) -> None:
    """End this thread here, well; of the workflow itself, with the run's output.

    >>> @workflow
    ... def checking(count: int) -> str:
    ...     with if_(count > 10):
    ...         return_("too many")
    ...     return greet("few")
    >>> engine.register(checking)
    >>> engine.run(checking, count=11).result()
    'too many'
    """
    thread_here("return_").end(value)


def fail(name: str, message: str = "", content: Any = None) -> None:
    """End this thread here, with a business exception.

    >>> @workflow
    ... def refusing(count: int) -> None:
    ...     with if_(count > 10):
    ...         fail("too-many", "ten at most", count)
    >>> engine.register(refusing)
    >>> engine.run(refusing, count=11).result()
    Traceback (most recent call last):
    penstock.sdk.errors.RunFailed: too-many: run ... ended in EXCEPTION: ten at most
    """
    thread = thread_here("fail")
    if isinstance(message, Proxy):
        fault(f"fail({name!r}): the message stands in the code; values of the run go as content")
    given = None
    if content is not None:
        given = thread.expression(content, None, hints.UNKNOWN, f"content of {name!r}")
    thread.fail(Throw(name, message, given))


def throw_event(name: str, content: Any = None) -> Step:
    """Tell the outside of something, by an event of the workflow.

    >>> @workflow
    ... def telling() -> None:
    ...     throw_event("packed", "a book")
    >>> engine.register(telling)
    >>> [event.content for event in engine.run(telling).thrown("packed")]
    ['a book']
    """
    thread = thread_here("throw_event")
    definition = PutWorkflowEventDef(name=checked_name("event", name))
    thread.trace.thrown.setdefault(name, definition)
    given = None
    if content is not None:
        given = thread.expression(content, None, hints.UNKNOWN, f"content of {name!r}")
    return thread.add(name, ThrowEventNode(workflow_event_def=name, content=given))


def answer(update: Update, value: Any = None) -> None:
    """Answer an update, which an event brought: `client.handle(id).update(...)` gives the value.

    >>> @workflow
    ... def parcel(address: str) -> str:
    ...     def move(asked: Update) -> None:
    ...         assign(address, asked["content"])
    ...         answer(asked, "moved")
    ...
    ...     on_event("move", move)
    ...     wait_for_event("delivered")
    ...     return address
    >>> engine.register(parcel)
    >>> engine.run(parcel, address="here").update("move", "there")
    'moved'
    """
    throw_event(ANSWERED, update["update"])
    throw_event(ANSWERED, value)


# Failures and interrupts.


def on_failure(
    step: object,
    handler: Callable[..., Any],
    *,
    of: Literal["any", "error", "exception"] | str = "any",
) -> None:
    """Have a function's steps handle failures of a step (a call's result, or what a step returned):
    `any`, only an `error` or an `exception`, or one of this name. The thread goes on behind the
    step once they have ended. A parameter of the function is the failure's content.

    >>> @task
    ... def charge(card: str) -> str:
    ...     raise TaskError("declined", content="Ada")
    >>> @workflow
    ... def charging(card: str) -> None:
    ...     def apologize(customer: str) -> None:
    ...         greet(customer)
    ...
    ...     on_failure(charge(card), apologize, of="declined")
    >>> engine.register(charging)
    >>> engine.run(charging, card="4242").result()
    >>> engine.inputs(greet)
    [{'name': 'Ada'}]
    """
    thread = thread_here("on_failure")
    found = _step_of(step)
    name = trace_function(thread, handler, "on_failure()", variable=INPUT)
    failure = {"any": None, "error": ANY_ERROR, "exception": ANY_EXCEPTION}.get(of, of)
    thread.handle(found, FailureHandler(thread=name, failure=failure))


def on_event(name: str, handler: Callable[..., Any]) -> None:
    """Have a function's steps run whenever an event of this name is put to the run, while this
    thread is halted. A parameter of the function is the event's content.

    >>> @workflow
    ... def adding(total: int = 0) -> int:
    ...     def add(by: int) -> None:
    ...         assign(total, total + by)
    ...
    ...     on_event("more", add)
    ...     wait_for_event("enough")
    ...     return total
    >>> engine.register(adding)
    >>> run = engine.run(adding)
    >>> _ = run.put_event("more", 2), run.put_event("more", 3), run.put_event("enough")
    >>> run.result()
    5
    """
    thread = thread_here("on_event")
    declared = parameters_of(handler, f"on_event({name!r})")
    thread.trace.use_event(name, ValueType(declared[0][0].type) if declared else None)
    thread.interrupt(name, trace_function(thread, handler, "on_event()", variable=INPUT))


def _step_of(step: object) -> Step:
    if isinstance(step, Step):
        return step
    expression = step._expression if isinstance(step, Proxy) else None  # pyright: ignore[reportPrivateUsage]
    if not isinstance(expression, OutputRef) or expression.path is not None:
        fault(f"on_failure() takes a step: what a task or another step has given, not {step!r}")
    return Step(expression.node)


def _content(hint: Any, what: str) -> tuple[Any, ValueType | None]:
    """The hint and the type of an event's content."""
    known = hints.UNKNOWN if hint is None else hint
    try:
        return known, hints.type_of_return(known)
    except hints.UnsupportedHint as problem:
        fault(f"{what}: {problem}")


def _timeout_ms(timeout: Duration | None) -> int | None:
    return None if timeout is None else duration_ms(timeout, "timeout", place_of_caller())
