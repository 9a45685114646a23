"""PutWorkflowEventDef: registers a kind of event that runs throw."""

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.defs import WorkflowEventDef
from penstock.core.definitions.structs import checked_type
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name
from penstock.core.limits import TEXT_CHARS_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.types import TypeText
from penstock.core.values.value import Value


class PutWorkflowEventDef(Command, frozen=True):
    """The type of the content (none: whatever JSON is thrown)."""

    name: str
    content_type: TypeText | None = None
    description: str = ""


def handle(turn: Turn, command: PutWorkflowEventDef) -> Value:
    """Decide the definition and send it to every partition."""
    check_definition_name("WorkflowEventDef", command.name)
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    if command.content_type is not None:
        checked_type(turn, command.content_type, "the content type")
    known = turn.rows.peek(WorkflowEventDef, turn.tenant, command.name)
    if known is None:
        row = WorkflowEventDef(
            turn.tenant, command.name, command.content_type, command.description, turn.at_ms
        )
        install(turn, row)
    elif (known.content_type, known.description) != (command.content_type, command.description):
        refuse(
            Code.ALREADY_EXISTS,
            f"WorkflowEventDef {command.name!r} exists with another content type or description",
        )
    else:
        turn.repeated = True
    return {"name": command.name}


COMMAND = CommandType(PutWorkflowEventDef, handle, of_partition_0)
