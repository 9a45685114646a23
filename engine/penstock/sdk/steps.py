"""The steps of a workflow beside its tasks. Each is called within a workflow only, and stands for
something that the engine does in every run.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast, overload

import msgspec

from penstock.core.commands.put_user_task_def import PutUserTaskDef
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.definitions.node_check import INPUT
from penstock.core.definitions.nodes import (
    ExternalEventNode,
    RunChildWfNode,
    SleepNode,
    StartThreadNode,
    Strategy,
    Throw,
    ThrowEventNode,
    UserTaskNode,
    WaitForChildWfNode,
    WaitForConditionNode,
    WaitForThreadsNode,
)
from penstock.core.definitions.user_task_def import UserTaskField
from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.state.failures import ANY_ERROR, ANY_EXCEPTION, FailureHandler
from penstock.core.values.expressions import Comparator, Comparison, Expression, OutputRef
from penstock.core.values.forms import Format, Now, SizeOf, check_form
from penstock.core.values.types import ValueProblem, ValueType
from penstock.sdk import hints
from penstock.sdk.blocks import parameters_of, trace_function
from penstock.sdk.options import Duration, duration_ms
from penstock.sdk.place import place_of_caller
from penstock.sdk.proxy import Proxy, Step, fault
from penstock.sdk.trace import ThreadTrace, checked_name, thread_here
from penstock.sdk.updates import ANSWERED, Update
from penstock.sdk.workflow import Workflow

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_STRATEGIES: Final[Mapping[str, Strategy]] = {
    "all": Strategy.WAIT_FOR_ALL,
    "first": Strategy.WAIT_FOR_FIRST,
    "any": Strategy.WAIT_FOR_ANY,
}


class Form:
    """A form that people fill in: `Form("approve", agreed=bool, note=str | None)`. A field whose
    hint allows None may be left out.
    """

    def __init__(self, name: str, /, *, description: str = "", **fields: Any) -> None:
        made: list[UserTaskField] = []
        for field, hint in fields.items():
            try:
                kind: Any = hints.type_of_hint(hint)
            except hints.UnsupportedHint as problem:
                fault(f"form {name!r}, field {field!r}: {problem}")
            made.append(UserTaskField(field, kind, required=not hints.allows_none(hint)))
        self.name = checked_name("form", name)
        self.definition = PutUserTaskDef(name=name, fields=tuple(made), description=description)

    def __repr__(self) -> str:
        return f"<form {self.name}>"


# Values.


def variable(
    name: str,
    type: type[T],
    default: T | None = None,
    *,
    searchable: bool = False,
    masked: bool = False,
) -> T:
    """A variable of the run beyond its parameters, to be changed with `assign`. Runs can be
    searched for by a searchable one; a masked one is shown to workers only.
    """
    thread = thread_here("variable")
    try:
        kind = hints.type_of_hint(type)
        plain = msgspec.to_builtins(hints.to_json(default, kind))
    except (hints.UnsupportedHint, ValueProblem) as problem:
        fault(f"variable {name!r}: {problem}")
    declared = VariableDef(name, kind, default=plain, searchable=searchable, masked=masked)
    return cast(T, thread.declare(declared, type))


def assign(variable: T, value: T) -> None:
    """Give a variable (a parameter, or a `variable()`) a new value from here on."""
    thread_here("assign").assign(variable, value)


def text(template: str, *values: Any) -> str:
    """Text with values in it: `text("{0} for {1}", item, customer)`."""
    thread = thread_here("text")
    parts = tuple(thread.expression(value, None, hints.UNKNOWN, "text()") for value in values)
    made = Format(template, parts)
    try:
        check_form(made)
    except ValueProblem as problem:
        fault(f"text(): {problem}")
    return cast(str, Proxy(thread, made, ValueType.STR, str))


def contains(collection: Any, item: Any) -> bool:
    """Whether text has a part, a list an item, or an object a key."""
    thread = thread_here("contains")
    sides = [
        thread.expression(one, None, hints.UNKNOWN, "contains()") for one in (item, collection)
    ]
    return cast(bool, Proxy(thread, Comparison(sides[0], Comparator.IN, sides[1]), ValueType.BOOL))


def size(value: Any) -> int:
    """How many characters, items or keys there are."""
    thread = thread_here("size")
    made = SizeOf(thread.expression(value, None, hints.UNKNOWN, "size()"))
    return cast(int, Proxy(thread, made, ValueType.INT, int))


def now() -> datetime:
    """The time when the run comes here, as the log has it."""
    return cast(datetime, Proxy(thread_here("now"), Now(), ValueType.TIMESTAMP))


# Waiting.


@overload
def wait_for_event(name: str, *, type: type[T], timeout: Duration | None = None) -> T: ...
@overload
def wait_for_event(name: str, *, type: None = None, timeout: Duration | None = None) -> Any: ...
def wait_for_event(name: str, *, type: Any = None, timeout: Duration | None = None) -> Any:
    """Wait until an event of this name is put to the run; what stands for its content. A time-out
    is the failure TIMEOUT.
    """
    thread = thread_here("wait_for_event")
    hint, value_type = _content(type, f"event {name!r}")
    thread.trace.use_event(name, value_type)
    node = ExternalEventNode(event_def=name, timeout_ms=_timeout_ms(timeout))
    return thread.output(thread.add(name, node), value_type, hint)


def wait_until(condition: bool) -> Step:
    """Wait until a condition holds: other threads, events and operators change variables."""
    thread = thread_here("wait_until")
    holds = thread.expression(condition, ValueType.BOOL, bool, "wait_until")
    return thread.add("condition", WaitForConditionNode(condition=holds))


def sleep(duration: Duration) -> Step:
    """Wait for some time: seconds, a timedelta, or a number that the run knows."""
    thread = thread_here("sleep")
    if isinstance(duration, Proxy):
        seconds = thread.expression(duration, None, hints.UNKNOWN, "sleep()")
    else:
        ms = duration_ms(duration, "duration", place_of_caller())
        seconds = thread.expression(ms / 1_000, None, hints.UNKNOWN, "sleep()")
    return thread.add("sleep", SleepNode(seconds=seconds))


def sleep_until(at: datetime) -> Step:
    """Wait until a moment; one that has passed is none to wait for."""
    thread = thread_here("sleep_until")
    moment: object = at
    if not isinstance(at, Proxy):
        if at.tzinfo is None:
            fault(f"sleep_until({at!r}): a moment has a time zone; use datetime(..., tzinfo=UTC)")
        moment = at.isoformat().replace("+00:00", "Z")
    until = thread.expression(moment, ValueType.TIMESTAMP, hints.UNKNOWN, "sleep_until()")
    return thread.add("sleep", SleepNode(until=until))


def user_task(
    form: Form, *, user: str | None = None, group: str | None = None, notes: str | None = None
) -> Any:
    """Have a person fill in a form: this user, or one of this group; what stands for the results,
    by the fields' names.
    """
    thread = thread_here("user_task")
    known = thread.trace.forms.setdefault(form.name, form.definition)
    if known != form.definition:
        fault(f"two forms have the name {form.name!r}")

    def given(value: str | None, what: str) -> Expression | None:
        what = f"{what} of {form.name!r}"
        return None if value is None else thread.expression(value, ValueType.STR, str, what)

    node = UserTaskNode(
        user_task_def=form.name,
        user_id=given(user, "user"),
        user_group=given(group, "group"),
        notes=given(notes, "notes"),
    )
    step = thread.add(form.name, node)
    return thread.output(step, ValueType.JSON_OBJ, hints.UNKNOWN)


# Ends.


def return_(value: Any = None) -> None:
    """End this thread here, well; of the workflow itself, with the run's output."""
    thread_here("return_").end(value)


def fail(name: str, message: str = "", content: Any = None) -> None:
    """End this thread here, with a business exception."""
    thread = thread_here("fail")
    if isinstance(message, Proxy):
        fault(f"fail({name!r}): the message stands in the code; values of the run go as content")
    given = None
    if content is not None:
        given = thread.expression(content, None, hints.UNKNOWN, f"content of {name!r}")
    thread.fail(Throw(name, message, given))


# Threads.


class Spawned:
    """A thread that was started."""

    def __init__(self, number: Proxy) -> None:
        self.number = number


def spawn(function: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Spawned:
    """Start a thread beside this one: a function's steps. It sees this thread's variables; its
    parameters are variables of its own.
    """
    thread = thread_here("spawn")
    what = f"spawn({getattr(function, '__name__', function)!s})"
    given = _bound(thread, function, args, kwargs, what)
    name = trace_function(thread, function, what)
    step = thread.add(f"start-{name}", StartThreadNode(thread=name, variables=given))
    return Spawned(thread.output(step, ValueType.INT, int))


def wait_for(*threads: Spawned, until: Literal["all", "first", "any"] = "all") -> Step:
    """Wait for threads: for `all` of them, for the `first` that ends, or for `any` that ends well;
    the others are halted then. A thread that fails fails this step.
    """
    thread = thread_here("wait_for")
    if not threads:
        fault("wait_for() takes what spawn() has given")
    numbers = tuple(
        thread.expression(one.number, ValueType.INT, int, "wait_for()") for one in threads
    )
    node = WaitForThreadsNode(threads=numbers, strategy=_STRATEGIES[until])
    return thread.add("threads", node)


def start(workflow: Workflow[P, R] | str, /, *args: P.args, **kwargs: P.kwargs) -> str:
    """Start a run of another workflow, below this one; what stands for its id. To call it and wait,
    call the workflow.
    """
    thread = thread_here("start")
    if isinstance(workflow, Workflow):
        return cast(str, workflow.start_in(thread, args, kwargs))
    if args:
        fault(f"start({workflow!r}): name each variable")
    inputs = {
        name: thread.expression(value, None, hints.UNKNOWN, f"{workflow}(): {name!r}")
        for name, value in kwargs.items()
    }
    step = thread.add(f"run-{workflow}", RunChildWfNode(wf_spec=workflow, inputs=inputs))
    return cast(str, thread.output(step, ValueType.WF_RUN_ID, hints.UNKNOWN))


def wait_for_run(wf_run_id: str) -> Any:
    """Wait until a run below this one has ended; what stands for its output."""
    thread = thread_here("wait_for_run")
    run = thread.expression(wf_run_id, None, hints.UNKNOWN, "wait_for_run()")
    step = thread.add("wait-for-run", WaitForChildWfNode(wf_run_id=run))
    return thread.output(step, None, hints.UNKNOWN)


def throw_event(name: str, content: Any = None) -> Step:
    """Tell the outside of something, by an event of the workflow."""
    thread = thread_here("throw_event")
    definition = PutWorkflowEventDef(name=checked_name("event", name))
    thread.trace.thrown.setdefault(name, definition)
    given = None
    if content is not None:
        given = thread.expression(content, None, hints.UNKNOWN, f"content of {name!r}")
    return thread.add(name, ThrowEventNode(workflow_event_def=name, content=given))


def answer(update: Update, value: Any = None) -> None:
    """Answer an update, which an event brought: `client.handle(id).update(...)` gives the value."""
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
    """
    thread = thread_here("on_failure")
    found = _step_of(step)
    name = trace_function(thread, handler, "on_failure()", variable=INPUT)
    failure = {"any": None, "error": ANY_ERROR, "exception": ANY_EXCEPTION}.get(of, of)
    thread.handle(found, FailureHandler(thread=name, failure=failure))


def on_event(name: str, handler: Callable[..., Any]) -> None:
    """Have a function's steps run whenever an event of this name is put to the run, while this
    thread is halted. A parameter of the function is the event's content.
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


def _bound(
    thread: ThreadTrace, function: Callable[..., Any], args: Any, kwargs: Any, what: str
) -> dict[str, Any]:
    declared = parameters_of(function, what)
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as error:
        fault(f"{what}: {error}; it takes ({', '.join(variable.name for variable, _ in declared)})")
    bound.apply_defaults()
    given = bound.arguments
    return {
        variable.name: thread.expression(
            given[variable.name], variable.type, hint, f"{what}: {variable.name!r}"
        )
        for variable, hint in declared
    }


def _content(hint: Any, what: str) -> tuple[Any, ValueType | None]:
    """The hint and the type of an event's content."""
    known = hints.UNKNOWN if hint is None else hint
    try:
        return known, hints.type_of_return(known)
    except hints.UnsupportedHint as problem:
        fault(f"{what}: {problem}")


def _timeout_ms(timeout: Duration | None) -> int | None:
    return None if timeout is None else duration_ms(timeout, "timeout", place_of_caller())
