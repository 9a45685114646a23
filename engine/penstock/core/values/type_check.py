"""The types of expressions where they can be seen when a spec is registered, and what is wrong with
them. A type that only the run will tell (below JSON, an output without a type) is None, and nothing
is said against it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from penstock.core.values.casts import cast_to, check_assignable, check_castable, converted
from penstock.core.values.comparing import MEMBERSHIP, check_comparable
from penstock.core.values.forms import (
    Built,
    Cast,
    Comparison,
    Expression,
    Format,
    Literal,
    Not,
    Now,
    Operated,
    OutputRef,
    Rendered,
    Secret,
    SizeOf,
    Template,
    Uuid,
    VariableRef,
    secret_of,
)
from penstock.core.values.operations import ARITHMETIC, LOGIC, Operation
from penstock.core.values.paths import path_type
from penstock.core.values.templates.functions import SECRET_MISPLACED
from penstock.core.values.timestamps import timestamp
from penstock.core.values.types import (
    NUMBERS,
    SIMPLE,
    AnyStruct,
    ArrayOf,
    MapOf,
    StructField,
    Type,
    ValueProblem,
    ValueType,
    check_type,
    parse_type,
    struct_fields,
    struct_type,
)
from penstock.core.values.value import Value


class Names(Protocol):
    """The types of names where an expression stands; None for one that has none."""

    def variable_type(self, name: str) -> Type | None:
        """The declared type of a variable."""
        ...

    def output_type(self, node: str) -> Type | None:
        """The type of a node's output."""
        ...

    def struct(self, name: str) -> Mapping[str, StructField] | None:
        """The fields of a StructDef."""
        ...


def type_of(expression: Expression, names: Names) -> Type | None:
    """The type of an expression; None where only the run will tell, or where it is wrong."""
    try:
        return _type_of(expression, names)
    except ValueProblem:
        return None  # check_part says why


def check_part(expression: Expression, names: Names) -> None:
    """Raise ValueProblem if an expression can not work on the types of what it is made of."""
    _type_of(expression, names)
    match expression:
        case Comparison():
            _check_comparison(expression, names)
        case Not(value=value):
            check_fits(value, ValueType.BOOL, names)
        case SizeOf(value=value):
            known = type_of(value, names)
            if isinstance(known, AnyStruct) or (known in SIMPLE and known not in _SIZED):
                raise ValueProblem(f"{known} has no size")
        case Cast(value=Literal(value=value), type=wanted):
            cast_to(value, parse_type(wanted), names.struct)
        case Cast(value=value, type=wanted):
            known = type_of(value, names)
            if known is not None:
                check_castable(known, parse_type(wanted))
        case Built():
            _check_built(expression, names)
        case Secret():
            raise ValueProblem(SECRET_MISPLACED)
        case _:
            pass


def check_fits(expression: Expression, wanted: Type, names: Names) -> None:
    """Raise ValueProblem if it can be seen now that a value is not of the wanted type."""
    _check_fits(expression, type_of(expression, names), wanted, names)


def _check_fits(expression: Expression, known: Type | None, wanted: Type, names: Names) -> None:
    """The same, of an expression whose type has been seen: looked at again at each level of a
    nested one, types would take for ever.
    """
    if isinstance(expression, Literal):
        converted(expression.value, wanted, names.struct)
        return
    if known is None:
        return
    cut = known is ValueType.DOUBLE and wanted is ValueType.INT
    if not (cut and isinstance(expression, Operated)):
        check_assignable(known, wanted)


def operation_type(
    left: Type | None, operation: Operation, right: Expression, names: Names
) -> Type | None:
    """The type of what an operation makes, or ValueProblem if it can not work on these types."""
    other = type_of(right, names)
    if operation is Operation.ASSIGN:
        if left is not None:
            _check_fits(right, other, left, names)
        return left
    if isinstance(right, Literal) and right.value is None:
        raise ValueProblem(f"{operation}: the right side is NULL")
    if operation in LOGIC:
        if left not in (None, ValueType.BOOL) or other not in (None, ValueType.BOOL):
            raise ValueProblem(f"{operation} wants BOOL on both sides")
        return ValueType.BOOL
    if left is None:
        return None
    if operation in ARITHMETIC and left in NUMBERS:
        return _number_type(left, operation, other)
    if not _works(left, operation, right, other, names):
        on = "" if other is None else f" and {other}"
        raise ValueProblem(f"{operation} does not work on {left}{on}")
    return left


def _type_of(expression: Expression, names: Names) -> Type | None:
    match expression:
        case Literal(value=value):
            return _literal_type(value)
        case VariableRef(name=name, path=path):
            return _below(names.variable_type(name), path, names)
        case OutputRef(node=node, path=path):
            return _below(names.output_type(node), path, names)
        case Comparison() | Not():
            return ValueType.BOOL
        case SizeOf():
            return ValueType.INT
        case Cast(type=wanted):
            return check_type(wanted, names.struct)
        case Operated(left=left, operation=operation, right=right):
            return operation_type(type_of(left, names), operation, right, names)
        case Built(struct=struct):
            return check_type(str(struct_type(struct)), names.struct)
        case Now():
            return ValueType.TIMESTAMP
        case Format() | Uuid() | Secret():
            return ValueType.STR
        case Template(gives=gives):
            return _RENDERED[gives] if secret_of(expression) is None else ValueType.STR


def _below(declared: Type | None, path: str | None, names: Names) -> Type | None:
    if declared is None or path is None:
        return declared
    return path_type(declared, path, names.struct)


def _literal_type(value: Value) -> Type | None:
    for kind, found in _LITERALS:
        if isinstance(value, kind):
            return found
    return None


_LITERALS: Final[tuple[tuple[type, ValueType], ...]] = (
    (bool, ValueType.BOOL),
    (int, ValueType.INT),
    (float, ValueType.DOUBLE),
    (str, ValueType.STR),
    (list, ValueType.JSON_ARR),
    (dict, ValueType.JSON_OBJ),
)

_RENDERED: Final[dict[Rendered, Type | None]] = {
    Rendered.TEXT: ValueType.STR,
    Rendered.TRUTH: ValueType.BOOL,
    Rendered.TEXTS: ArrayOf(ValueType.STR),
    Rendered.VALUE: None,
}

_SIZED: Final = frozenset(
    {ValueType.STR, ValueType.BYTES, ValueType.WF_RUN_ID, ValueType.TIMESTAMP}
)


def _number_type(left: Type, operation: Operation, right: Type | None) -> Type | None:
    if right is None:
        return ValueType.DOUBLE if left is ValueType.DOUBLE else None
    if right not in NUMBERS:
        raise ValueProblem(f"{operation} does not work on {left} and {right}")
    return ValueType.DOUBLE if ValueType.DOUBLE in (left, right) else ValueType.INT


def _works(
    left: Type, operation: Operation, right: Expression, other: Type | None, names: Names
) -> bool:
    match left, operation:
        case ValueType.STR, (Operation.ADD | Operation.EXTEND):
            return other is None or other in SIMPLE
        case ValueType.BYTES, Operation.EXTEND:
            return other in (None, ValueType.BYTES) or isinstance(right, Literal)
        case ValueType.JSON_ARR, Operation.EXTEND:
            return other in (None, ValueType.JSON_ARR) or isinstance(other, ArrayOf)
        case ValueType.JSON_ARR, (Operation.ADD | Operation.REMOVE_IF_PRESENT):
            return True
        case ArrayOf(), Operation.EXTEND:
            return _extends(left, right, other, names)
        case ArrayOf(item), (Operation.ADD | Operation.REMOVE_IF_PRESENT):
            _check_fits(right, other, item, names)
            return True
        case ((ValueType.JSON_ARR | ArrayOf()), Operation.REMOVE_INDEX):
            return other in (None, ValueType.INT)
        case ValueType.JSON_OBJ, Operation.EXTEND:
            return other in (None, ValueType.JSON_OBJ) or isinstance(other, MapOf)
        case MapOf(), Operation.EXTEND:
            _check_fits(right, other, left, names)
            return True
        case ((ValueType.JSON_OBJ | MapOf()), Operation.REMOVE_KEY):
            return other is None or other in SIMPLE
        case _:
            return False


def _extends(left: ArrayOf, right: Expression, other: Type | None, names: Names) -> bool:
    if isinstance(other, ArrayOf) or other is ValueType.JSON_ARR:
        if other == left.item:
            raise ValueProblem(f"EXTEND joins two arrays; to add an item to {left}, use ADD")
        _check_fits(right, other, left, names)
    else:
        _check_fits(right, other, left.item, names)
    return True


def _check_comparison(expression: Comparison, names: Names) -> None:
    left, right = type_of(expression.left, names), type_of(expression.right, names)
    for side, one, other in (
        ("left", expression.left, right),
        ("right", expression.right, left),
    ):
        if isinstance(one, Literal) and other is ValueType.TIMESTAMP and isinstance(one.value, str):
            if timestamp(one.value) != one.value:
                raise ValueProblem(
                    f"write the {side} side as {timestamp(one.value)!r}, as TIMESTAMPs are kept"
                )
            return
    if left is None or right is None:
        known = right if left is None else left
        other = expression.left if left is None else expression.right
        null = isinstance(other, Literal) and other.value is None
        if known is None or null or expression.comparator in MEMBERSHIP or known in SIMPLE:
            return
        raise ValueProblem(f"{known} can not be compared; compare a part of it")
    check_comparable(left, expression.comparator, right)


def _check_built(expression: Built, names: Names) -> None:
    struct = struct_type(expression.struct)
    fields = struct_fields(struct, names.struct)
    for name in sorted(expression.fields):
        if name not in fields:
            raise ValueProblem(f"{struct} has no field {name!r}; it has {sorted(fields)[:20]}")
        try:
            check_fits(expression.fields[name], parse_type(fields[name].type), names)
        except ValueProblem as problem:
            raise ValueProblem(f"{struct}, field {name!r}: {problem}") from problem
    for name, field in fields.items():
        if field.required and name not in expression.fields:
            raise ValueProblem(f"{struct}: field {name!r} ({field.type}) must be given")
