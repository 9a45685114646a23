"""PutExternalEventDef: registers a kind of event that can be put to runs."""

from typing import Any

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.commands.put_correlated_event import check_ttl
from penstock.core.definitions.defs import Correlation, EventRetention, ExternalEventDef
from penstock.core.definitions.structs import checked_type
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name
from penstock.core.limits import EVENT_RETENTION_S_MAX, TEXT_CHARS_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.types import TypeText
from penstock.core.values.value import Value


class PutExternalEventDef(Command, frozen=True):
    """The type of the content (none: whatever JSON is put); whether its events may be put under a
    key (`correlation`), and not only to a run; how long those that nobody takes are kept (for no
    time: one that nobody waits for is refused); whether the content may be null.
    """

    name: str
    content_type: TypeText | None = None
    description: str = ""
    correlation: Correlation | None = None
    retention: EventRetention | None = None
    content_required: bool = False


def handle(turn: Turn, command: PutExternalEventDef) -> Value:
    """Decide the definition and send it to every partition."""
    check_definition_name("ExternalEventDef", command.name)
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    check_ttl(None if command.correlation is None else command.correlation.ttl_seconds)
    _check_retention(command.retention)
    if command.content_type is not None:
        checked_type(turn, command.content_type, "the content type")
    known = turn.rows.peek(ExternalEventDef, turn.tenant, command.name)
    if known is None:
        install(
            turn,
            ExternalEventDef(
                turn.tenant,
                command.name,
                command.content_type,
                command.description,
                turn.at_ms,
                command.correlation,
                command.retention,
                command.content_required,
            ),
        )
    elif _said(known) != _said(command):
        refuse(
            Code.ALREADY_EXISTS,
            f"ExternalEventDef {command.name!r} exists with another content type, description,"
            " correlation or retention, or with a content that is required otherwise",
        )
    else:
        turn.repeated = True
    return {"name": command.name}


def _said(definition: ExternalEventDef | PutExternalEventDef) -> tuple[Any, ...]:
    content = definition.content_type, definition.content_required
    return *content, definition.description, definition.correlation, definition.retention


def _check_retention(retention: EventRetention | None) -> None:
    if retention is not None and not 0 <= retention.after_put_s <= EVENT_RETENTION_S_MAX:
        refuse(
            Code.BAD_VALUE,
            f"retention: after_put_s is {retention.after_put_s}; use 0 to {EVENT_RETENTION_S_MAX}",
        )


COMMAND = CommandType(PutExternalEventDef, handle, of_partition_0)
