"""PutUserTaskDef: registers a version of a form. The same form again is the same version."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.user_task_def import (
    LatestUserTaskDef,
    UserTaskDef,
    UserTaskField,
    find_user_task_def,
)
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name, is_inner_name
from penstock.core.limits import TEXT_CHARS_MAX, USER_TASK_FIELDS_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.value import Value


class PutUserTaskDef(Command, frozen=True):
    """The fields that a person is to fill in."""

    name: str
    fields: tuple[UserTaskField, ...] = ()
    description: str = ""


def handle(turn: Turn, command: PutUserTaskDef) -> Value:
    """Decide the version and send it to every partition."""
    check_definition_name("UserTaskDef", command.name)
    _check_fields(command.fields)
    _check_text(command.description)
    newest = find_user_task_def(turn.rows, turn.tenant, command.name)
    given = (command.fields, command.description)
    if newest is None or (newest.fields, newest.description) != given:
        latest = turn.rows.peek(LatestUserTaskDef, turn.tenant, command.name)
        version = 1 if latest is None else latest.last + 1
        newest = UserTaskDef(turn.tenant, command.name, version, *given, turn.at_ms)
        install(turn, newest)
        install(turn, LatestUserTaskDef(turn.tenant, command.name, version, version))
    else:
        turn.repeated = True
    return {"name": newest.name, "version": newest.version}


def _check_fields(fields: tuple[UserTaskField, ...]) -> None:
    if len(fields) > USER_TASK_FIELDS_MAX:
        refuse(Code.LIMIT, f"{len(fields)} fields: a form may have {USER_TASK_FIELDS_MAX}")
    seen: set[str] = set()
    for field in fields:
        if not is_inner_name(field.name) or field.name in seen:
            refuse(Code.BAD_NAME, f"field {field.name!r} is no name, or is there twice")
        seen.add(field.name)
        _check_text(field.display_name or "")
        _check_text(field.description or "")


def _check_text(text: str) -> None:
    if len(text) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a name to show or a description may have {TEXT_CHARS_MAX} characters")


COMMAND = CommandType(PutUserTaskDef, handle, of_partition_0)
