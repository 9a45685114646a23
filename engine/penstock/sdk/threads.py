"""What runs beside a workflow's own thread: threads, and runs of other workflows below it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast

from penstock.core.definitions.nodes import (
    RunChildWfNode,
    StartThreadNode,
    Strategy,
    WaitForChildWfNode,
    WaitForThreadsNode,
)
from penstock.core.values.types import ValueType
from penstock.sdk import hints
from penstock.sdk.blocks import parameters_of, trace_function
from penstock.sdk.proxy import Proxy, Step, fault
from penstock.sdk.trace import ThreadTrace, thread_here
from penstock.sdk.workflow import Workflow

P = ParamSpec("P")
R = TypeVar("R")

_STRATEGIES: Final[Mapping[str, Strategy]] = {
    "all": Strategy.WAIT_FOR_ALL,
    "first": Strategy.WAIT_FOR_FIRST,
    "any": Strategy.WAIT_FOR_ANY,
}


class Spawned:
    """A thread that was started."""

    def __init__(self, number: Proxy) -> None:
        self.number = number


def spawn(function: Callable[P, Any], /, *args: P.args, **kwargs: P.kwargs) -> Spawned:
    """Start a thread beside this one: a function's steps. It sees this thread's variables; its
    parameters are variables of its own.

    >>> @workflow
    ... def both() -> None:
    ...     def hello(name: str) -> None:
    ...         greet(name)
    ...
    ...     first, second = spawn(hello, "Ada"), spawn(hello, "Bob")
    ...     wait_for(first, second)
    >>> engine.register(both)
    >>> engine.run(both).result()
    >>> engine.inputs(greet)
    [{'name': 'Ada'}, {'name': 'Bob'}]
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

    >>> @workflow
    ... def racing() -> None:
    ...     def mail() -> None:
    ...         wait_for_event("mailed")
    ...
    ...     def phone() -> None:
    ...         wait_for_event("phoned")
    ...
    ...     wait_for(spawn(mail), spawn(phone), until="first")
    >>> engine.register(racing)
    >>> run = engine.run(racing)
    >>> _ = run.put_event("phoned")
    >>> print(run.status())
    COMPLETED
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

    >>> @workflow
    ... def beginning(name: str) -> str:
    ...     run = start(greeting, name)
    ...     sleep(60)
    ...     return wait_for_run(run)
    >>> engine.register(beginning)
    >>> engine.run(beginning, name="Ada").result(timeout=60)
    'Hello, Ada'
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
    """Wait until a run below this one has ended; what stands for its output.

    >>> @workflow
    ... def waiting(name: str) -> str:
    ...     return wait_for_run(start(greeting, name))
    >>> engine.register(waiting)
    >>> engine.run(waiting, name="Ada").result()
    'Hello, Ada'
    """
    thread = thread_here("wait_for_run")
    run = thread.expression(wf_run_id, None, hints.UNKNOWN, "wait_for_run()")
    step = thread.add("wait-for-run", WaitForChildWfNode(wf_run_id=run))
    return thread.output(step, None, hints.UNKNOWN)


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
