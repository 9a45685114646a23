"""NodeCheck: what a node type's check sees of the spec and of the other definitions, and how it
reports a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from penstock.core.definitions import ExternalEventDef, TaskDef, WorkflowEventDef
from penstock.core.expressions import Comparison, Expression, Literal, OutputRef, VariableRef
from penstock.core.failures import FailureHandler
from penstock.core.ids import correlation_key_problem
from penstock.core.rows import Rows
from penstock.core.values import ValueProblem, ValueType, coerce

if TYPE_CHECKING:
    from penstock.core.nodes.base import NodeConfig
    from penstock.core.spec import SpecBody, ThreadSpec, VariableDef

FAULTS_MAX: Final = 20
INPUT: Final = "INPUT"
"""The variable that a handler, or a thread for an element of an array, is given."""

_WIDENS = {(ValueType.INT, ValueType.DOUBLE), (ValueType.DOUBLE, ValueType.INT)}
"""Pairs of different types that may still fit when the value is known."""


class NodeCheck:
    """One node under check; `fault` names it."""

    def __init__(self, *, body: SpecBody, rows: Rows, tenant: str, faults: list[str]) -> None:
        self.body = body
        self.faults = faults
        self._rows = rows
        self._tenant = tenant
        self._where = ""
        self.thread_name = ""
        self.node_name = ""

    def stand_at(self, thread_name: str, node_name: str) -> None:
        """Check this node next."""
        self.thread_name, self.node_name = thread_name, node_name
        self._where = f"thread {thread_name!r}, node {node_name!r}"

    @property
    def thread(self) -> ThreadSpec:
        """The thread of the node."""
        return self.body.threads[self.thread_name]

    @property
    def config(self) -> NodeConfig:
        """The node's configuration."""
        return self.thread.nodes[self.node_name]

    def variable(self, name: str) -> VariableDef | None:
        """A variable of this thread, or else of another one of the spec: which threads are above
        this one is known when it runs.
        """
        threads = (self.thread, *self.body.threads.values())
        found = (thread.variable(name) for thread in threads)
        return next((variable for variable in found if variable is not None), None)

    def fault(self, message: str) -> None:
        """Something is wrong with this node."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"{self._where}: {message}")

    def task_def(self, name: str) -> TaskDef | None:
        """The TaskDef of this name; a fault if there is none."""
        found = self._rows.peek(TaskDef, self._tenant, name)
        if found is None:
            self.fault(f"TaskDef {name!r} is not registered; register it first")
        return found

    def event_def(self, name: str) -> ExternalEventDef | None:
        """The ExternalEventDef of this name; a fault if there is none."""
        found = self._rows.peek(ExternalEventDef, self._tenant, name)
        if found is None:
            self.fault(f"ExternalEventDef {name!r} is not registered; register it first")
        return found

    def workflow_event_def(self, name: str) -> WorkflowEventDef | None:
        """The WorkflowEventDef of this name; a fault if there is none."""
        found = self._rows.peek(WorkflowEventDef, self._tenant, name)
        if found is None:
            self.fault(f"WorkflowEventDef {name!r} is not registered; register it first")
        return found

    def correlates(self, event_def: str, key: Expression) -> None:
        """A fault if events of this kind are not put under keys, or this can be none."""
        self.fits(key, ValueType.STR, "correlation_key")
        if isinstance(key, Literal):
            problem = correlation_key_problem(str(key.value))
            if problem is not None:
                self.fault(problem)
        found = self._rows.peek(ExternalEventDef, self._tenant, event_def)
        if found is not None and found.correlation is None:
            self.fault(f"ExternalEventDef {event_def!r} has no `correlation`, so no key either")

    def starts_thread(
        self, name: str, given: Mapping[str, Expression], given_besides: str = ""
    ) -> None:
        """A fault if there is no such thread, or it is not given what it wants."""
        thread = self.body.threads.get(name)
        if thread is None:
            self.fault(f"there is no thread {name!r}")
            return
        if name == self.body.entrypoint:
            self.fault(f"thread {name!r} is the entrypoint, which only a run starts")
        for variable in sorted(given):
            declared = thread.variable(variable)
            if declared is None:
                self.fault(f"thread {name!r} has no variable {variable!r}")
            else:
                self.fits(given[variable], declared.type, f"variable {variable!r}")
        for declared in thread.variables:
            if declared.required and declared.name not in {*given, given_besides}:
                self.fault(f"variable {declared.name!r} of thread {name!r} must be given")

    def handles(self, handler: FailureHandler) -> None:
        """A fault if the thread of a handler can not be one."""
        self.starts_thread(handler.thread, {}, given_besides=INPUT)

    def fits(self, expression: Expression, wanted: ValueType, what: str) -> None:
        """A fault if it can be seen now that the value will not be of the wanted type."""
        if isinstance(expression, Literal):
            try:
                coerce(expression.value, wanted)
            except ValueProblem as problem:
                self.fault(f"{what}: {problem}")
            return
        known = self.type_of(expression)
        if known is not None and known is not wanted and (known, wanted) not in _WIDENS:
            self.fault(f"{what} wants {wanted}, but is given {known}")

    def type_of(self, expression: Expression) -> ValueType | None:
        """The type of an expression where it can be seen; None where only the run will tell."""
        if isinstance(expression, Comparison):
            return ValueType.BOOL
        if isinstance(expression, VariableRef) and expression.path is None:
            declared = self.variable(expression.name)
            return None if declared is None else declared.type
        if isinstance(expression, OutputRef) and expression.path is None:
            config = self.thread.nodes.get(expression.node)
            task_def = getattr(config, "task_def", None)
            if isinstance(task_def, str):
                found = self._rows.peek(TaskDef, self._tenant, task_def)
                return None if found is None else found.return_type
        return None
