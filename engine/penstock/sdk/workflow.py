"""@workflow: a plain function that calls tasks, as a WfSpec. It is run once, with proxies, to see
its steps.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast, overload

import msgspec

from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.wf_spec import SpecBody, VariableDef
from penstock.core.errors import Reject
from penstock.core.ids import check_definition_name
from penstock.core.values.types import ValueProblem
from penstock.sdk import hints
from penstock.sdk.errors import DefinitionError
from penstock.sdk.options import Duration, duration_ms
from penstock.sdk.place import place_of_caller, place_of_def
from penstock.sdk.proxy import Proxy, fault
from penstock.sdk.task import TaskDef, hints_of_function
from penstock.sdk.trace import ENTRYPOINT, ThreadTrace, Trace, current_thread

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Workflow(Generic[P, R]):
    """A function and the spec that it stands for. Made by `@workflow`."""

    def __init__(self, function: Callable[P, R], *, name: str) -> None:
        self.function = function
        self.name = name
        self.where = place_of_def(function)
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", name)
        self.__wrapped__ = function
        hints_here = hints_of_function(function, name, self.where)
        self._hints = hints_here
        self.return_hint: Any = hints_here.get("return", hints.UNKNOWN)
        try:
            self._return_type = hints.type_of_return(self.return_hint)
        except hints.UnsupportedHint as problem:
            raise DefinitionError(self.where, f"{name}: what it returns: {problem}") from None
        self._variables = tuple(
            self._variable(parameter)
            for parameter in inspect.signature(function).parameters.values()
        )

    @property
    def spec(self) -> SpecBody:
        """The spec. The function is traced when this is first asked for; DefinitionError names a
        line that is wrong.
        """
        return self._traced.body()

    @property
    def definition(self) -> PutWfSpec:
        """What is registered, after `tasks` and `events`."""
        spec = msgspec.json.decode(msgspec.json.encode(self.spec))
        return PutWfSpec(name=self.name, spec=spec)

    @property
    def tasks(self) -> tuple[TaskDef[..., Any], ...]:
        """The tasks that the workflow calls."""
        return tuple(self._traced.tasks.values())

    @property
    def events(self) -> tuple[PutExternalEventDef, ...]:
        """The events that the workflow waits for."""
        return tuple(self._traced.events.values())

    def encode(self, variables: dict[str, Any]) -> dict[str, Any]:
        """Variables for a run as JSON; TypeError for one that the workflow has not or that does not
        fit.
        """
        declared = {variable.name: variable for variable in self._variables}
        for name in variables.keys() - declared.keys():
            raise TypeError(f"{self.name} has no variable {name!r}; it has {sorted(declared)}")
        for name, variable in declared.items():
            if variable.required and name not in variables:
                raise TypeError(f"{self.name}: variable {name!r} ({variable.type}) is not given")
        try:
            return {
                name: hints.to_json(value, declared[name].type, self._hints[name])
                for name, value in variables.items()
            }
        except ValueProblem as problem:
            raise TypeError(f"{self.name}: {problem}") from None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here and now, its tasks as plain functions; for tests without an
        engine.
        """
        if current_thread() is not None:
            fault(f"{self.name}: a workflow can not call another workflow yet")
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"

    @cached_property
    def _traced(self) -> Trace:
        trace = Trace()
        with trace.thread(ENTRYPOINT) as thread:
            arguments = {
                variable.name: thread.declare(variable, self._hints[variable.name])
                for variable in self._variables
            }
            value = self._outcome(arguments)
            thread.end(value, self._return_type, self.return_hint)
        return trace

    def _outcome(self, arguments: dict[str, Proxy]) -> object:
        """What the function returns; an async one is driven as far as it goes without an event
        loop.
        """
        value: Any = cast(Any, self.function)(**arguments)
        if not inspect.iscoroutine(value):
            return value
        coroutine = cast("Coroutine[Any, Any, Any]", value)
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        coroutine.close()
        raise DefinitionError(
            self.where, f"{self.name}: a workflow may await nothing but its tasks"
        )

    def _variable(self, parameter: inspect.Parameter) -> VariableDef:
        name = parameter.name
        if parameter.kind not in _NAMED:
            raise DefinitionError(self.where, f"{self.name}: name each variable; no *{name}")
        if name not in self._hints:
            raise DefinitionError(
                self.where,
                f"{self.name}: parameter {name!r} has no type hint; use {hints.SUPPORTED}",
            )
        try:
            kind = hints.type_of_hint(self._hints[name])
            if parameter.default is inspect.Parameter.empty:
                return VariableDef(name, kind, required=True)
            default = msgspec.to_builtins(hints.to_json(parameter.default, kind))
        except (hints.UnsupportedHint, ValueProblem) as problem:
            raise DefinitionError(
                self.where, f"{self.name}: parameter {name!r}: {problem}"
            ) from None
        return VariableDef(name, kind, default=default)


@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...
@overload
def workflow(*, name: str | None = None) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...
def workflow(function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
    """Make a function a workflow. Its parameters are the variables of a run; what it returns is the
    run's output.

    >>> @workflow
    ... def hello(name: str) -> str:
    ...     return name
    >>> hello.spec.threads["entrypoint"].variables[0].type
    <ValueType.STR: 'STR'>
    """

    def make(made_of: Callable[..., Any]) -> Workflow[..., Any]:
        named = name if name is not None else made_of.__name__
        try:
            check_definition_name("workflow", named)
        except Reject as reject:
            where = place_of_def(made_of)
            raise DefinitionError(where, f"{reject.message}; or give another by name=") from None
        return Workflow(made_of, name=named)

    return make if function is None else make(function)


@overload
def wait_for_event(name: str, *, type: type[T], timeout: Duration | None = None) -> T: ...
@overload
def wait_for_event(name: str, *, type: None = None, timeout: Duration | None = None) -> Any: ...
def wait_for_event(name: str, *, type: Any = None, timeout: Duration | None = None) -> Any:
    """In a workflow: wait until an event of this name is put to the run; what stands for its
    content.
    """
    thread = _thread_here("wait_for_event")
    hint = hints.UNKNOWN if type is None else type
    try:
        value_type = hints.type_of_return(hint)
    except hints.UnsupportedHint as problem:
        fault(f"event {name!r}: {problem}")
    timeout_ms = None if timeout is None else duration_ms(timeout, "timeout", place_of_caller())
    return thread.wait_for_event(name, timeout_ms=timeout_ms, value_type=value_type, hint=hint)


def variable(name: str, type: type[T], default: T | None = None) -> T:
    """In a workflow: a variable of the run beyond its parameters, to be changed with `assign`."""
    thread = _thread_here("variable")
    try:
        kind = hints.type_of_hint(type)
        declared = VariableDef(
            name, kind, default=msgspec.to_builtins(hints.to_json(default, kind))
        )
    except (hints.UnsupportedHint, ValueProblem) as problem:
        fault(f"variable {name!r}: {problem}")
    return cast(T, thread.declare(declared, type))


def assign(variable: T, value: T) -> None:
    """In a workflow: give a variable (a parameter, or a `variable()`) a new value from here on."""
    _thread_here("assign").assign(variable, value)


def _thread_here(what: str) -> ThreadTrace:
    thread = current_thread()
    if thread is None:
        fault(f"{what}() stands for a step of a workflow; it can be called in a workflow only")
    return thread
