"""Tracing: a workflow's function runs once, and each step it takes adds a node to the thread at
hand.

A thread under trace has tails: nodes whose next node is not known yet, each with the condition and
the mutations of the edge to come. A new node joins all tails and is the only tail then; that is all
that a branch needs (later: if_, while_).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.definitions.graph import Edge, Mutation, NodeConfig
from penstock.core.definitions.nodes import EntrypointNode, ExitNode, ExternalEventNode, TaskNode
from penstock.core.definitions.wf_spec import SpecBody, ThreadSpec, VariableDef
from penstock.core.errors import Reject
from penstock.core.ids import check_definition_name, is_inner_name
from penstock.core.values.casts import check_assignable
from penstock.core.values.expressions import Expression, Literal, OutputRef, VariableRef
from penstock.core.values.types import ValueProblem, ValueType, parse_type
from penstock.sdk import hints
from penstock.sdk.proxy import Proxy, fault

if TYPE_CHECKING:
    from penstock.sdk.task import TaskDef

ENTRYPOINT: Final = "entrypoint"
_NODE_NAME_CHARS_MAX: Final = 128

_current: ContextVar[ThreadTrace | None] = ContextVar("penstock_thread", default=None)


def current_thread() -> ThreadTrace | None:
    """The thread that is being traced; None outside of a workflow."""
    return _current.get()


@dataclass
class Tail:
    """A node whose next node will come, and what will be on the edge to it."""

    node: str
    condition: Expression | None = None
    mutations: list[Mutation] = field(default_factory=list[Mutation])


class Trace:
    """All of one workflow: its threads, and the definitions that they use."""

    def __init__(self) -> None:
        self.threads: dict[str, ThreadTrace] = {}
        self.tasks: dict[str, TaskDef[..., Any]] = {}
        self.events: dict[str, PutExternalEventDef] = {}

    @contextmanager
    def thread(self, name: str) -> Generator[ThreadTrace]:
        """A new thread, which steps are added to until the block is left."""
        thread = self.threads[name] = ThreadTrace(self)
        token = _current.set(thread)
        try:
            yield thread
        finally:
            _current.reset(token)

    def body(self) -> SpecBody:
        """The spec, once all threads are traced; sent through JSON, as the engine will read it."""
        threads = {name: thread.spec() for name, thread in self.threads.items()}
        body = SpecBody(entrypoint=ENTRYPOINT, threads=threads)
        return msgspec.json.decode(msgspec.json.encode(body), type=SpecBody)


class ThreadTrace:
    """One thread under trace."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._nodes: dict[str, NodeConfig] = {}
        self._edges: dict[str, list[Edge]] = {}
        self._variables: dict[str, VariableDef] = {}
        self._tails: list[Tail] = []
        self._add("entrypoint", EntrypointNode())

    def declare(self, variable: VariableDef, hint: Any) -> Proxy:
        """A variable of this thread."""
        if not is_inner_name(variable.name):
            fault(f"variable {variable.name!r}: use letters, digits, '.', '_' and '-'")
        if variable.name in self._variables:
            fault(f"variable {variable.name!r} is there already")
        self._variables[variable.name] = variable
        return Proxy(self, VariableRef(variable.name), variable.type, hint)

    def assign(self, variable: object, value: object) -> None:
        """Give a variable a new value, on the way to the next step."""
        expression = getattr(variable, "_expression", None)
        if not isinstance(expression, VariableRef) or expression.path is not None:
            fault(
                "only a variable can be assigned to: a parameter of the workflow, or a variable()"
            )
        declared = self._variables[expression.name]
        new = self.expression(value, declared.type, hints.UNKNOWN, f"variable {declared.name!r}")
        for tail in self._tails:
            tail.mutations.append(Mutation(declared.name, new))

    def call_task(
        self, task: TaskDef[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Proxy:
        """A TASK node; what stands for its output."""
        known = self.trace.tasks.setdefault(task.name, task)
        if known.function is not task.function:
            fault(f"two tasks have the name {task.name!r}: {known.where} and {task.where}")
        node = TaskNode(
            task_def=task.name,
            inputs=self._inputs(task, args, kwargs),
            max_attempts=task.options.max_attempts,
            timeout_ms=task.options.timeout_ms,
            backoff=task.options.backoff,
            heartbeat_timeout_ms=task.options.heartbeat_timeout_ms,
        )
        return Proxy(
            self, OutputRef(self._add(task.name, node)), task.return_type, task.return_hint
        )

    def wait_for_event(
        self, name: str, *, timeout_ms: int | None, value_type: ValueType | None, hint: Any
    ) -> Proxy:
        """An EXTERNAL_EVENT node; what stands for the event's content."""
        try:
            check_definition_name("event", name)
        except Reject as reject:
            fault(reject.message)
        definition = PutExternalEventDef(name=name, content_type=value_type)
        known = self.trace.events.setdefault(name, definition)
        if known != definition:
            fault(f"event {name!r} has type {known.content_type} elsewhere, and {value_type} here")
        node = self._add(name, ExternalEventNode(event_def=name, timeout_ms=timeout_ms))
        return Proxy(self, OutputRef(node), value_type, hint)

    def end(self, value: object, wanted: ValueType | None, hint: Any) -> None:
        """An EXIT node, which returns the value."""
        returns = None
        if value is not None:
            returns = self.expression(value, wanted, hint, "what the workflow returns")
        self._add("exit", ExitNode(returns=returns))
        self._tails = []

    def expression(self, value: object, wanted: str | None, hint: Any, what: str) -> Expression:
        """Where a value comes from: a proxy's expression, or the value itself if it can be had
        now.
        """
        if isinstance(value, Proxy):
            return self._of_proxy(value, wanted, what)
        if _holds_proxy(value):
            fault(f"{what}: a value of the workflow inside of a list or dict; make that in a task")
        try:
            plain = msgspec.to_builtins(hints.to_json(value, wanted))
            if value is not None:
                hints.from_json(plain, hint)
        except ValueProblem as problem:
            fault(f"{what}: {problem}")
        return Literal(plain)

    def spec(self) -> ThreadSpec:
        """The thread as it is registered."""
        nodes = {
            name: msgspec.structs.replace(node, edges=tuple(self._edges[name]))
            for name, node in self._nodes.items()
        }
        return ThreadSpec(nodes=cast(Any, nodes), variables=tuple(self._variables.values()))

    def _inputs(
        self, task: TaskDef[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> dict[str, Expression]:
        try:
            given = task.bind(tuple(args), dict(kwargs))
        except TypeError as error:
            fault(f"{task.name}(): {error}; it takes {_shown_inputs(task)}")
        inputs: dict[str, Expression] = {}
        for name, wanted in task.input_types.items():
            if name in given:
                what = f"{task.name}(): {name!r}"
                inputs[name] = self.expression(given[name], wanted, task.input_hints[name], what)
            elif name in task.defaults:
                inputs[name] = Literal(msgspec.to_builtins(task.defaults[name]))
            else:
                fault(f"{task.name}(): {name!r} is not given; it takes {_shown_inputs(task)}")
        return inputs

    def _of_proxy(self, proxy: Proxy, wanted: str | None, what: str) -> Expression:
        thread, known = proxy._thread, proxy._type  # pyright: ignore[reportPrivateUsage]
        if thread is not self:
            fault(f"{what}: {proxy!r} belongs to another workflow")
        if known is not None and wanted is not None and not _assignable(known, wanted):
            fault(f"{what} is {wanted}, but {proxy!r} is {known}")
        return proxy._expression  # pyright: ignore[reportPrivateUsage]

    def _add(self, name: str, config: NodeConfig) -> str:
        """A node after all tails; it is the only tail then."""
        node = f"{len(self._nodes)}-{name}"[:_NODE_NAME_CHARS_MAX].rstrip(".-")
        self._nodes[node] = config
        self._edges[node] = []
        for tail in self._tails:
            edge = Edge(to=node, condition=tail.condition, mutations=tuple(tail.mutations))
            self._edges[tail.node].append(edge)
        self._tails = [Tail(node)]
        return node


def _assignable(known: str, wanted: str) -> bool:
    try:
        check_assignable(parse_type(known), parse_type(wanted))
    except ValueProblem:
        return False
    return True


def _shown_inputs(task: TaskDef[..., Any]) -> str:
    return "(" + ", ".join(f"{name}: {kind}" for name, kind in task.input_types.items()) + ")"


def _holds_proxy(value: object) -> bool:
    if isinstance(value, Proxy):
        return True
    if isinstance(value, Mapping):
        return any(map(_holds_proxy, cast("Mapping[Any, Any]", value).values()))
    return isinstance(value, (list, tuple)) and any(map(_holds_proxy, cast("list[Any]", value)))
