"""PutTaskDef: registers a kind of work. A TaskDef never changes: the same again is a repeat,
another is refused. Only which inputs are addresses may be said later, or otherwise.
"""

from msgspec.structs import replace

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.defs import BreakerSettings, InputVar, TaskDef
from penstock.core.definitions.structs import checked_type
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name, check_kebab, is_inner_name
from penstock.core.limits import (
    BREAKER_WINDOW_MAX,
    DURATION_MS_MAX,
    TASK_INPUTS_MAX,
    TEXT_CHARS_MAX,
)
from penstock.core.state.turn import Turn
from penstock.core.values.types import VOID, TypeText, ValueType
from penstock.core.values.value import Value


class PutTaskDef(Command, frozen=True):
    """The inputs by name and type, and the type of the output (none: whatever JSON the worker
    returns; VOID: nothing). `kind` is a word in kebab-case by which TaskDefs are grouped; `breaker`
    holds the tasks when too many fail. `addressed_by` are inputs that say where a task goes.
    """

    name: str
    input_vars: tuple[InputVar, ...] = ()
    return_type: TypeText | None = None
    idempotent: bool = True
    description: str = ""
    kind: str = ""
    breaker: BreakerSettings | None = None
    addressed_by: tuple[str, ...] = ()


def handle(turn: Turn, command: PutTaskDef) -> Value:
    """Decide the TaskDef and send it to every partition."""
    check_definition_name("TaskDef", command.name)
    if command.kind:
        check_kebab("kind", command.kind)
    if len(command.input_vars) > TASK_INPUTS_MAX:
        refuse(
            Code.LIMIT, f"{len(command.input_vars)} inputs: a TaskDef may have {TASK_INPUTS_MAX}"
        )
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    seen: set[str] = set()
    for var in command.input_vars:
        if not is_inner_name(var.name) or var.name in seen:
            refuse(Code.BAD_NAME, f"input {var.name!r} is no name, or is there twice")
        checked_type(turn, var.type, f"input {var.name!r}")
        seen.add(var.name)
    if command.return_type not in (None, VOID):
        checked_type(turn, command.return_type, "the return type")
    if command.breaker is not None:
        _check_breaker(command.breaker)
    _check_addresses(command)
    known = turn.rows.peek(TaskDef, turn.tenant, command.name)
    row = _row(turn, command, turn.at_ms if known is None else known.created_ms)
    if known is None:
        install(turn, row)
    elif known == row:
        turn.repeated = True
    elif replace(known, addressed_by=row.addressed_by) == row:
        install(turn, row)
    else:
        refuse(
            Code.ALREADY_EXISTS,
            f"TaskDef {command.name!r} exists and differs; use a new name",
        )
    return {"name": command.name}


def _check_addresses(command: PutTaskDef) -> None:
    texts = {var.name for var in command.input_vars if var.type == ValueType.STR}
    for name in command.addressed_by:
        if name not in texts:
            refuse(Code.BAD_VALUE, f"addressed_by {name[:128]!r}: use inputs of type STR")


def _check_breaker(breaker: BreakerSettings) -> None:
    if not 0 <= breaker.level < 1:
        refuse(Code.BAD_VALUE, f"breaker level {breaker.level}: use a fraction from 0 to below 1")
    if not 1 <= breaker.window <= BREAKER_WINDOW_MAX:
        refuse(Code.BAD_VALUE, f"breaker window {breaker.window}: use 1 to {BREAKER_WINDOW_MAX}")
    cool_down_ms = breaker.cool_down_ms
    if cool_down_ms is not None and not 1 <= cool_down_ms <= DURATION_MS_MAX:
        refuse(Code.BAD_VALUE, f"breaker cool_down_ms {cool_down_ms}: use 1 to {DURATION_MS_MAX}")


def _row(turn: Turn, command: PutTaskDef, created_ms: int) -> TaskDef:
    return TaskDef(
        turn.tenant,
        command.name,
        command.input_vars,
        command.return_type,
        command.idempotent,
        command.description,
        created_ms,
        command.kind,
        command.breaker,
        command.addressed_by,
    )


COMMAND = CommandType(PutTaskDef, handle, of_partition_0)
