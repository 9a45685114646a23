"""MigrateWfRun: a run goes on in another version of its WfSpec. All of it is migrated, or nothing;
the run does nothing else meanwhile. One that ended well is not migrated; one that has failed may
be, to be rescued or restarted then.
"""

from __future__ import annotations

from typing import Any, cast

from penstock.core.command import Command, CommandType, of_wf_run
from penstock.core.definitions.structs import structs_of
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.errors import Code, refuse
from penstock.core.flow.at import peek_thread
from penstock.core.flow.load import refuse_if_busy
from penstock.core.flow.moves import ENTRYPOINT_NUMBER
from penstock.core.flow.starting import Start, wanted_spec
from penstock.core.limits import INPUTS_BYTES_MAX, MIGRATIONS_PER_RUN_MAX
from penstock.core.operators.migration import plan_by
from penstock.core.operators.migration_check import check_plan
from penstock.core.operators.sweep import begin_carrying, begin_sweep
from penstock.core.operators.verbs import known_run, settled_status
from penstock.core.state.migration_rows import Migration
from penstock.core.state.run import Sweep, SweepVerb, WfRun
from penstock.core.state.transitions import ThreadStatus
from penstock.core.state.turn import Turn
from penstock.core.values.masking import may_have_masked
from penstock.core.values.value import Value, value_bytes


class MigrateWfRun(Command, frozen=True):
    """To which version (chosen as when a run is started), and what is called otherwise there:
    `threads` by their old names, `nodes` by the old names of thread and node. `variables` are the
    values of new variables, by the new names of threads: {thread: {variable: value}}.
    """

    wf_run_id: str
    version: int | None = None
    major: int | None = None
    revision: int | None = None
    threads: dict[str, str] = {}
    nodes: dict[str, dict[str, str]] = {}
    variables: dict[str, Value] = {}


def handle(turn: Turn, command: MigrateWfRun) -> Value:
    """Begin; a run that is in the version already is left as it is."""
    run = known_run(turn, command.wf_run_id)
    refuse_if_busy(run)
    if run.status is ThreadStatus.COMPLETED:
        refuse(Code.WF_RUN_ENDED, f"WfRun {run.wf_run_id!r} is {run.status}")
    asked = _asked(turn, run, command)
    if run.migrates_to not in (None, asked.version):
        refuse(
            Code.MIGRATION_IMPOSSIBLE,
            f"a migration to version {run.migrates_to} was cut short: restart the run, or migrate"
            " it to that one first",
        )
    if asked.version != run.version:
        _begin(turn, run, asked)
    answer = cast("dict[str, Value]", settled_status(turn, run.wf_run_id, ENTRYPOINT_NUMBER))
    done = known_run(turn, run.wf_run_id).version == asked.version
    return {**answer, "version": asked.version, "done": done}


def _begin(turn: Turn, run: WfRun, asked: Migration) -> None:
    first = peek_thread(turn, run.wf_run_id, ENTRYPOINT_NUMBER)
    if first is not None and len(first.formers) >= MIGRATIONS_PER_RUN_MAX:
        refuse(Code.LIMIT, f"a run may be migrated {MIGRATIONS_PER_RUN_MAX} times")
    plan = plan_by(turn, run, asked)
    check_plan(plan)
    if _gives_masked(turn, plan.new, asked):
        turn.unaudited = ("variables",)
    turn.rows.put(asked)
    if plan.looks:
        begin_sweep(turn, run, Sweep(SweepVerb.CHECK_MIGRATION))
    else:
        begin_carrying(turn, run)


def _asked(turn: Turn, run: WfRun, command: MigrateWfRun) -> Migration:
    start = Start(
        wf_spec=run.wf_spec,
        version=command.version,
        major=command.major,
        revision=command.revision,
    )
    if value_bytes(command.variables) > INPUTS_BYTES_MAX:
        refuse(Code.TOO_LARGE, f"the variables may have {INPUTS_BYTES_MAX} bytes together")
    return Migration(
        turn.tenant,
        run.wf_run_id,
        wanted_spec(turn, start).version,
        command.threads,
        command.nodes,
        {thread: _values(thread, values) for thread, values in command.variables.items()},
        turn.command_id,
        turn.bulk_id,
    )


def _values(thread: str, values: Value) -> dict[str, Value]:
    if not isinstance(values, dict):
        refuse(Code.BAD_VALUE, f"variables: of thread {thread!r} an object, by name, is wanted")
    return cast("dict[str, Any]", values)


def _gives_masked(turn: Turn, spec: WfSpec, asked: Migration) -> bool:
    """Whether one of the values that are given is a masked variable's."""
    structs = structs_of(turn)
    for thread, values in asked.variables.items():
        for name in values:
            declared = spec.body.threads[thread].variable(name)
            if declared and (declared.masked or may_have_masked(declared.type, structs)):
                return True
    return False


COMMAND = CommandType(MigrateWfRun, handle, of_wf_run, audited=True)
