"""NodeCheck: what a node type's check sees of the spec and of the other definitions, and how it
reports a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from penstock.core.definitions.defs import ExternalEventDef, TaskDef, WorkflowEventDef
from penstock.core.definitions.fault_kinds import FaultKind
from penstock.core.definitions.faults import Faults
from penstock.core.definitions.graph import Mutation, NodeConfig
from penstock.core.definitions.output_types import output_type_of, returns_nothing
from penstock.core.definitions.structs import struct_fields_of
from penstock.core.definitions.user_task_def import UserTaskDef, find_user_task_def
from penstock.core.definitions.wf_spec import (
    SpecBody,
    ThreadSpec,
    VariableDef,
    newest_spec,
    spec_version,
)
from penstock.core.ids import correlation_key_problem
from penstock.core.limits import BACKOFF_MULTIPLIER_MAX, DURATION_MS_MAX
from penstock.core.state.backoff import Backoff
from penstock.core.state.failures import FailureHandler
from penstock.core.state.rows import Rows
from penstock.core.values.casts import check_assignable
from penstock.core.values.forms import (
    Expression,
    Literal,
    OutputRef,
    TemplateProblem,
    VariableRef,
    check_form,
    parts_of,
)
from penstock.core.values.paths import path_type
from penstock.core.values.type_check import check_fits, check_part, operation_type, type_of
from penstock.core.values.types import (
    NUMBERS,
    StructField,
    Type,
    ValueProblem,
    ValueType,
    parse_type,
)

INPUT: Final = "INPUT"
"""The variable that a handler, or a thread for an element of an array, is given."""
INDEX: Final = "INDEX"
"""The variable that a thread for an element of an array is given: the element's number."""


def backoff_problems(backoff: Backoff) -> Iterator[str]:
    """What a backoff wants that can be waited for."""
    if backoff.base_ms < 1:
        yield "base_ms from 1; leave the backoff out to have retries follow at once"
    if not backoff.base_ms <= backoff.max_ms <= DURATION_MS_MAX:
        yield f"max_ms from base_ms ({backoff.base_ms}) to {DURATION_MS_MAX}"
    if not 1 <= backoff.multiplier <= BACKOFF_MULTIPLIER_MAX:
        yield f"a multiplier from 1 to {BACKOFF_MULTIPLIER_MAX}"
    if not 0 <= backoff.jitter <= 1:
        yield "a jitter from 0 to 1: the fraction that may be taken off"


class NodeCheck:
    """One node under check; `fault` names it."""

    def __init__(
        self, *, name: str, body: SpecBody, rows: Rows, tenant: str, faults: Faults
    ) -> None:
        self.spec_name = name
        self.body = body
        self.faults = faults
        self._rows = rows
        self._tenant = tenant
        self._variables: dict[tuple[str, str], VariableDef] = {}
        self._anywhere: dict[str, VariableDef] = {}
        for thread_name, thread in body.threads.items():
            for declared in thread.variables:
                self._variables.setdefault((thread_name, declared.name), declared)
                self._anywhere.setdefault(declared.name, declared)
        self.starts: dict[str, list[str]] = {}  # what each thread starts, as far as was checked
        self.thread_name = ""
        self.node_name = ""

    def stand_at(self, thread_name: str, node_name: str = "") -> None:
        """Check this node next, or what belongs to the thread as a whole."""
        self.thread_name, self.node_name = thread_name, node_name

    @property
    def thread(self) -> ThreadSpec:
        """The thread of the node."""
        return self.body.threads[self.thread_name]

    @property
    def config(self) -> NodeConfig:
        """The node's configuration."""
        return self.thread.nodes[self.node_name]

    def fault(self, kind: FaultKind, message: str) -> None:
        """Something is wrong with this node."""
        self.faults.add(kind, message, thread=self.thread_name, node=self.node_name)

    def missing(self, kind: FaultKind, message: str) -> None:
        """This node names a definition that is not registered."""
        self.faults.missing(kind, message, thread=self.thread_name, node=self.node_name)

    def problem(self, kind: FaultKind, problem: ValueProblem, what: str = "") -> None:
        """One of the two above."""
        self.faults.problem(kind, problem, what, thread=self.thread_name, node=self.node_name)

    def task_def(self, name: str) -> TaskDef | None:
        """The TaskDef of this name; a fault if there is none."""
        found = self._rows.peek(TaskDef, self._tenant, name)
        if found is None:
            self.missing(
                FaultKind.TASK_DEF_UNKNOWN, f"TaskDef {name!r} is not registered; register it first"
            )
        return found

    def event_def(self, name: str) -> ExternalEventDef | None:
        """The ExternalEventDef of this name; a fault if there is none."""
        found = self.known_event_def(name)
        if found is None:
            self.missing(
                FaultKind.EXTERNAL_EVENT_DEF_UNKNOWN,
                f"ExternalEventDef {name!r} is not registered; register it first",
            )
        return found

    def known_event_def(self, name: str) -> ExternalEventDef | None:
        """The same, where it was looked for before."""
        return self._rows.peek(ExternalEventDef, self._tenant, name)

    def user_task_def(self, name: str, version: int | None) -> UserTaskDef | None:
        """The UserTaskDef of this name and version (the newest if none is named); a fault if there
        is none.
        """
        found = find_user_task_def(self._rows, self._tenant, name, version)
        if found is None or found.deleted_ms is not None:
            asked = "" if version is None else f" in version {version}"
            self.missing(
                FaultKind.USER_TASK_DEF_UNKNOWN,
                f"UserTaskDef {name!r} is not registered{asked}; register it first",
            )
        return found

    def workflow_event_def(self, name: str) -> WorkflowEventDef | None:
        """The WorkflowEventDef of this name; a fault if there is none."""
        found = self._rows.peek(WorkflowEventDef, self._tenant, name)
        if found is None:
            self.missing(
                FaultKind.WORKFLOW_EVENT_DEF_UNKNOWN,
                f"WorkflowEventDef {name!r} is not registered; register it first",
            )
        return found

    def correlates(self, event_def: str, key: Expression) -> None:
        """A fault if events of this kind are not put under keys, or this can be none."""
        self.fits(key, ValueType.STR, "correlation_key")
        if isinstance(key, Literal):
            problem = correlation_key_problem(str(key.value))
            if problem is not None:
                self.fault(FaultKind.BAD_CORRELATION_KEY, problem)
        found = self.known_event_def(event_def)
        if found is not None and found.correlation is None:
            self.fault(
                FaultKind.EVENT_NOT_CORRELATED,
                f"ExternalEventDef {event_def!r} has no `correlation`, so no key either",
            )

    def starts_thread(
        self, name: str, given: Mapping[str, Expression], given_besides: tuple[str, ...] = ()
    ) -> None:
        """A fault if there is no such thread, or it is not given what it wants."""
        thread = self.body.threads.get(name)
        if thread is None:
            self.fault(FaultKind.THREAD_UNKNOWN, f"there is no thread {name!r}")
            return
        self.starts.setdefault(self.thread_name, []).append(name)
        if name == self.body.entrypoint:
            self.fault(
                FaultKind.ENTRYPOINT_STARTED,
                f"thread {name!r} is the entrypoint, which only a run starts",
            )
        for variable in sorted(given):
            declared = thread.variable(variable)
            if declared is None:
                self.fault(
                    FaultKind.THREAD_INPUT_UNKNOWN, f"thread {name!r} has no variable {variable!r}"
                )
            else:
                self.fits(given[variable], declared.type, f"variable {variable!r}")
        for declared in thread.variables:
            if declared.required and declared.name not in {*given, *given_besides}:
                self.fault(
                    FaultKind.THREAD_INPUT_MISSING,
                    f"variable {declared.name!r} of thread {name!r} must be given",
                )

    def starts_run(
        self, name: str, version: int | None, major: int | None, given: Mapping[str, Expression]
    ) -> None:
        """A fault if there is no such spec, or it is not given what it wants."""
        if version is None:
            spec = newest_spec(self._rows, self._tenant, name, major)
            asked = "" if major is None else f" in major version {major}"
        else:
            spec = spec_version(self._rows, self._tenant, name, version)
            asked = f" in version {version}"
        if spec is None and name == self.spec_name and not asked:
            return  # itself, which is being registered
        if spec is None:
            self.missing(
                FaultKind.WF_SPEC_UNKNOWN,
                f"WfSpec {name!r} is not registered{asked}; register it first",
            )
            return
        thread = spec.body.threads[spec.body.entrypoint]
        if spec.body.parent is not None and spec.body.parent != self.spec_name:
            self.fault(
                FaultKind.CHILD_OF_ANOTHER,
                f"WfSpec {name!r} inherits from {spec.body.parent!r}, which is not this one",
            )
        for variable in sorted(given):
            declared = thread.variable(variable)
            if declared is None or declared.is_inherited:
                self.fault(
                    FaultKind.CHILD_INPUT_UNKNOWN, f"WfSpec {name!r} has no input {variable!r}"
                )
            else:
                self.fits(given[variable], declared.type, f"input {variable!r}")
        for declared in thread.variables:
            if declared.required and not declared.is_inherited and declared.name not in given:
                self.fault(
                    FaultKind.CHILD_INPUT_MISSING,
                    f"input {declared.name!r} of WfSpec {name!r} must be given",
                )

    def handles(self, handler: FailureHandler) -> None:
        """A fault if the thread of a handler can not be one."""
        self.starts_thread(handler.thread, {}, given_besides=(INPUT,))

    def backoff(self, backoff: Backoff) -> None:
        """Check that it is one that can be waited for."""
        for problem in backoff_problems(backoff):
            self.fault(FaultKind.BAD_BACKOFF, f"backoff wants {problem}")

    def variable(self, name: str) -> VariableDef | None:
        """The variable that a name stands for: this thread's, or one of another thread, which may
        be above it when the run is there.
        """
        return self._variables.get((self.thread_name, name)) or self._anywhere.get(name)

    def fits(self, expression: Expression, wanted: str, what: str) -> None:
        """A fault if it can be seen now that the value will not be of the wanted type."""
        try:
            check_fits(expression, parse_type(wanted), self)
        except ValueProblem as problem:
            self.problem(FaultKind.TYPE_MISMATCH, problem, f"{what}: ")

    def expression(self, expression: Expression, what: str = "") -> None:
        """A fault for each part of an expression that can never be right."""
        try:
            check_form(expression)
        except ValueProblem as problem:
            is_template = isinstance(problem, TemplateProblem)
            kind = FaultKind.BAD_TEMPLATE if is_template else FaultKind.BAD_EXPRESSION
            self.problem(kind, problem, what)
            return
        for part in parts_of(expression):
            if isinstance(part, VariableRef) and self.variable(part.name) is None:
                self.fault(FaultKind.VARIABLE_UNKNOWN, f"{what}there is no variable {part.name!r}")
            elif isinstance(part, OutputRef) and part.node not in self.thread.nodes:
                self.fault(FaultKind.NODE_UNKNOWN, f"{what}there is no node {part.node!r}")
            elif isinstance(part, OutputRef) and self._returns_nothing(part.node):
                self.fault(
                    FaultKind.NO_OUTPUT,
                    f"{what}node {part.node!r} is a task that returns nothing",
                )
            else:
                self._part(part, what)

    def mutation(self, mutation: Mutation) -> None:
        """A fault for a mutation that can never be right."""
        declared = self.variable(mutation.variable)
        if declared is None:
            self.fault(
                FaultKind.VARIABLE_UNKNOWN,
                f"an edge changes {mutation.variable!r}, which is no variable",
            )
            return
        try:
            self._mutation(mutation, parse_type(declared.type))
        except ValueProblem as problem:
            self.problem(FaultKind.BAD_MUTATION, problem, f"variable {mutation.variable!r}: ")

    def type_of(self, expression: Expression) -> Type | None:
        """The type of an expression where it can be seen; None where only the run will tell."""
        return type_of(expression, self)

    # What type_check.py asks.

    def variable_type(self, name: str) -> Type | None:
        """The declared type of a variable."""
        declared = self.variable(name)
        return None if declared is None else parse_type(declared.type)

    def output_type(self, node: str) -> Type | None:
        """The type of a node's output."""
        found = output_type_of(self.thread.nodes.get(node), self._rows, self._tenant)
        return None if found is None else parse_type(found)

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        """The fields of a StructDef."""
        return struct_fields_of(self._rows, self._tenant, name)

    def _returns_nothing(self, node: str) -> bool:
        return returns_nothing(self.thread.nodes.get(node), self._rows, self._tenant)

    def _part(self, part: Expression, what: str) -> None:
        try:
            check_part(part, self)
        except ValueProblem as problem:
            self.problem(FaultKind.BAD_EXPRESSION, problem, what)

    def _mutation(self, mutation: Mutation, declared: Type) -> None:
        target = declared
        if mutation.path is not None:
            below = path_type(declared, mutation.path, self.struct)
            if below is None:
                return
            target = below
        made = operation_type(target, mutation.operation, mutation.value, self)
        if made is not None and made != target and not {made, target} <= NUMBERS:
            check_assignable(made, target)
