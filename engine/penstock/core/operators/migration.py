"""Migration: a run goes on in another version of its WfSpec. A sweep looks at its threads, if the
two versions do not decide it (CHECK_MIGRATION), and another brings them over (MIGRATE).

Each thread says which version it follows, so that a run whose migration is under way, or was cut
short, is sound at any time. The plan is a row of the run until the last thread has come over.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from penstock.core.definitions.wf_spec import ThreadSpec, WfSpec
from penstock.core.errors import Code, Reject
from penstock.core.flow.at import At, peek_thread
from penstock.core.flow.correlation import ENTRYPOINT_POSITION, key_of, mark_thread, unmark
from penstock.core.flow.load import is_being_deleted
from penstock.core.flow.search_index import is_indexed, write_index
from penstock.core.flow.versions import version_of
from penstock.core.flow.watchers import unwatch, watch
from penstock.core.limits import OLD_VALUE_ROW_BYTES
from penstock.core.nodes import TYPE_OF
from penstock.core.operators.migration_check import (
    check_thread,
    converted_variable,
    found_outputs,
    node_run_of,
    to_migrate,
    waits,
)
from penstock.core.operators.migration_plan import Plan, ThreadPlan
from penstock.core.state.audit import audit_refusal
from penstock.core.state.migration_rows import Former, Migration, UndecidedMigration
from penstock.core.state.outputs import CommandRefused
from penstock.core.state.replay_rows import OldVariable, Replayed
from penstock.core.state.rows import copy_of
from penstock.core.state.run import (
    HaltReason,
    NodeOutput,
    SweepVerb,
    ThreadRun,
    Variable,
    WfRun,
)
from penstock.core.state.thread_rows import Interrupter, PendingInterrupt, Watcher
from penstock.core.state.transitions import THREAD_LIVE, NodeStatus
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import value_bytes


def plan_of(turn: Turn, run: WfRun) -> Plan:
    """The plan that the run follows."""
    asked = turn.rows.peek(Migration, turn.tenant, run.wf_run_id)
    assert asked is not None, "it stays until the last thread has come over"
    return plan_by(turn, run, asked)


def plan_by(turn: Turn, run: WfRun, asked: Migration) -> Plan:
    """What a row says, for a run."""
    old, new = (
        turn.rows.peek(WfSpec, turn.tenant, run.wf_spec, version)
        for version in (run.version, asked.version)
    )
    assert old is not None, "a WfSpec stays while it is followed"
    assert new is not None, "and is there when a plan is made"
    return Plan(turn, run, old, new, asked)


def checking(turn: Turn, run: WfRun) -> Callable[[int], None]:
    """What looks at a thread."""
    plan = plan_of(turn, run)
    return lambda number: check_thread(plan, number)


def carrying(turn: Turn, run: WfRun) -> Callable[[int], None]:
    """What brings a thread over; nothing, if the run is not being migrated."""
    if run.migrates_to is None:
        return lambda number: None
    plan = plan_of(turn, run)
    return lambda number: _carry(plan, number)


def finish(turn: Turn, run: WfRun) -> None:
    """The last thread has come over. The caller saves the run."""
    if run.migrates_to is not None:
        run.first_version = run.first_version or run.version
        run.version, run.migrates_to = run.migrates_to, None
        forget_plan(turn, run)


def forget_plan(turn: Turn, run: WfRun) -> None:
    """The plan is carried out, or is not to be."""
    turn.rows.delete(Migration(turn.tenant, run.wf_run_id, 0, {}, {}, {}))


def tell_refused(turn: Turn, run: WfRun, rejection: Reject) -> None:
    """A thread can not follow the plan, which was seen after the command had been answered."""
    asked = turn.rows.peek(Migration, turn.tenant, run.wf_run_id)
    command_id, bulk_id = (None, None) if asked is None else (asked.command_id, asked.bulk_id)
    code, message = rejection.code, rejection.message
    audit_refusal(turn, run.wf_run_id, "MigrateWfRun", code, message, bulk_id)
    if bulk_id is not None:
        waits = turn.rows.get(UndecidedMigration, turn.tenant, bulk_id, run.wf_run_id)
        if waits is not None:  # else the job was cancelled
            waits.code, waits.message = code, message
            turn.rows.put(waits)
    refused = CommandRefused(
        command="MigrateWfRun",
        command_id=command_id,
        code=code,
        message=message,
        at_ms=turn.at_ms,
        bulk_id=bulk_id,
    )
    turn.tell(run.wf_run_id, refused)


def undecided(turn: Turn, wf_run_id: str, bulk_id: str) -> UndecidedMigration | None:
    """What a bulk job has to keep of a run of which it is still looked at whether it can follow the
    job's plan; None if that is decided.
    """
    run = turn.rows.peek(WfRun, turn.tenant, wf_run_id)
    asked = turn.rows.peek(Migration, turn.tenant, wf_run_id)
    if run is None or run.sweep is None or asked is None or asked.bulk_id != bulk_id:
        return None
    if run.sweep.verb is not SweepVerb.CHECK_MIGRATION:
        return None
    return UndecidedMigration(turn.tenant, bulk_id, wf_run_id, asked.version)


def decision_on(turn: Turn, waits: UndecidedMigration) -> tuple[Code, str] | None:
    """Why a plan that was decided is not followed; None if it is."""
    if waits.code:
        return Code(waits.code), waits.message
    run = turn.rows.peek(WfRun, turn.tenant, waits.wf_run_id)
    if run is None or is_being_deleted(turn, waits.wf_run_id):
        return Code.WF_RUN_DELETING, f"WfRun {waits.wf_run_id!r} was deleted first"
    if waits.version in (run.version, run.migrates_to):
        return None
    message = f"WfRun {waits.wf_run_id!r} came to be {run.status} before the plan was decided"
    return Code.MIGRATION_IMPOSSIBLE, message


def _carry(plan: Plan, number: int) -> None:
    """Bring a thread over. It has been seen that it can be, and it has done nothing since."""
    found = to_migrate(plan, number)
    if found is None:
        _keep(plan, number)
        return
    turn, run, thread = plan.turn, plan.run, copy_of(found)
    node_run, part = node_run_of(plan, thread), plan.of(thread.thread_spec)
    before = At(turn, copy_of(run), plan.old, copy_of(thread), copy_of(node_run))
    _carry_outputs(plan, part, thread)
    _carry_variables(plan, part, thread)
    _carry_masks(plan, part, before.thread_spec, thread)
    _carry_indexes(plan, part, before.thread_spec, thread)
    former = Former(version_of(run, thread), thread.thread_spec, thread.position)
    thread.formers = (*thread.formers, former)
    thread.version, thread.thread_spec = plan.new.version, part.name
    _carry_replayed(turn, part, run.wf_run_id, number)
    if node_run.leads_to is not None:
        node_run.leads_to = part.nodes.get(node_run.leads_to, node_run.leads_to)
    name = part.nodes[node_run.node]
    if name != node_run.node:
        node_run.formerly = (*node_run.formerly, node_run.node)
    thread.node = node_run.node = name
    at = At(turn, run, plan.new, thread, node_run)
    if thread.status in THREAD_LIVE:
        _carry_interrupts(at, part)
    _carry_keys(at, part)
    if waits(thread, node_run):
        _carry_wait(before, at)
    turn.rows.put(node_run)
    turn.rows.put(thread)


def _carry_replayed(turn: Turn, part: ThreadPlan, wf_run_id: str, number: int) -> None:
    """A thread of a replay that is migrated began at a node, and with outputs, that have other
    names now.
    """
    begun = turn.rows.get(Replayed, turn.tenant, wf_run_id, number)
    if begun is not None:
        begun.node = begun.node and part.nodes.get(begun.node, begun.node)
        begun.outputs = {part.nodes.get(n, n): past for n, past in begun.outputs.items()}
        turn.rows.put(begun)


def _keep(plan: Plan, number: int) -> None:
    """A thread that stays in the version in which it ended says so itself: its run's will be
    another.
    """
    thread = peek_thread(plan.turn, plan.run.wf_run_id, number)
    if thread is not None and thread.version == 0:
        kept = copy_of(thread)
        kept.version = plan.run.version
        plan.turn.rows.put(kept)


def _carry_outputs(plan: Plan, part: ThreadPlan, thread: ThreadRun) -> None:
    """Outputs are kept by the names that nodes have now, and those that nobody reads go."""
    turn, here = plan.turn, (plan.turn.tenant, plan.run.wf_run_id, thread.number)
    found: dict[str, NodeOutput] = {}
    visits = found_outputs(plan, thread, part)
    for name, node in part.wanted.items():
        visit = visits.get(node)
        if visit is not None:
            found[name] = NodeOutput(*here, name, visit.output, visit.position, masked=visit.masked)
    kept_before = plan.old.kept_outputs.get(thread.thread_spec, ())
    rows = {node: turn.rows.peek(NodeOutput, *here, node) for node in kept_before}
    for name, node in part.outputs.items():
        row = rows[node]
        if row is not None:
            found[name] = NodeOutput(*here, name, row.value, row.position, masked=row.masked)
    same = {name for name, node in part.outputs.items() if name == node}
    for row in rows.values():
        if row is not None and row.node not in same:
            turn.rows.delete(row)
    for name in sorted(found.keys() - same):
        turn.rows.put(found[name])


def _carry_variables(plan: Plan, part: ThreadPlan, thread: ThreadRun) -> None:
    turn, here = plan.turn, (plan.turn.tenant, plan.run.wf_run_id, thread.number)
    for name in part.gone:
        _keep_for_replay(plan, thread, turn.rows.peek(Variable, *here, name))
        turn.rows.delete(Variable(*here, name, None))
    for name, value in part.made.items():
        if value is not None:
            turn.output_bytes += value_bytes(value)  # of rows, which are as dear as what is sent
            turn.rows.put(Variable(*here, name, value))
    for name in part.converted:
        row = converted_variable(plan, part, thread, name)
        if row is not None:
            turn.rows.put(row)


def _keep_for_replay(plan: Plan, thread: ThreadRun, row: Variable | None) -> None:
    """A variable that goes may be wanted by a replay from the beginning, in a version that has it;
    from nodes before the migration there is none. Values of the start are kept, however many.
    """
    run = plan.turn.rows.get(WfRun, plan.turn.tenant, plan.run.wf_run_id)
    assert run is not None, "it is being migrated"
    if row is None or row.since or run.parent is not None:
        return
    declared = plan.old.body.threads[thread.thread_spec].variable(row.name)
    masked = row.masked or (declared is not None and declared.masked)
    place = (row.tenant, row.wf_run_id, row.thread, row.name, run.steps, row.since)
    plan.turn.rows.put(OldVariable(*place, row.value, masked))
    run.old_bytes += value_bytes(row.value) + OLD_VALUE_ROW_BYTES
    plan.turn.rows.put(run)


def _carry_masks(plan: Plan, part: ThreadPlan, before: ThreadSpec, thread: ThreadRun) -> None:
    """What was masked by its declaration stays masked where the new one does not say so."""
    here = (plan.turn.tenant, plan.run.wf_run_id, thread.number)
    after = plan.new.body.threads[part.name]
    for declared in before.variables:
        now = after.variable(declared.name)
        row = plan.turn.rows.get(Variable, *here, declared.name) if declared.masked else None
        if row is not None and now is not None and not now.masked:
            row.masked = True
            plan.turn.rows.put(row)


def _carry_indexes(plan: Plan, part: ThreadPlan, before: ThreadSpec, thread: ThreadRun) -> None:
    """The run is found by what the new version says of variables that came over, or are new."""
    turn, here = plan.turn, (plan.turn.tenant, plan.run.wf_run_id, thread.number)
    after = plan.new.body.threads[part.name]
    declared = (*before.variables, *after.variables)
    for name in sorted({one.name for one in declared if is_indexed(one) and not one.is_inherited}):
        now = after.variable(name)
        row = turn.rows.peek(Variable, *here, name) or Variable(*here, name, None)
        write_index(turn, plan.run.wf_spec, now, row)


def _carry_interrupts(at: At, part: ThreadPlan) -> None:
    turn, thread, here = at.turn, at.thread, (at.turn.tenant, at.run.wf_run_id)
    for event_def in part.interrupts_gone:
        turn.rows.delete(Interrupter(*here, event_def, thread.number))
        _drop_pending(at, event_def)
    for event_def in part.interrupts:
        turn.rows.put(Interrupter(*here, event_def, thread.number))


def _carry_keys(at: At, part: ThreadPlan) -> None:
    """The keys under which events interrupt the thread: those of new interrupts are worked out."""
    turn, thread = at.turn, at.thread
    keys = {name: key for name, key in thread.interrupt_keys.items() if name not in part.keys_gone}
    for event_def in part.keys_gone:
        unmark(turn, at.run.wf_run_id, (thread.number, ENTRYPOINT_POSITION), event_def)
    if at.node_run.position != ENTRYPOINT_POSITION or at.node_run.status is not NodeStatus.STARTING:
        for event_def in part.keys:
            # what it inherits may have changed since it was looked at: then there is no key
            with suppress(ValueProblem):
                key = key_of(at, at.thread_spec.interrupt_keys[event_def], "key")
                keys[event_def] = key
    thread.interrupt_keys = keys
    if thread.status in THREAD_LIVE and not thread.is_abandoned:
        mark_thread(at)


def _drop_pending(at: At, event_def: str) -> None:
    """Interrupts that came since the thread was looked at, and that nobody handles any more."""
    turn, thread = at.turn, at.thread
    if not thread.interrupts:
        return
    for row in list(turn.rows.scan(PendingInterrupt, turn.tenant, at.run.wf_run_id, thread.number)):
        if row.event_def == event_def:
            turn.rows.delete(row)
            thread.interrupts -= 1
    if not thread.interrupts:
        pending = HaltReason.PENDING_INTERRUPT
        thread.halt_reasons = tuple(one for one in thread.halt_reasons if one is not pending)


def _carry_wait(before: At, at: At) -> None:
    """What the node has set up to wait, as its new configuration has it."""
    here = (at.turn.tenant, at.run.wf_run_id, at.run.wf_run_id, at.thread.number)
    run = at.turn.rows.get(WfRun, at.turn.tenant, at.run.wf_run_id)
    assert run is not None, "it is being migrated"
    if at.turn.rows.peek(Watcher, *here) is not None:
        before.run = at.run = run
        unwatch(before)  # of the runs above it watches those from which the version inherits
        watch(at)
        at.turn.rows.put(run)
    TYPE_OF[type(at.config)].carried(at, before.config)
