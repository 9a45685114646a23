"""What becomes of each thread of a WfSpec in another version, by a plan that maps names. Most of
it is decided by the two versions; `ThreadPlan` says what else has to be looked at in a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from penstock.core.definitions.graph import NodeConfig
from penstock.core.definitions.output_types import output_type_of
from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import ThreadSpec, VariableDef, WfSpec
from penstock.core.flow.at import inherited_place
from penstock.core.nodes import TYPE_OF
from penstock.core.state.migration_rows import Migration
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.casts import check_assignable
from penstock.core.values.types import TypeText, ValueProblem, parse_type
from penstock.core.values.value import Value, coerce


@dataclass(slots=True)
class ThreadPlan:
    """What becomes of a thread of one name.

    problems     why no such thread can be migrated.
    at_node      why none can that stands at a node; `waiting`: none that waits there.
    unhandled    nodes that have other handlers: a failure may be waiting for one.
    outputs      whose output is kept under which name (new -> old); `wanted`: whose was not kept,
                 and is read now; `misfits`: (old) whose would have the wrong type.
    made         variables that are new, with their values; `converted`: those that get another
                 type; `gone`: those that are no more.
    interrupts   events that interrupt it from now on; `keys`: those that do under a key, too;
                 `interrupts_gone` and `keys_gone`: no more.
    """

    name: str
    problems: list[str] = field(default_factory=list[str])
    nodes: dict[str, str] = field(default_factory=dict[str, str])
    at_node: dict[str, str] = field(default_factory=dict[str, str])
    waiting: dict[str, str] = field(default_factory=dict[str, str])
    unhandled: set[str] = field(default_factory=set[str])
    outputs: dict[str, str] = field(default_factory=dict[str, str])
    wanted: dict[str, str] = field(default_factory=dict[str, str])
    misfits: dict[str, str] = field(default_factory=dict[str, str])
    made: dict[str, Value] = field(default_factory=dict[str, Value])
    converted: dict[str, TypeText] = field(default_factory=dict[str, TypeText])
    gone: list[str] = field(default_factory=list[str])
    interrupts: tuple[str, ...] = ()
    interrupts_gone: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    keys_gone: tuple[str, ...] = ()

    @property
    def looks(self) -> bool:
        """Whether it depends on the threads that a run has."""
        asks = (self.problems, self.at_node, self.waiting, self.unhandled, self.wanted)
        parts = self.misfits, self.converted, self.interrupts_gone, self.keys
        return any(asks) or any(parts)


class Plan:
    """A plan, between two versions, for one run."""

    def __init__(self, turn: Turn, run: WfRun, old: WfSpec, new: WfSpec, asked: Migration) -> None:
        self.turn = turn
        self.run = run
        self.old = old
        self.new = new
        self.asked = asked
        self._threads: dict[str, ThreadPlan] = {}

    def of(self, thread: str) -> ThreadPlan:
        """What becomes of the threads of a name."""
        known = self._threads.get(thread)
        if known is None:
            known = self._threads[thread] = _ThreadPlanner(self, thread).made()
        return known

    def name_of(self, thread: str) -> str:
        """What a thread is called in the new version; the entrypoint is the entrypoint there."""
        entrypoint = thread == self.old.body.entrypoint
        same = self.new.body.entrypoint if entrypoint else thread
        return self.asked.threads.get(thread, same)

    @property
    def looks(self) -> bool:
        """Whether the threads of the run must be looked at."""
        return any(self.of(thread).looks for thread in self.old.body.threads)

    def faults(self) -> Iterator[str]:
        """What is wrong with the plan, whatever threads the run has."""
        old, new, asked = self.old.body.threads, self.new.body.threads, self.asked
        for thread, name in asked.threads.items():
            if thread not in old or name not in new:
                yield f"threads: {thread!r} -> {name!r} are not threads of the two versions"
        for thread, nodes in asked.nodes.items():
            yield from self._faults_of_nodes(thread, nodes)
        for thread, values in asked.variables.items():
            for variable in values:
                fault = self._fault_of_value(thread, variable)
                if fault is not None:
                    yield f"variables: thread {thread!r}, variable {variable!r} {fault}"
        entrypoint = self.old.body.entrypoint
        for problem in self.of(entrypoint).problems:
            yield f"thread {entrypoint!r}: {problem}"

    def _faults_of_nodes(self, thread: str, nodes: Mapping[str, str]) -> Iterator[str]:
        before = self.old.body.threads.get(thread)
        after = self.new.body.threads.get(self.name_of(thread))
        if before is None or after is None:
            yield f"nodes: {thread!r} is not a thread of both versions"
            return
        taken: dict[str, str] = {}
        for node, name in nodes.items():
            if node not in before.nodes or name not in after.nodes:
                yield f"nodes: {thread!r}: {node!r} -> {name!r} are not nodes of the two versions"
            if taken.setdefault(name, node) != node:
                yield f"nodes: {thread!r}: {taken[name]!r} and {node!r} can not both be {name!r}"

    def _fault_of_value(self, thread: str, variable: str) -> str | None:
        after = self.new.body.threads.get(thread)
        declared = None if after is None else after.variable(variable)
        if declared is None or declared.is_inherited:
            return f"is not in version {self.new.version}, or is not its own there"
        for name, before in self.old.body.threads.items():
            if self.name_of(name) == thread and is_own(before.variable(variable)):
                return "is there already; edit it once the run is migrated"
        return None


def is_own(declared: VariableDef | None) -> bool:
    """Whether a thread keeps the variable itself."""
    return declared is not None and not declared.is_inherited


class _ThreadPlanner:
    """Makes a ThreadPlan."""

    def __init__(self, plan: Plan, thread: str) -> None:
        self.plan = plan
        self.thread = thread
        self.before = plan.old.body.threads[thread]
        self.into = ThreadPlan(plan.name_of(thread))
        self.version = f"version {plan.new.version}"

    def made(self) -> ThreadPlan:
        """The plan for the threads of this name."""
        into, plan = self.into, self.plan
        after = plan.new.body.threads.get(into.name)
        if after is None:
            into.problems.append(f"{self.version} has no such thread: map it to one that it has")
            return into
        begins = self.thread == plan.old.body.entrypoint
        if begins != (into.name == plan.new.body.entrypoint):
            into.problems.append("the entrypoint, and nothing else, is mapped to the entrypoint")
        self._see_nodes(after)
        self._see_outputs(after)
        self._see_variables(after)
        before, keys, keys_before = self.before, after.interrupt_keys, self.before.interrupt_keys
        into.interrupts = _beside(after.interrupts, before.interrupts)
        into.interrupts_gone = _beside(before.interrupts, after.interrupts)
        into.keys = _beside(keys, keys_before)
        into.keys_gone = _beside(keys_before, keys)
        return into

    def _see_nodes(self, after: ThreadSpec) -> None:
        """An old node whose name is given to another one, and that is not mapped, is gone."""
        into, given = self.into, self.plan.asked.nodes.get(self.thread, {})
        taken = set(given.values())
        for node, config in self.before.nodes.items():
            name = given.get(node, node)
            other = after.nodes.get(name)
            if other is None or (node not in given and name in taken):
                into.at_node[node] = f"is not in {self.version}: map it, or let the thread go on"
            elif type(other) is not type(config):
                into.at_node[node] = f"is {_type(other)} in {self.version}, not {_type(config)}"
            else:
                into.nodes[node] = name
                self._see_node(node, config, other)
            if config.publish and name != node:
                into.problems.append(
                    f"node {node!r} publishes its output under its name: it can have no other"
                )

    def _see_node(self, node: str, config: NodeConfig, other: NodeConfig) -> None:
        carries = TYPE_OF[type(config)].carries(config, other)
        if carries is not None:
            self.into.waiting[node] = f"{carries}: let the thread go on first, or skip the node"
        if config.handlers != other.handlers:
            self.into.unhandled.add(node)

    def _see_outputs(self, after: ThreadSpec) -> None:
        into, plan, rows = self.into, self.plan, self.plan.turn.rows
        kept = plan.old.kept_outputs.get(self.thread, ())
        old_name = {name: node for node, name in into.nodes.items()}
        for name in plan.new.kept_outputs.get(into.name, ()):
            node = old_name.get(name)
            if node is None:
                continue  # a new node, or one that no thread has passed under its old name
            (into.outputs if node in kept else into.wanted)[name] = node
            known = output_type_of(self.before.nodes[node], rows, plan.turn.tenant)
            wanted = output_type_of(after.nodes[name], rows, plan.turn.tenant)
            fault = _unassignable(known, wanted)
            if fault is not None:
                into.misfits[node] = f"its output is {known}, and {wanted} in {self.version}"

    def _see_variables(self, after: ThreadSpec) -> None:
        into = self.into
        for declared in self.before.variables:
            if is_own(declared) and not is_own(after.variable(declared.name)):
                into.gone.append(declared.name)
        for declared in after.variables:
            try:
                self._see_variable(declared)
            except ValueProblem as problem:
                said = f"it is not {declared.type}" if declared.masked else str(problem)
                into.problems.append(f"variable {declared.name!r}: {said}")

    def _see_variable(self, declared: VariableDef) -> None:
        into, plan, name = self.into, self.plan, declared.name
        known = self.before.variable(name)
        if declared.is_inherited:
            inherited_place(plan.turn, plan.run, name)
        elif known is None or known.is_inherited:
            value = plan.asked.variables.get(into.name, {}).get(name)
            if value is None and declared.required:
                raise ValueProblem(f"it is new and required: give {into.name!r} a value for it")
            value = declared.default if value is None else value
            into.made[name] = coerce(value, declared.type, structs_of(plan.turn))
        elif known.type != declared.type:
            fault = _unassignable(known.type, declared.type)
            if fault is not None:
                raise ValueProblem(f"{fault}: give it another name in {self.version}")
            into.converted[name] = declared.type


def _unassignable(known: TypeText | None, wanted: TypeText | None) -> str | None:
    if known is None or wanted is None:
        return None  # only the run will tell
    try:
        check_assignable(parse_type(known), parse_type(wanted))
    except ValueProblem as problem:
        return str(problem)
    return None


def _type(config: NodeConfig) -> str:
    return TYPE_OF[type(config)].name


def _beside(some: Mapping[str, object], others: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(sorted(some.keys() - others.keys()))
