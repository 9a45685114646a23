"""At: where a thread of a run stands. The one thing that node hooks, tasks and advance hand to each
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final

from msgspec import Struct

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.output_types import output_type_of
from penstock.core.definitions.structs import struct_fields_of
from penstock.core.definitions.wf_spec import ThreadSpec, VariableDef, WfSpec
from penstock.core.flow.template_names import TemplateNames
from penstock.core.flow.versions import spec_of
from penstock.core.state.run import NodeOutput, NodeRun, ThreadRun, Variable, WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.expressions import Evaluation, Expression
from penstock.core.values.masking import has_masked, reads_masked
from penstock.core.values.types import DefinitionMissing, StructField, ValueProblem, parse_type
from penstock.core.values.value import Value

NOT_SHOWN: Final = "it reads something masked, so what is wrong with it is not shown"


class Place(Struct, frozen=True):
    """Where a variable is kept, and how it is declared."""

    wf_run_id: str
    thread: int
    declared: VariableDef


class At:
    """Copies of a run's rows around one thread's current node; `save` writes them. It is also the
    scope of names.
    """

    __slots__ = (
        *("_above", "_places", "_types", "masked", "node_run", "run", "sees_masked", "spec"),
        *("thread", "turn"),
    )

    def __init__(
        self, turn: Turn, run: WfRun, spec: WfSpec, thread: ThreadRun, node_run: NodeRun
    ) -> None:
        self.turn = turn
        self.run = run
        self.spec = spec
        self.thread = thread
        self.node_run = node_run
        self._places: dict[str, Place] = {}  # a thread's parents, and what they declare, stay
        self._above: list[ThreadRun] = []
        self.masked = False
        self.sees_masked = True
        self._types: dict[tuple[str, str], str] = {}

    @property
    def thread_spec(self) -> ThreadSpec:
        """The blueprint of the thread."""
        return self.spec.body.threads[self.thread.thread_spec]

    def blueprint_of(self, thread: ThreadRun) -> ThreadSpec:
        """The blueprint of a thread of the run, which may follow another version."""
        spec = self.spec
        if thread.version != self.thread.version:
            spec = spec_of(self.turn.rows, self.run, thread)
        return spec.body.threads[thread.thread_spec]

    @property
    def config(self) -> NodeConfig:
        """The configuration of the current node."""
        blueprint = self.spec.body.threads[self.thread.thread_spec]
        return blueprint.nodes[self.node_run.node]

    def save(self) -> None:
        """Write the rows."""
        rows = self.turn.rows
        rows.put(self.node_run)
        rows.put(self.thread)
        rows.put(self.run)

    def evaluate(self, expression: Expression, place: str = "") -> Value:
        """The value of an expression here, or ValueProblem."""
        work = partial(Evaluation(self, place).value, expression)
        return self.watched(expression, None, work)

    def evaluate_as(self, expression: Expression, wanted: str, place: str) -> Value:
        """The value as a place of a type takes it, or ValueProblem; `place` names that place."""
        work = partial(Evaluation(self, place).value_as, expression, parse_type(wanted))
        return self.watched(expression, wanted, work)

    def watched(
        self, expression: Expression, wanted: str | None, work: Callable[[], Value]
    ) -> Value:
        """What is worked out here of an expression; `masked` says afterwards whether it was made of
        something masked, or would have been. Then what is wrong with it is not said: that would
        quote it.
        """
        self.masked, self._types = False, {}
        try:
            value = work()
        except DefinitionMissing:
            raise  # it quotes names alone
        except ValueProblem:
            if self.masked or self._reads_parts():
                self.masked = True
                raise ValueProblem(NOT_SHOWN) from None
            raise
        if self._types and not self.masked:
            self.masked = reads_masked(expression, wanted, self._types, self.struct)
        return value

    def _reads_parts(self) -> bool:
        """Whether something was read that may have masked parts."""
        return any(has_masked(parse_type(text), self.struct) for text in self._types.values())

    def variable(self, name: str) -> Value:
        """The value of a variable of this thread or of one above it."""
        place = self.place_of(name)
        row = self.variable_row(place)
        self.note_read("VARIABLE", name, place.declared.type)
        self.note_masked(place.declared.masked or (row is not None and row.masked))
        return None if row is None else row.value

    def variable_row(self, place: Place) -> Variable | None:
        """What is kept of a variable; nothing of one that is null from the beginning."""
        parts = (place.wf_run_id, place.thread, place.declared.name)
        return self.turn.rows.peek(Variable, self.turn.tenant, *parts)

    def output(self, node: str) -> Value:
        """The newest output of a node of this thread."""
        row = self.turn.rows.peek(
            NodeOutput, self.turn.tenant, self.run.wf_run_id, self.thread.number, node
        )
        if row is None:
            raise ValueProblem(f"node {node!r} has no output yet")
        self.note_read("NODE_OUTPUT", node, self.output_type(node))
        self.note_masked(row.masked)
        return row.value

    def note_masked(self, masked: bool) -> None:
        """What is being read is masked, or not. Who may not see what is masked gets no further:
        neither a value nor a problem, and no time that is taken, hangs on it.
        """
        self.masked |= masked
        if masked and not self.sees_masked:
            raise ValueProblem(NOT_SHOWN)

    def note_read(self, what: str, name: str, declared: str | None) -> None:
        """What was read may have parts that are masked: fields of structs."""
        if declared is not None and "STRUCT<" in declared:
            self._types[what, name] = declared

    def variable_type(self, name: str) -> str | None:
        """The declared type of a variable."""
        return self.place_of(name).declared.type

    def output_type(self, node: str) -> str | None:
        """The type of a node's output."""
        return output_type_of(self.thread_spec.nodes.get(node), self.turn.rows, self.turn.tenant)

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        """The fields of a StructDef."""
        return struct_fields_of(self.turn.rows, self.turn.tenant, name)

    def now_ms(self) -> int:
        """The log's time."""
        return self.turn.at_ms

    def seed(self) -> tuple[str | int, ...]:
        """This node run, as no other is."""
        run, node_run = self.run, self.node_run
        partition = self.turn.shard.partition
        return (partition, run.born_offset, run.wf_run_id, node_run.thread, node_run.position)

    def pay(self, steps: int, parts: int) -> None:
        """Evaluating is paid for by the turn."""
        self.turn.pay(steps, parts)

    def template_names(self, spend: Callable[[int], None]) -> TemplateNames:
        """What names mean in a template here."""
        return TemplateNames(self, self.variable, spend)

    def place_of(self, variable: str) -> Place:
        """Where a variable that can be seen from here is kept."""
        place = self._places.get(variable)
        if place is None:
            place = self._places[variable] = self._find(variable)
        return place

    def _find(self, variable: str) -> Place:
        undeclared: set[tuple[int, str]] = set()
        for thread in self._scopes():
            if thread.gone:
                continue
            blueprint = thread.version, thread.thread_spec
            if blueprint in undeclared:
                continue
            declared = self.blueprint_of(thread).variable(variable)
            if declared is None:
                undeclared.add(blueprint)
            elif declared.is_inherited:
                return inherited_place(self.turn, self.run, variable)
            else:
                return Place(self.run.wf_run_id, thread.number, declared)
        raise ValueProblem(f"no variable {variable!r} can be seen from here")

    def _scopes(self) -> Iterator[ThreadRun]:
        """The thread and those above it; their rows are read once."""
        yield self.thread
        yield from self._above
        last = self._above[-1] if self._above else self.thread
        while last.parent is not None:
            above = peek_thread(self.turn, self.run.wf_run_id, last.parent)
            assert above is not None, "a parent is a thread of the run"
            self._above.append(above)
            yield above
            last = above


def inherited_place(turn: Turn, run: WfRun, variable: str) -> Place:
    """A variable of the parent run's entrypoint, or of one further up; ValueProblem if there is
    none.
    """
    while run.parent is not None:
        above = turn.rows.peek(WfRun, turn.tenant, run.parent)
        first = above and peek_thread(turn, above.wf_run_id, 0)
        if not above or not first:
            break
        spec = spec_of(turn.rows, above, first)
        declared = spec.body.threads[spec.body.entrypoint].variable(variable)
        if declared is None:
            break
        if not declared.is_inherited:
            return Place(above.wf_run_id, 0, declared)
        run = above
    raise ValueProblem(f"no run above has the variable {variable!r}")


def peek_thread(turn: Turn, wf_run_id: str, number: int) -> ThreadRun | None:
    """A thread's row, not to be changed."""
    return turn.rows.peek(ThreadRun, turn.tenant, wf_run_id, number)
