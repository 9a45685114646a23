"""Whether a run can be migrated by a plan: what the two versions do not decide, its threads do. A
thread that ended well stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import Access, WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import At, Place, inherited_place, peek_thread
from penstock.core.flow.correlation import key_of
from penstock.core.flow.parents import parent_fault
from penstock.core.flow.versions import spec_of, version_of
from penstock.core.limits import MIGRATION_CHILD_RUNS_MAX, MIGRATION_NODE_RUNS_MAX
from penstock.core.operators.migration_plan import Plan, ThreadPlan
from penstock.core.state.failures import handler_of
from penstock.core.state.rows import copy_of
from penstock.core.state.run import HaltReason, NodeOutput, NodeRun, ThreadRun, Variable, WfRun
from penstock.core.state.thread_rows import ChildRun, PendingInterrupt
from penstock.core.state.transitions import NODE_LIVE, THREAD_LIVE, NodeStatus, ThreadStatus
from penstock.core.values.casts import converted
from penstock.core.values.types import ValueProblem, parse_type
from penstock.core.values.value import Value

SHOWN_MAX: Final = 5


def check_plan(plan: Plan) -> None:
    """Refuse a plan that no run could follow, or that takes away what child runs inherit."""
    faults = [*_above(plan), *plan.faults(), *_below(plan)]
    if faults:
        more = len(faults) - SHOWN_MAX
        said = faults[:SHOWN_MAX] + ([f"and {more} more"] if more > 0 else [])
        refuse(Code.MIGRATION_IMPOSSIBLE, "; ".join(said))


def check_thread(plan: Plan, number: int) -> None:
    """Refuse a plan that a thread of the run can not follow."""
    thread = to_migrate(plan, number)
    if thread is None:
        return
    node_run = node_run_of(plan, thread)
    problem = next(_problems(plan, thread, node_run), None)
    if problem is not None:
        where = f"thread {number} ({thread.thread_spec!r}), at node {node_run.node!r}"
        refuse(Code.MIGRATION_IMPOSSIBLE, f"{where}: {problem}")


def to_migrate(plan: Plan, number: int) -> ThreadRun | None:
    """The thread, unless it stays what it is, or has been migrated already."""
    thread = peek_thread(plan.turn, plan.run.wf_run_id, number)
    assert thread is not None, "threads have numbers in a row"
    done = version_of(plan.run, thread) == plan.new.version
    stays = thread.gone or thread.status is ThreadStatus.COMPLETED
    return None if done or stays else thread


def node_run_of(plan: Plan, thread: ThreadRun) -> NodeRun:
    """A copy of the node run at which a thread stands."""
    turn, run_id = plan.turn, plan.run.wf_run_id
    node_run = turn.rows.get(NodeRun, turn.tenant, run_id, thread.number, thread.position)
    assert node_run is not None, "a thread stands at a node"
    return node_run


def waits(thread: ThreadRun, node_run: NodeRun) -> bool:
    """Whether something is set up at the node for which the thread waits."""
    if thread.status not in THREAD_LIVE or thread.is_abandoned:
        return False
    return node_run.status in NODE_LIVE and node_run.status is not NodeStatus.STARTING


def found_outputs(plan: Plan, thread: ThreadRun, part: ThreadPlan) -> dict[str, NodeRun]:
    """The node runs of the thread with the newest outputs of nodes that were not kept, and are
    read from now on; ValueProblem if one can not be told from as many as may be looked at.
    """
    found: dict[str, NodeRun] = {}
    missing = set(part.wanted.values())
    if not missing:
        return found
    turn, run_id = plan.turn, plan.run.wf_run_id
    begin = thread.formers[-1].until if thread.formers else 0
    last = max(begin, thread.position + 1 - MIGRATION_NODE_RUNS_MAX)
    for position in range(thread.position, last - 1, -1):
        turn.nodes_left -= min(turn.nodes_left, 1)
        row = turn.rows.peek(NodeRun, turn.tenant, run_id, thread.number, position)
        if row is not None and row.node in missing and row.status is NodeStatus.COMPLETED:
            found[row.node] = row
            missing.discard(row.node)
        if not missing:
            return found
    if last > 0:
        raise ValueProblem(
            f"the output of node {min(missing)!r} is read in version {plan.new.version}, was not"
            f" kept, and is not among its node runs from {last} on"
        )
    return found


def _above(plan: Plan) -> Iterator[str]:
    """The run stands below one that has what the version inherits."""
    wanted, run = plan.new.body.parent, plan.run
    if wanted is None:
        return
    above = plan.turn.rows.peek(WfRun, plan.turn.tenant, run.parent) if run.parent else None
    if above is None or above.wf_spec != wanted:
        yield f"version {plan.new.version} inherits from {wanted!r}, and no run of it is above"
        return
    fault = parent_fault(plan.turn.rows, plan.new, above)
    if fault is not None:
        yield f"version {plan.new.version} inherits from {wanted!r}, and {fault}"


def _below(plan: Plan) -> Iterator[str]:
    """What child runs inherit stays. One that inherits it from further up has it from a child that
    inherits it, too.
    """
    lost = _offered(plan.old).items() - _offered(plan.new).items()
    if not lost:
        return
    turn, run_id = plan.turn, plan.run.wf_run_id
    names = {name for name, _ in lost}
    rows = list(islice(turn.rows.scan(ChildRun, turn.tenant, run_id), MIGRATION_CHILD_RUNS_MAX + 1))
    if len(rows) > MIGRATION_CHILD_RUNS_MAX:
        yield (
            f"child runs may inherit {sorted(names)}, which version {plan.new.version} has no more,"
            f" and there are more than {MIGRATION_CHILD_RUNS_MAX}"
        )
        return
    for row in rows:
        child = turn.rows.peek(WfRun, turn.tenant, row.child)
        first = child and peek_thread(turn, row.child, 0)
        if not child or not first:
            continue
        body = spec_of(turn.rows, child, first).body
        declared = body.threads[body.entrypoint].variables
        taken = sorted(one.name for one in declared if one.is_inherited and one.name in names)
        if taken:
            yield f"version {plan.new.version} takes away {taken}, and {row.child!r} inherits it"


def _offered(spec: WfSpec) -> dict[str, str]:
    """The variables that child runs may inherit, with their types."""
    entrypoint = spec.body.threads[spec.body.entrypoint]
    shared = (one for one in entrypoint.variables if one.access is not Access.PRIVATE_VAR)
    return {one.name: str(one.type) for one in shared}


def _problems(plan: Plan, thread: ThreadRun, node_run: NodeRun) -> Iterator[str]:
    part, node = plan.of(thread.thread_spec), node_run.node
    yield from part.problems
    if node in part.at_node:
        yield f"the node {part.at_node[node]}"
        return
    if node_run.leads_to is not None and node_run.leads_to not in part.nodes:
        why = part.at_node[node_run.leads_to]
        yield f"the replay is to go on at node {node_run.leads_to!r}, which {why}"
    if node in part.waiting and waits(thread, node_run):
        yield f"the node {part.waiting[node]}"
    if node in part.unhandled and HaltReason.PENDING_FAILURE in thread.halt_reasons:
        after = plan.new.body.threads[part.name].nodes[part.nodes[node]]
        assert node_run.failure is not None, "which is pending"
        if handler_of(after.handlers, node_run.failure) is None:
            yield f"its failure waits for a handler, and version {plan.new.version} has none for it"
    yield from _problems_of_outputs(plan, part, thread)
    yield from _problems_of_variables(plan, part, thread)
    yield from _problems_of_interrupts(plan, part, thread)
    if thread.status in THREAD_LIVE:
        yield from _problems_of_keys(plan, part, thread, node_run)


def _problems_of_outputs(plan: Plan, part: ThreadPlan, thread: ThreadRun) -> Iterator[str]:
    turn, run_id = plan.turn, plan.run.wf_run_id
    try:
        found = found_outputs(plan, thread, part)
    except ValueProblem as problem:
        yield str(problem)
        return
    for node in part.wanted.values():
        if node in found and node in part.misfits:
            yield f"node {node!r} has been passed: {part.misfits[node]}"
    for node in part.outputs.values():
        if node in part.misfits and turn.rows.peek(
            NodeOutput, turn.tenant, run_id, thread.number, node
        ):
            yield f"node {node!r} has been passed: {part.misfits[node]}"


def _problems_of_variables(plan: Plan, part: ThreadPlan, thread: ThreadRun) -> Iterator[str]:
    """A value that fits may be too large in its other type."""
    for name in part.converted:
        try:
            converted_variable(plan, part, thread, name)
        except ValueProblem as problem:
            yield f"variable {name!r}: {problem}"


def converted_variable(
    plan: Plan, part: ThreadPlan, thread: ThreadRun, name: str
) -> Variable | None:
    """A variable of the thread in the type that it gets, if it has a value; or ValueProblem."""
    turn = plan.turn
    row = turn.rows.get(Variable, turn.tenant, plan.run.wf_run_id, thread.number, name)
    if row is not None:
        row.value = converted(row.value, parse_type(part.converted[name]), structs_of(turn))
    return row


def _problems_of_interrupts(plan: Plan, part: ThreadPlan, thread: ThreadRun) -> Iterator[str]:
    if not thread.interrupts or not part.interrupts_gone:
        return
    turn, run_id = plan.turn, plan.run.wf_run_id
    for row in turn.rows.scan(PendingInterrupt, turn.tenant, run_id, thread.number):
        if row.event_def in part.interrupts_gone:
            yield (
                f"an interrupt by {row.event_def!r} waits to be handled, which version"
                f" {plan.new.version} does not do"
            )


def _problems_of_keys(
    plan: Plan, part: ThreadPlan, thread: ThreadRun, node_run: NodeRun
) -> Iterator[str]:
    """The keys of new interrupts can be had."""
    keys = plan.new.body.threads[part.name].interrupt_keys
    for event_def in part.keys:
        at = _Migrated(plan, thread, node_run)
        try:
            key_of(at, keys[event_def], f"key of interrupt {event_def!r}")
        except ValueProblem as problem:
            yield str(problem)


class _Migrated(At):
    """Where a thread will stand. Its run has not been migrated: names are seen through the plan."""

    __slots__ = ("_plan",)

    def __init__(self, plan: Plan, thread: ThreadRun, node_run: NodeRun) -> None:
        super().__init__(plan.turn, plan.run, plan.new, copy_of(thread), node_run)
        self.thread.thread_spec = plan.of(thread.thread_spec).name
        self._plan = plan

    def place_of(self, variable: str) -> Place:
        """Where the variable will be."""
        place, _ = self._foreseen(variable)
        return place

    def variable(self, name: str) -> Value:
        """What it will be."""
        place, made = self._foreseen(name)
        if name in made:
            return made[name]
        row = self.turn.rows.peek(Variable, self.turn.tenant, place.wf_run_id, place.thread, name)
        return None if row is None else row.value

    def _foreseen(self, name: str) -> tuple[Place, dict[str, Value]]:
        plan, number = self._plan, self.thread.number
        above: int | None = number
        while above is not None:
            thread = peek_thread(self.turn, self.run.wf_run_id, above)
            assert thread is not None, "a thread of the run"
            part, spec, called = None, plan.new, thread.thread_spec
            if to_migrate(plan, above) is None:
                spec = spec_of(self.turn.rows, self.run, thread)
            else:
                part = plan.of(thread.thread_spec)
                called = part.name
            declared = spec.body.threads[called].variable(name)
            if declared is not None and declared.is_inherited:
                return inherited_place(self.turn, self.run, name), {}
            if declared is not None:
                made = {} if part is None else part.made
                return Place(self.run.wf_run_id, above, declared), made
            above = thread.parent
        raise ValueProblem(f"no variable {name!r} can be seen from here")
