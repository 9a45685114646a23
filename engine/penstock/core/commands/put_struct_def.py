"""PutStructDef: registers a type of struct. The same again is a repeat.

A new version may only add fields that are not required: then all values, and all workers, that knew
the old one are right for the new one, and nothing needs to say which version it means.
"""

import msgspec

from penstock.core.command import Command, CommandType, of_partition_0
from penstock.core.commands.install_definition import install
from penstock.core.definitions.defs import StructDef
from penstock.core.definitions.structs import checked_type, structs_of
from penstock.core.definitions.updates import AllowedUpdates, refuse_no_updates
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name, is_inner_name
from penstock.core.limits import STRUCT_FIELDS_MAX, TEXT_CHARS_MAX
from penstock.core.state.turn import Turn
from penstock.core.values.types import StructField, ValueProblem
from penstock.core.values.value import Value, coerce, encode_value


class PutStructDef(Command, frozen=True):
    """The fields as JSON: [{name, type, required (true unless said otherwise), default, masked}].
    A default belongs to a field that is not required.

    Whatever new version is taken at all is one that nobody need notice: so `allowed_updates` says
    only whether there may be one.
    """

    name: str
    fields: Value
    description: str = ""
    allowed_updates: AllowedUpdates = AllowedUpdates.ALL_UPDATES


def handle(turn: Turn, command: PutStructDef) -> Value:
    """Check the fields, decide the version and send it to every partition."""
    row = decided(turn, command)
    if row is None:
        turn.repeated = True
        row = turn.rows.peek(StructDef, turn.tenant, command.name)
        assert row is not None, "it is the same again"
    else:
        install(turn, row)
    return {"name": row.name, "version": row.version}


def decided(turn: Turn, command: PutStructDef) -> StructDef | None:
    """The version that there would be; None if it is there already. Refused is what can not be."""
    check_definition_name("StructDef", command.name)
    if len(command.description) > TEXT_CHARS_MAX:
        refuse(Code.LIMIT, f"a description may have {TEXT_CHARS_MAX} characters")
    fields = tuple(_checked(turn, field) for field in _fields(command))
    known = turn.rows.peek(StructDef, turn.tenant, command.name)
    version = 1
    if known is not None:
        if _same(known, fields, command.description):
            return None
        refuse_no_updates(command.allowed_updates, f"StructDef {known.name!r}")
        _check_evolution(known, fields)
        version = known.version + 1
    return StructDef(turn.tenant, command.name, version, fields, command.description, turn.at_ms)


def _fields(command: PutStructDef) -> tuple[StructField, ...]:
    try:
        fields = msgspec.convert(command.fields, tuple[StructField, ...])
    except msgspec.ValidationError as problem:
        refuse(Code.BAD_TYPE, f"the fields have not the right form: {problem}")
    if not 1 <= len(fields) <= STRUCT_FIELDS_MAX:
        refuse(Code.LIMIT, f"{len(fields)} fields: a StructDef has 1 to {STRUCT_FIELDS_MAX}")
    seen: set[str] = set()
    for field in fields:
        if not is_inner_name(field.name) or field.name in seen:
            refuse(Code.BAD_NAME, f"field {field.name!r} is no name, or is there twice")
        seen.add(field.name)
    return fields


def _checked(turn: Turn, field: StructField) -> StructField:
    """The field, its default in the form in which values are kept."""
    checked_type(turn, field.type, f"field {field.name!r}")
    if field.default is None:
        return field
    if field.required:
        refuse(Code.BAD_TYPE, f"field {field.name!r} is required and has a default")
    try:
        default = coerce(field.default, field.type, structs_of(turn))
    except ValueProblem as problem:
        refuse(Code.BAD_VALUE, f"default of field {field.name!r}: {problem}")
    return msgspec.structs.replace(field, default=default)


def _same(known: StructDef, fields: tuple[StructField, ...], description: str) -> bool:
    ours, theirs = (known.fields, known.description), (fields, description)
    return encode_value(ours) == encode_value(theirs)


def _check_evolution(known: StructDef, fields: tuple[StructField, ...]) -> None:
    new = {field.name: field for field in fields}
    for field in known.fields:
        after = new.pop(field.name, None)
        if after is None or encode_value(after) != encode_value(field):
            change = "is missing" if after is None else "is another one"
            refuse(
                Code.ALREADY_EXISTS,
                f"StructDef {known.name!r} exists, and its field {field.name!r} {change}; a new"
                " version may only add fields that are not required",
            )
    for field in new.values():
        if field.required:
            refuse(
                Code.ALREADY_EXISTS,
                f"StructDef {known.name!r} exists; its new field {field.name!r} must have"
                ' "required": false',
            )


COMMAND = CommandType(PutStructDef, handle, of_partition_0)
