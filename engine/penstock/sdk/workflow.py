"""@workflow: a plain function that calls tasks, as a WfSpec. It is run once, with proxies, to see
its steps.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Coroutine, Mapping
from functools import cached_property
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar, cast, overload

import msgspec

from penstock.core.command import Command
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.definitions.nodes import RunChildWfNode, WaitForChildWfNode
from penstock.core.definitions.wf_spec import Retention, SpecBody, VariableDef
from penstock.core.errors import Reject
from penstock.core.ids import check_definition_name
from penstock.core.values.expressions import Expression
from penstock.core.values.types import ValueProblem, ValueType
from penstock.sdk import hints
from penstock.sdk.errors import DefinitionError
from penstock.sdk.options import Duration, duration_ms
from penstock.sdk.place import place_of_caller, place_of_def
from penstock.sdk.proxy import Proxy, fault
from penstock.sdk.source import check_source, refuse_generator
from penstock.sdk.task import TaskDef, hints_of_function
from penstock.sdk.trace import ENTRYPOINT, ThreadTrace, Trace, current_thread, enter

P = ParamSpec("P")
R = TypeVar("R")

_NAMED: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Workflow(Generic[P, R]):
    """A function and the spec that it stands for. Made by `@workflow`.

    >>> greeting, greeting.tasks
    (<workflow greeting>, (<task greet(name: STR) -> STR>,))
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str,
        searchable: Collection[str] = (),
        masked: Collection[str] = (),
        keep_ms: int | None = None,
    ) -> None:
        self.function = function
        self.name = name
        self._searchable = frozenset(searchable)
        self._masked = frozenset(masked)
        self._keep_ms = keep_ms
        self.where = place_of_def(function)
        refuse_generator(function, name)
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
        unknown = (self._searchable | self._masked) - {one.name for one in self._variables}
        if unknown:
            raise DefinitionError(self.where, f"{name} has no variable {sorted(unknown)}")

    @property
    def spec(self) -> SpecBody:
        """The spec. The function is traced when this is first asked for; DefinitionError names a
        line that is wrong.
        """
        retention = None if self._keep_ms is None else Retention(self._keep_ms // 1_000)
        return self._traced.body(retention)

    @property
    def definition(self) -> PutWfSpec:
        """What is registered, after `needs`."""
        spec = msgspec.json.decode(msgspec.json.encode(self.spec))
        return PutWfSpec(name=self.name, spec=spec)

    @property
    def tasks(self) -> tuple[TaskDef[..., Any], ...]:
        """The tasks that the workflow calls."""
        return tuple(self._traced.tasks.values())

    @property
    def workflows(self) -> tuple[Workflow[..., Any], ...]:
        """The other workflows that it runs."""
        return tuple(self._traced.workflows.values())

    @property
    def needs(self) -> tuple[Command, ...]:
        """What is registered before it, beside its tasks and other workflows: events, those that it
        throws, and forms.
        """
        trace = self._traced
        return (*trace.events.values(), *trace.thrown.values(), *trace.forms.values())

    def place_of(self, thread: str, node: str) -> str:
        """The line that made a node; that of the workflow, if none did."""
        traced = self._traced.threads.get(thread)
        return self.where if traced is None else traced.places.get(node, self.where)

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
        """In a workflow: run this one below it, wait for its end, and return what stands for its
        output. Elsewhere: run the function here and now, its tasks as plain functions; for tests
        without an engine.
        """
        thread = current_thread()
        if thread is None:
            return self.function(*args, **kwargs)
        run = self.start_in(thread, args, kwargs)
        of = thread.expression(run, None, hints.UNKNOWN, self.name)
        step = thread.add(f"wait-for-{self.name}", WaitForChildWfNode(wf_run_id=of))
        return cast(R, thread.output(step, self._return_type, self.return_hint))

    def start_in(
        self, thread: ThreadTrace, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> Proxy:
        """In a workflow: start a run of this one below it; what stands for the run's id."""
        known = thread.trace.workflows.setdefault(self.name, self)
        if known is not self:
            fault(f"two workflows have the name {self.name!r}: {known.where} and {self.where}")
        node = RunChildWfNode(wf_spec=self.name, inputs=self._inputs_in(thread, args, kwargs))
        step = thread.add(f"run-{self.name}", node)
        return thread.output(step, ValueType.WF_RUN_ID, hints.UNKNOWN)

    def _inputs_in(
        self, thread: ThreadTrace, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> dict[str, Expression]:
        names = [variable.name for variable in self._variables]
        try:
            given = inspect.signature(self.function).bind(*args, **kwargs).arguments
        except TypeError as error:
            fault(f"{self.name}(): {error}; it takes ({', '.join(names)})")
        types = {variable.name: variable.type for variable in self._variables}
        return {
            name: thread.expression(
                value, types[name], self._hints[name], f"{self.name}(): {name!r}"
            )
            for name, value in given.items()
        }

    def __repr__(self) -> str:
        return f"<workflow {self.name}>"

    @cached_property
    def _traced(self) -> Trace:
        where = check_source(self.function)
        trace, above = Trace(), enter(None)  # a workflow may first be traced within another one
        try:
            with trace.thread(ENTRYPOINT) as thread:
                thread.returns = self._return_type, self.return_hint
                arguments = {
                    variable.name: thread.declare(variable, self._hints[variable.name])
                    for variable in self._variables
                }
                thread.end_if_reached(self._outcome(arguments), where)
        finally:
            enter(above)
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
                return self._declared(name, kind, required=True)
            default = msgspec.to_builtins(hints.to_json(parameter.default, kind))
        except (hints.UnsupportedHint, ValueProblem) as problem:
            raise DefinitionError(
                self.where, f"{self.name}: parameter {name!r}: {problem}"
            ) from None
        return self._declared(name, kind, default=default)

    def _declared(
        self, name: str, kind: ValueType, *, required: bool = False, default: Any = None
    ) -> VariableDef:
        return VariableDef(
            name,
            kind,
            required=required,
            default=default,
            searchable=name in self._searchable,
            masked=name in self._masked,
        )


# Of an async function the result of a run is what would be awaited.


class _Make(Protocol):
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Workflow[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Workflow[P, R]: ...


@overload
def workflow(function: Callable[P, Coroutine[Any, Any, R]], /) -> Workflow[P, R]: ...
@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *,
    name: str | None = None,
    searchable: Collection[str] = (),
    masked: Collection[str] = (),
    keep: Duration | None = None,
) -> _Make: ...
def workflow(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    searchable: Collection[str] = (),
    masked: Collection[str] = (),
    keep: Duration | None = None,
) -> Any:
    """Make a function a workflow. Its parameters are the variables of a run; what it returns is the
    run's output. Runs can be searched for by `searchable` ones, and `masked` ones are shown to
    workers only. A run is kept for ever, or for as long as `keep` says after its end.

    >>> @workflow
    ... def hello(name: str) -> str:
    ...     return name
    >>> hello.spec.threads["entrypoint"].variables[0].type
    'STR'
    """
    keep_ms = None if keep is None else duration_ms(keep, "keep", place_of_caller())

    def make(made_of: Callable[..., Any]) -> Workflow[..., Any]:
        named = name if name is not None else made_of.__name__
        try:
            check_definition_name("workflow", named)
        except Reject as reject:
            where = place_of_def(made_of)
            raise DefinitionError(where, f"{reject.message}; or give another by name=") from None
        return Workflow(made_of, name=named, searchable=searchable, masked=masked, keep_ms=keep_ms)

    return make if function is None else make(function)


def plain_variables(
    workflow: Workflow[..., Any] | str, variables: dict[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The name of a workflow, and variables for a run of it as JSON."""
    given: object = workflow
    if isinstance(workflow, Workflow):
        return workflow.name, workflow.encode(variables)
    if not isinstance(given, str):
        raise TypeError(f"{given!r} is no workflow: a function is one by @workflow")
    try:
        return workflow, {name: hints.to_json(value, None) for name, value in variables.items()}
    except ValueProblem as problem:
        raise TypeError(f"{workflow}: {problem}") from None
