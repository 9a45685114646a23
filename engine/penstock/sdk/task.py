"""@task: a plain function, sync or async, as a TaskDef. Workers run it; a workflow that calls it
gets a TASK node.

Called anywhere else, it is the function that it was.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from copy import copy
from typing import (
    Any,
    Concatenate,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    get_type_hints,
    overload,
)

import msgspec

from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.definitions.defs import InputVar
from penstock.core.definitions.nodes import TaskNode
from penstock.core.errors import Reject
from penstock.core.ids import check_definition_name
from penstock.core.values.types import ValueProblem, ValueType
from penstock.sdk import hints
from penstock.sdk.context import TaskContext
from penstock.sdk.errors import DefinitionError
from penstock.sdk.options import Backoff, Duration, TaskOptions, options_with
from penstock.sdk.place import names_of_caller, place_of_caller, place_of_def
from penstock.sdk.proxy import Proxy, fault
from penstock.sdk.source import refuse_generator
from penstock.sdk.trace import ThreadTrace, current_thread

P = ParamSpec("P")
R = TypeVar("R")

_POSITIONAL: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


class TaskDef(Generic[P, R]):
    """A function and what the engine knows of it. Made by `@task`.

    >>> greet
    <task greet(name: STR) -> STR>
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str,
        options: TaskOptions,
        idempotent: bool,
        masked: Collection[str] = (),
        addressed_by: Sequence[str] = (),
    ) -> None:
        self.function = function
        self.name = name
        self.options = options
        self.idempotent = idempotent
        self.where = place_of_def(function)
        refuse_generator(function, name)
        self.is_async: bool = inspect.iscoroutinefunction(function)
        self.__doc__ = function.__doc__
        self.__name__ = getattr(function, "__name__", name)
        self.__wrapped__ = function
        self._read_signature()
        self.masked = frozenset(masked)
        if unknown := self.masked - self.input_types.keys():
            raise DefinitionError(self.where, f"{name}: masked={sorted(unknown)}: no such input")
        self.addressed_by = tuple(addressed_by)
        if unknown := {*addressed_by} - {
            of for of, kind in self.input_types.items() if kind == "STR"
        }:
            named = f"addressed_by={sorted(unknown)}: no such input of type STR"
            raise DefinitionError(self.where, f"{name}: {named}")

    @property
    def definition(self) -> PutTaskDef:
        """What is registered."""
        inputs = tuple(
            InputVar(of, kind, of in self.masked) for of, kind in self.input_types.items()
        )
        return PutTaskDef(
            name=self.name,
            input_vars=inputs,
            return_type=self.return_type,
            idempotent=self.idempotent,
            addressed_by=self.addressed_by,
        )

    def with_(
        self,
        *,
        max_attempts: int | None = None,
        timeout: Duration | None = None,
        heartbeat: Duration | None = None,
        backoff: Backoff | None = None,
    ) -> TaskDef[P, R]:
        """The same task, tried otherwise: `charge.with_(max_attempts=5)(amount)`."""
        other = copy(self)
        other.options = options_with(
            self.options,
            place_of_caller(),
            max_attempts=max_attempts,
            timeout=timeout,
            heartbeat=heartbeat,
            backoff=backoff,
        )
        return other

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """In a workflow: add a step, and return what stands for its output. Elsewhere: run the
        function.
        """
        thread = current_thread()
        if thread is not None:
            return cast(R, self._step(thread, args, kwargs))
        return self._run_here(args, kwargs)

    def _step(self, thread: ThreadTrace, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Proxy:
        """A TASK node; what stands for its output."""
        known = thread.trace.tasks.setdefault(self.name, self)
        if known.function is not self.function:
            fault(f"two tasks have the name {self.name!r}: {known.where} and {self.where}")
        options = self.options
        node = TaskNode(
            task_def=self.name,
            inputs=thread.task_inputs(self, args, kwargs),
            max_attempts=options.max_attempts,
            timeout_ms=options.timeout_ms,
            backoff=options.backoff,
            heartbeat_timeout_ms=options.heartbeat_timeout_ms,
        )
        return thread.output(thread.add(self.name, node), self.return_type, self.return_hint)

    def __repr__(self) -> str:
        inputs = ", ".join(f"{name}: {kind}" for name, kind in self.input_types.items())
        return f"<task {self.name}({inputs}) -> {self.return_type or 'JSON'}>"

    def bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The inputs that are given, by name; TypeError for one that the function has not."""
        return self._inputs.bind_partial(*args, **kwargs).arguments

    def _run_here(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> R:
        """As a plain call; a caller who gives no context gets one of no run."""
        given: Any = self.function
        name = self.context_name
        if name is None or name in kwargs or any(isinstance(arg, TaskContext) for arg in args):
            return given(*args, **kwargs)
        bound = self._inputs.bind(*args, **kwargs)
        bound.apply_defaults()
        arguments: dict[str, Any] = {name: TaskContext(), **bound.arguments}
        return self.call(arguments)

    def decode(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Inputs as the engine hands them out, as the function's types; ValueProblem if they do not
        fit.
        """
        return msgspec.structs.asdict(hints.from_json(inputs, self._arguments))

    def call(self, arguments: dict[str, Any]) -> Any:
        """Call the function with all its arguments by name, whatever kind of parameters it has."""
        function: Any = self.function
        if self._by_keyword:
            return function(**arguments)
        positional = [
            arguments.pop(of.name)
            for of in self.signature.parameters.values()
            if of.kind is inspect.Parameter.POSITIONAL_ONLY and of.name in arguments
        ]
        return function(*positional, **arguments)

    def _read_signature(self) -> None:
        """Find the inputs, their types, the context's parameter and the type of the output."""
        known = hints_of_function(self.function, self.name, self.where)
        self.signature = inspect.signature(self.function)
        self.context_name: str | None = None
        self.input_hints: dict[str, Any] = {}
        self.input_types: dict[str, ValueType] = {}
        self.defaults: dict[str, Any] = {}
        parameters = self.signature.parameters.values()
        for parameter in parameters:
            self._read_parameter(parameter, known.get(parameter.name, hints.UNKNOWN))
        kept = [of for of in parameters if of.name in self.input_types]
        self._inputs = self.signature.replace(parameters=kept)
        self._by_keyword = all(
            of.kind is not inspect.Parameter.POSITIONAL_ONLY for of in parameters
        )
        self._arguments = msgspec.defstruct(
            "Inputs", list(self.input_hints.items()), kw_only=True, gc=False
        )
        self.return_hint: Any = known.get("return", hints.UNKNOWN)
        try:
            self.return_type = hints.type_of_return(self.return_hint)
        except hints.UnsupportedHint as problem:
            raise DefinitionError(self.where, f"{self.name}: what it returns: {problem}") from None

    def _read_parameter(self, parameter: inspect.Parameter, hint: Any) -> None:
        name = parameter.name
        if hint is TaskContext:
            self.context_name = name
            return
        if parameter.kind not in _POSITIONAL:
            raise DefinitionError(
                self.where, f"{self.name}: a task has no *{name}; name each input"
            )
        if hint is hints.UNKNOWN:
            raise DefinitionError(
                self.where,
                f"{self.name}: parameter {name!r} has no type hint; use {hints.SUPPORTED}",
            )
        try:
            self.input_types[name] = kind = hints.type_of_hint(hint)
            self.input_hints[name] = hint
            if parameter.default is not inspect.Parameter.empty:
                self.defaults[name] = hints.to_json(parameter.default, kind)
        except (hints.UnsupportedHint, ValueProblem) as problem:
            raise DefinitionError(
                self.where, f"{self.name}: parameter {name!r}: {problem}"
            ) from None


class _Make(Protocol):
    @overload
    def __call__(self, function: Callable[Concatenate[TaskContext, P], R], /) -> TaskDef[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> TaskDef[P, R]: ...


@overload
def task(function: Callable[Concatenate[TaskContext, P], R], /) -> TaskDef[P, R]: ...
@overload
def task(function: Callable[P, R], /) -> TaskDef[P, R]: ...
@overload
def task(
    *,
    name: str | None = None,
    max_attempts: int = 1,
    timeout: Duration | None = None,
    heartbeat: Duration | None = None,
    backoff: Backoff | None = None,
    idempotent: bool = True,
    masked: Collection[str] = (),
    addressed_by: Sequence[str] = (),
) -> _Make: ...
def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    max_attempts: int = 1,
    timeout: Duration | None = None,
    heartbeat: Duration | None = None,
    backoff: Backoff | None = None,
    idempotent: bool = True,
    masked: Collection[str] = (),
    addressed_by: Sequence[str] = (),
) -> Any:
    """Make a function a task. Its parameters are the inputs; their hints, and the hint of what it
    returns, the types. Inputs that are `masked` are shown to nobody; the first that is given of
    those that it is `addressed_by` says where it goes (see AddressGone). With `heartbeat` an
    attempt is given up as soon as its worker was not heard of for that long, however long it may
    run.

    >>> @task(max_attempts=3, timeout=5)
    ... def greet(name: str) -> str:
    ...     return f"Hello, {name}"
    >>> greet("Ada")
    'Hello, Ada'
    """

    def make(made_of: Callable[..., Any]) -> TaskDef[..., Any]:
        where = place_of_def(made_of)
        named = name if name is not None else made_of.__name__
        try:
            check_definition_name("task", named)
        except Reject as reject:
            raise DefinitionError(where, f"{reject.message}; or give another by name=") from None
        options = options_with(
            TaskOptions(),
            where,
            max_attempts=max_attempts,
            timeout=timeout,
            heartbeat=heartbeat,
            backoff=backoff,
        )
        return TaskDef(
            made_of,
            name=named,
            options=options,
            idempotent=idempotent,
            masked=masked,
            addressed_by=addressed_by,
        )

    return make if function is None else make(function)


def name_of_task(given: object) -> str:
    """The name of a task, or the name that is given; a plain function is easily given, too."""
    if isinstance(given, str):
        return given
    if isinstance(given, TaskDef):
        return cast("TaskDef[..., Any]", given).name
    raise TypeError(f"{given!r} is no task: a function is one by @task")


def hints_of_function(function: Callable[..., Any], name: str, where: str) -> dict[str, Any]:
    """The function's hints by parameter; names in them may be local to where it is defined."""
    try:
        return get_type_hints(function, localns=names_of_caller(), include_extras=True)
    except (NameError, TypeError) as error:
        raise DefinitionError(where, f"{name}: a type hint is wrong: {error}") from error
