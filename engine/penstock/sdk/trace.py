"""Tracing: a workflow's function runs once, and each step it takes adds a node to the thread at
hand.

A thread under trace has tails: nodes whose next node is not known yet, each with the condition and
the mutations of the edge to come. A new node joins all tails and is the only tail then. That is all
that branches and loops need (blocks.py); steps.py has the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

import msgspec

from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_user_task_def import PutUserTaskDef
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.definitions.graph import Edge, Mutation, NodeConfig
from penstock.core.definitions.nodes import EntrypointNode, ExitNode, Throw
from penstock.core.definitions.wf_spec import Retention, SpecBody, ThreadSpec, VariableDef
from penstock.core.errors import Reject
from penstock.core.ids import check_definition_name, is_inner_name
from penstock.core.state.failures import FailureHandler
from penstock.core.values.casts import check_assignable
from penstock.core.values.expressions import Expression, Literal, OutputRef, VariableRef, parts_of
from penstock.core.values.forms import Cast
from penstock.core.values.types import ValueProblem, ValueType, parse_type
from penstock.sdk import hints
from penstock.sdk.errors import DefinitionError
from penstock.sdk.place import place_of_caller
from penstock.sdk.proxy import Proxy, Step, fault

if TYPE_CHECKING:
    from penstock.sdk.task import TaskDef
    from penstock.sdk.workflow import Workflow

ENTRYPOINT: Final = "entrypoint"
_NODE_NAME_CHARS_MAX: Final = 128
_CAST_TO_RETURN: Final = (ValueType.INT, ValueType.DOUBLE, ValueType.BOOL)
"""What a variable of another type would make of them, and a run's output would not."""

_current: ContextVar[ThreadTrace | None] = ContextVar("penstock_thread", default=None)


def current_thread() -> ThreadTrace | None:
    """The thread that is being traced; None outside of a workflow."""
    return _current.get()


def enter(thread: ThreadTrace | None) -> ThreadTrace | None:
    """Have a thread be the one at hand; returns the one that was."""
    before = _current.get()
    _current.set(thread)
    return before


def thread_here(what: str) -> ThreadTrace:
    """The thread that is being traced; a fault outside of a workflow."""
    thread = current_thread()
    if thread is None:
        fault(f"{what}() stands for a step of a workflow; it can be called in a workflow only")
    return thread


@dataclass
class Tail:
    """A node whose next node will come, and what will be on the edge to it."""

    node: str
    condition: Expression | None = None
    mutations: list[Mutation] = field(default_factory=list[Mutation])


@dataclass
class Choice:
    """An `if_` after which `elif_` and `else_` may follow: its node, the ends of its branches, and
    how far the thread had come then.
    """

    node: str
    ends: list[Tail]
    steps: int


class Trace:
    """All of one workflow: its threads, and the definitions that they use."""

    def __init__(self) -> None:
        self.threads: dict[str, ThreadTrace] = {}
        self.tasks: dict[str, TaskDef[..., Any]] = {}
        self.workflows: dict[str, Workflow[..., Any]] = {}
        self.events: dict[str, PutExternalEventDef] = {}
        self.thrown: dict[str, PutWorkflowEventDef] = {}
        self.forms: dict[str, PutUserTaskDef] = {}
        self.functions: dict[str, Callable[..., Any]] = {}

    @contextmanager
    def thread(self, name: str) -> Generator[ThreadTrace]:
        """A new thread, which steps are added to until the block is left."""
        thread = self.threads[name] = ThreadTrace(self, name, current_thread())
        above = enter(thread)
        try:
            yield thread
        finally:
            enter(above)

    def use_event(self, name: str, value_type: ValueType | None) -> None:
        """An event that the workflow waits for, or is interrupted by."""
        definition = PutExternalEventDef(name=name, content_type=value_type)
        known = self.events.setdefault(checked_name("event", name), definition)
        if known != definition:
            fault(f"event {name!r} has type {known.content_type} elsewhere, and {value_type} here")

    def body(self, retention: Retention | None = None) -> SpecBody:
        """The spec, once all threads are traced; sent through JSON, as the engine will read it."""
        threads = {name: thread.spec() for name, thread in self.threads.items()}
        body = SpecBody(entrypoint=ENTRYPOINT, threads=threads, retention=retention)
        return msgspec.json.decode(msgspec.json.encode(body), type=SpecBody)


class ThreadTrace:
    """One thread under trace; `above` is the one that starts it."""

    def __init__(self, trace: Trace, name: str, above: ThreadTrace | None) -> None:
        self.trace = trace
        self.name = name
        self.above = above
        self.tails: list[Tail] = []
        self.returns: tuple[ValueType | None, Any] = (None, hints.UNKNOWN)
        self.choice: Choice | None = None
        self.steps = 0
        self.places: dict[str, str] = {}  # of nodes: where the user's code made them
        self._nodes: dict[str, NodeConfig] = {}
        self._edges: dict[str, list[Edge]] = {}
        self._variables: dict[str, VariableDef] = {}
        self._handlers: dict[str, list[FailureHandler]] = {}
        self._interrupts: dict[str, str] = {}
        self._join("entrypoint", EntrypointNode())

    def declare(self, variable: VariableDef, hint: Any) -> Proxy:
        """A variable of this thread."""
        if not is_inner_name(variable.name):
            fault(f"variable {variable.name!r}: use letters, digits, '.', '_' and '-'")
        if any(variable.name in thread._variables for thread in self.and_above()):
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
        declared = self._declared(expression.name)
        new = self.expression(value, declared.type, hints.UNKNOWN, f"variable {declared.name!r}")
        if not self.tails:
            self._unreachable()
        self.steps += 1
        for tail in self.tails:
            tail.mutations.append(Mutation(declared.name, new))

    def add(self, name: str, config: NodeConfig) -> Step:
        """A step after all that came before."""
        if not self.tails:
            self._unreachable()
        node = self._join(name, config)
        self.places[node] = place_of_caller()
        return Step(node)

    def output(self, step: Step, value_type: str | None, hint: Any) -> Proxy:
        """What stands for what a step gives."""
        return Proxy(self, OutputRef(step.node), value_type, hint)

    def loop_to(self, node: str) -> None:
        """All ways go back to a node that is there already."""
        self.steps += 1
        self._edges_to(node)
        self.tails = []

    def end(self, value: object) -> None:
        """An EXIT node, which returns the value."""
        wanted, hint = self.returns
        returns = None
        if value is not None:
            returns = self.expression(value, wanted, hint, "what the workflow returns")
            known = value._type if isinstance(value, Proxy) else None  # pyright: ignore[reportPrivateUsage]
            if known in _CAST_TO_RETURN and wanted not in (None, known):
                returns = Cast(wanted, returns)
        self.add("exit", ExitNode(returns=returns))
        self.tails = []

    def end_if_reached(self, value: object, where: str | None = None) -> None:
        """The end of a thread's function: an EXIT, unless every way has one already. `where` is the
        line that returns, if one does.
        """
        if not self.tails and value is None:
            return
        try:
            self.end(value)
        except DefinitionError as error:
            raise DefinitionError(where or error.where, error.message) from None
        node, _ = self.places.popitem()
        if where is not None:
            self.places[node] = where

    def fail(self, throws: Throw) -> None:
        """An EXIT node that ends the thread with a failure."""
        self.add("fail", ExitNode(throws=throws))
        self.tails = []

    def handle(self, step: Step, handler: FailureHandler) -> None:
        """Have a thread handle failures of a step."""
        if step.node not in self._nodes:
            fault("the step belongs to another thread; say there what handles its failures")
        self._handlers.setdefault(step.node, []).append(handler)

    def interrupt(self, event: str, thread: str) -> None:
        """Have a thread handle an event that interrupts this one."""
        if event in self._interrupts:
            fault(f"event {event!r} interrupts this thread already")
        self._interrupts[event] = thread

    def expression(self, value: object, wanted: str | None, hint: Any, what: str) -> Expression:
        """Where a value comes from: a proxy's expression, or the value itself if it can be had
        now.
        """
        if isinstance(value, Proxy):
            return self._of_proxy(value, wanted, what)
        if isinstance(value, Step):
            fault(f"{what}: that step gives no value")
        if _holds_proxy(value):
            fault(f"{what}: a value of the workflow inside of a list or dict; make that in a task")
        try:
            plain = msgspec.to_builtins(hints.to_json(value, wanted))
            if value is not None:
                hints.from_json(plain, hint)
        except ValueProblem as problem:
            fault(f"{what}: {problem}")
        return Literal(plain)

    def task_inputs(
        self, task: TaskDef[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> dict[str, Expression]:
        """What the inputs of a task are given."""
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

    def spec(self) -> ThreadSpec:
        """The thread as it is registered."""
        nodes = {
            name: msgspec.structs.replace(
                node,
                edges=tuple(self._edges[name]),
                handlers=tuple(self._handlers.get(name, ())),
            )
            for name, node in self._nodes.items()
        }
        return ThreadSpec(
            nodes=cast(Any, nodes),
            variables=tuple(self._variables.values()),
            interrupts=self._interrupts,
        )

    def and_above(self) -> Iterator[ThreadTrace]:
        """This thread, and those whose variables it sees."""
        thread: ThreadTrace | None = self
        while thread is not None:
            yield thread
            thread = thread.above

    def _declared(self, name: str) -> VariableDef:
        found = (thread._variables.get(name) for thread in self.and_above())
        variable = next((one for one in found if one is not None), None)
        if variable is None:
            fault(f"variable {name!r} belongs to another workflow")
        return variable

    def _of_proxy(self, proxy: Proxy, wanted: str | None, what: str) -> Expression:
        thread, known = proxy._thread, proxy._type  # pyright: ignore[reportPrivateUsage]
        expression = proxy._expression  # pyright: ignore[reportPrivateUsage]
        if thread not in self.and_above():
            fault(f"{what}: {proxy!r} belongs to another workflow, or to a thread beside this one")
        if thread is not self and _holds_output(expression):
            fault(
                f"{what}: {proxy!r} is seen in its own thread only; assign it to a variable() there"
            )
        if known is not None and wanted is not None and not _assignable(known, wanted):
            fault(f"{what} is {wanted}, but {proxy!r} is {known}")
        return expression

    def _join(self, name: str, config: NodeConfig) -> str:
        """A node after all tails; it is the only tail then."""
        node = f"{len(self._nodes)}-{name}"[:_NODE_NAME_CHARS_MAX].rstrip(".-")
        self._nodes[node] = config
        self._edges[node] = []
        self.steps += 1
        self._edges_to(node)
        self.tails = [Tail(node)]
        return node

    def _edges_to(self, node: str) -> None:
        for tail in self.tails:
            edge = Edge(to=node, condition=tail.condition, mutations=tuple(tail.mutations))
            self._edges[tail.node].append(edge)

    def _unreachable(self) -> NoReturn:
        fault("this step can not be reached: every way before it ends the thread")


def checked_name(what: str, name: str) -> str:
    """A name that something can be registered under."""
    try:
        check_definition_name(what, name)
    except Reject as reject:
        fault(reject.message)
    return name


def _holds_output(expression: Expression) -> bool:
    return any(isinstance(part, OutputRef) for part in parts_of(expression))


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
