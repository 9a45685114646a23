"""StructDefs as values and types ask for them: the fields of a name."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.core.definitions.defs import StructDef
from penstock.core.errors import Code, refuse
from penstock.core.state.rows import Rows
from penstock.core.state.turn import Turn
from penstock.core.values.types import (
    DefinitionMissing,
    StructField,
    Structs,
    ValueProblem,
    check_type,
)


def struct_fields_of(rows: Rows, tenant: str, name: str) -> Mapping[str, StructField] | None:
    """The fields of a StructDef in its newest version; None if there is none."""
    found = rows.peek(StructDef, tenant, name)
    return None if found is None else {field.name: field for field in found.fields}


def structs_of(turn: Turn) -> Structs:
    """The StructDefs that the turn's tenant has."""
    return lambda name: struct_fields_of(turn.rows, turn.tenant, name)


def checked_type(turn: Turn, text: str, what: str) -> None:
    """Refuse a type that is none. One that names a StructDef that is not registered may be right a
    moment later: that has a code of its own, and is not remembered (R12).
    """
    try:
        check_type(text, structs_of(turn))
    except DefinitionMissing as missing:
        refuse(Code.DEFINITION_UNKNOWN, f"{what}: {missing}")
    except ValueProblem as problem:
        refuse(Code.BAD_TYPE, f"{what}: {problem}")
