"""What becomes of a value on its way to a place of another type.

    by itself       any simple type -> STR;  INT -> DOUBLE
    with a CAST     DOUBLE -> INT (cut);  STR -> INT, DOUBLE, BOOL, BYTES, WF_RUN_ID, TIMESTAMP;
                    JSON_ARR <-> ARRAY and JSON_OBJ <-> MAP, STRUCT (every part is looked at)
    never           anything else

A value from a JSON path has no type when the spec is registered; it is looked at when the run has
it. BYTES as text are base64, here as everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from penstock.core.limits import INT_MAX, INT_MIN
from penstock.core.values.texts import (
    bool_of,
    bytes_of,
    double_of,
    int_of,
    text_of,
    wf_run_id_of_text,
)
from penstock.core.values.timestamps import timestamp
from penstock.core.values.types import (
    SIMPLE,
    ArrayOf,
    InlineStruct,
    MapOf,
    StructOf,
    Structs,
    Type,
    ValueProblem,
    ValueType,
)
from penstock.core.values.value import Value, coerce_to, shown, type_name


def converted(value: Value, wanted: Type, structs: Structs) -> Value:
    """A value as a place of this type takes it without a cast, or ValueProblem."""
    if wanted is ValueType.STR and not isinstance(value, str):
        text = text_of(value)
        if text is not None:
            value = text
    elif wanted is ValueType.INT and isinstance(value, float):
        raise ValueProblem(f"{shown(value)} is not INT; cast it")
    return coerce_to(value, wanted, structs)


def cast_to(value: Value, wanted: Type, structs: Structs) -> Value:
    """A value as an explicit cast makes it, or ValueProblem. Null stays null."""
    if wanted is ValueType.INT and isinstance(value, float):
        return truncated(value)
    if isinstance(value, str) and isinstance(wanted, ValueType) and wanted in _READ:
        return _READ[wanted](value)
    try:
        return converted(value, wanted, structs)
    except ValueProblem as problem:
        raise ValueProblem(f"Cannot cast from {type_name(value)} to {wanted}: {problem}") from None


def truncated(value: float) -> int:
    """A DOUBLE without what is behind the point, or ValueProblem if it is no INT."""
    if not INT_MIN <= value < INT_MAX + 1:
        raise ValueProblem(f"{shown(value)} does not fit in an INT")
    return int(value)


_READ: Final[dict[ValueType, Callable[[str], Value]]] = {
    ValueType.INT: int_of,
    ValueType.DOUBLE: double_of,
    ValueType.BOOL: bool_of,
    ValueType.BYTES: bytes_of,
    ValueType.WF_RUN_ID: wf_run_id_of_text,
    ValueType.TIMESTAMP: timestamp,
}


# What can be seen when a spec is registered.


def check_assignable(known: Type, wanted: Type) -> None:
    """Raise ValueProblem if a value of a known type needs a cast to be of the wanted one."""
    if _by_itself(known, wanted):
        return
    if _by_cast(known, wanted):
        raise ValueProblem(f"Cannot assign {known} to {wanted} without explicit casting")
    raise ValueProblem(f"Cannot assign {known} to {wanted}")


def check_castable(known: Type, wanted: Type) -> None:
    """Raise ValueProblem if a value of a known type can not be cast to the wanted one."""
    if not _by_itself(known, wanted) and not _by_cast(known, wanted):
        raise ValueProblem(f"Cannot cast from {known} to {wanted}")


def _by_itself(known: Type, wanted: Type) -> bool:
    if known == wanted or (wanted is ValueType.STR and known in SIMPLE):
        return True
    return known is ValueType.INT and wanted is ValueType.DOUBLE


def _by_cast(known: Type, wanted: Type) -> bool:
    if known is ValueType.DOUBLE:
        return wanted is ValueType.INT
    if known is ValueType.STR:
        return wanted in _READ
    array, keyed = (ArrayOf,), (MapOf, StructOf, InlineStruct)
    return (
        (known is ValueType.JSON_ARR and isinstance(wanted, array))
        or (known is ValueType.JSON_OBJ and isinstance(wanted, keyed))
        or (wanted is ValueType.JSON_ARR and isinstance(known, array))
        or (wanted is ValueType.JSON_OBJ and isinstance(known, keyed))
    )
