"""Recordings without what is masked: in its place stands what says nothing, but fits, so that the
recording can still be folded. Logs, metrics and progress are left out: no run's way hangs on them.

Where a definition of the recording calls something masked, a command passes only if it is known
here where its values go. Any other that carries values has the recording refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, cast

from msgspec import structs

from penstock.core.command import Command
from penstock.core.commands.complete_user_task_run import CompleteUserTaskRun
from penstock.core.commands.edit_variable import EditVariable
from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.save_user_task_run import SaveUserTaskRun
from penstock.core.commands.start_scheduled_run import StartScheduledRun
from penstock.core.definitions.defs import ExternalEventDef, StructDef, TaskDef
from penstock.core.definitions.structs import struct_fields_of
from penstock.core.definitions.user_task_def import UserTaskDef
from penstock.core.definitions.webhooks import Webhook
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.rows import Row, Rows
from penstock.core.state.run import TaskRun, Variable, WfRun
from penstock.core.state.user_task_rows import UserTaskRun
from penstock.core.values.masking import MASK, shown_value, stand_in
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value
from penstock.core.views.shown import is_masked_at, shown_variable
from penstock.processor.past_records import PastUnknown
from penstock.processor.recording import Defined, Recording, Turned

NO_KEY: Final = "0" * 64


def unmasked(recording: Recording, rows: Rows) -> tuple[Recording, list[str]]:
    """The recording with stand-ins, and where they stand; `rows` are the family's as they are now.
    Raises PastUnknown where it is not known what of a command is masked.
    """
    told: list[str] = []
    masks = any(_masks(one.row) for one in recording.definitions)
    turns = [_without(one, recording.tenant, rows, told, masks=masks) for one in recording.turns]
    definitions = tuple(Defined(one.since, _shown(one.row)) for one in recording.definitions)
    return structs.replace(recording, turns=tuple(turns), definitions=definitions), told


def _masks(row: Row) -> bool:
    """Whether a definition calls anything masked."""
    match row:
        case WfSpec():
            threads = row.body.threads.values()
            declared = any(one.masked for thread in threads for one in thread.variables)
            return declared or any(row.masked_outputs.values())
        case TaskDef():
            return any(one.masked for one in row.input_vars)
        case StructDef():
            return any(one.masked for one in row.fields)
        case _:
            return False


def _shown(row: Row) -> Row:
    return structs.replace(row, key_hash=NO_KEY) if isinstance(row, Webhook) else row


def _without(turned: Turned, tenant: str, rows: Rows, told: list[str], *, masks: bool) -> Turned:
    command = turned.command
    if command is None:
        return turned
    names = {field.name for field in structs.fields(type(command))}
    left_out = {name: _LEFT_OUT[name] for name in names & _LEFT_OUT.keys()}
    command = structs.replace(command, **left_out)
    if masks and any(bears_values(type(command))):
        hide = HIDES.get(type(command))
        if hide is None:
            name = type(command).__name__
            raise PastUnknown(
                f"{name} (record {turned.offset}) carries values, of which some may be masked here:"
                " it can not be written down"
            )
        changes = hide(rows, tenant, command)
        told += [
            f"{type(command).__name__}.{place}"
            for name, now in changes.items()
            for place in _differing(name, getattr(command, name), now)
        ]
        command = structs.replace(command, **changes)
    return structs.replace(turned, command=command)


_LEFT_OUT: Final[dict[str, Any]] = {"logs": "", "metrics": (), "progress": None}


def bears_values(kind: type[Command]) -> Iterator[str]:
    """The fields of a command that hold values of users', or bytes."""
    for field in structs.fields(kind):
        if field.name not in _LEFT_OUT and ("Any" in repr(field.type) or field.type is bytes):
            yield field.name


def _differing(name: str, was: Any, now: Any) -> list[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        before, after = cast("dict[str, Any]", was), cast("dict[str, Any]", now)
        return [f"{name}.{key}" for key in after if before.get(key) != after[key]]
    return [name] if was != now else []


Changes = dict[str, Any]


def _start(rows: Rows, tenant: str, command: Any) -> Changes:
    parts = [part for part in (command.parent, command.wf_run_id) if part]
    run = rows.peek(WfRun, tenant, ".".join(parts))
    run = run or rows.peek(WfRun, tenant, command.wf_run_id or "")
    version = run and (run.first_version or run.version)
    spec = run and version and rows.peek(WfSpec, tenant, run.wf_spec, version)
    if not spec:  # it did not begin: what it was given did not matter
        return {"variables": {}}
    thread, made = spec.body.threads[spec.body.entrypoint], dict[str, Value]()
    for name, value in command.variables.items():
        declared = thread.variable(name)
        if declared is None:
            made[name] = MASK
            continue
        kind, masked = declared.type, declared.masked
        made[name] = _hidden(rows, tenant, value, kind, masked=masked)
    return {"variables": made}


def _report(rows: Rows, tenant: str, command: Any) -> Changes:
    task = rows.peek(TaskRun, tenant, command.wf_run_id, command.guid)
    if task is None or command.output is None:
        return {"output": None}
    masked = is_masked_at(rows, task, task.thread, task.position)
    task_def = rows.peek(TaskDef, tenant, task.task_def)
    kind = None if task_def is None or task_def.returns_nothing else task_def.return_type
    output = _hidden(rows, tenant, command.output, kind, masked=masked)
    error = MASK if masked and command.error else command.error
    return {"output": output, "error": error}


def _edit(rows: Rows, tenant: str, command: Any) -> Changes:
    run = rows.peek(WfRun, tenant, command.wf_run_id)
    if run is None:
        return {"value": None}
    place = tenant, command.wf_run_id, command.thread, command.name
    kept = rows.peek(Variable, *place)
    row = Variable(*place, command.value, masked=kept is not None and kept.masked)
    return {"value": shown_variable(rows, run, row, stand_in).value}


def _event(rows: Rows, tenant: str, command: Any) -> Changes:
    found = rows.scan(ExternalEvent, tenant, command.wf_run_id, command.event_def)
    claims = [(one, one.claimed_by) for one in found if one.claimed_by is not None]
    masked = any(is_masked_at(rows, one, *claim) for one, claim in claims)
    event_def = rows.peek(ExternalEventDef, tenant, command.event_def)
    kind = None if event_def is None else event_def.content_type
    return {"content": _hidden(rows, tenant, command.content, kind, masked=masked)}


def _results(rows: Rows, tenant: str, command: Any) -> Changes:
    row = rows.peek(UserTaskRun, tenant, command.wf_run_id, command.guid)
    if row is None:
        return {"results": {}}
    if not is_masked_at(rows, row, row.thread, row.position):
        return {}
    form = rows.peek(UserTaskDef, tenant, row.user_task_def, row.version)
    kinds = {} if form is None else {one.name: str(one.type) for one in form.fields}
    return {
        "results": {
            name: _hidden(rows, tenant, value, kinds.get(name), masked=True)
            for name, value in command.results.items()
        }
    }


def _hidden(rows: Rows, tenant: str, value: Value, kind: str | None, *, masked: bool) -> Value:
    if kind is None or value is None:
        return MASK if masked and value is not None else value
    structs_of = partial(struct_fields_of, rows, tenant)
    try:
        return shown_value(value, kind, structs_of, masked=masked, hide=stand_in)
    except ValueProblem:
        return MASK


HIDES: Final[dict[type[Command], Callable[[Rows, str, Any], Changes]]] = {
    RunWf: _start,
    StartScheduledRun: _start,
    ReportTask: _report,
    EditVariable: _edit,
    PutExternalEvent: _event,
    CompleteUserTaskRun: _results,
    SaveUserTaskRun: _results,
}
"""What stands in the fields of a command in place of what is masked."""
