"""The forms of expressions, as they stand in a WfSpec: data, told apart by `from`.

expressions.py gives them their values, type_check.py their types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, cast

from msgspec import Struct, field

from penstock.core.limits import EXPRESSION_DEPTH_MAX, FORMAT_ARGS_MAX
from penstock.core.values.comparing import Comparator
from penstock.core.values.formats import check_format
from penstock.core.values.operations import Operation
from penstock.core.values.paths import parse_path
from penstock.core.values.templates.functions import SECRET_MISPLACED
from penstock.core.values.templates.parser import parse_template
from penstock.core.values.templates.secrets import only_secret, secret_in
from penstock.core.values.types import TypeText, ValueProblem, parse_type, struct_type
from penstock.core.values.value import Value, check_bounds


class TemplateProblem(ValueProblem):
    """A text is no template, or one that asks for a secret."""


_SECRET: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class _Form(Struct, tag_field="from", frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A form of expression; `from` tells which."""


class Literal(_Form, tag="VALUE", frozen=True):
    """A value that stands in the spec."""

    value: Value


class VariableRef(_Form, tag="VARIABLE", frozen=True):
    """A variable of this thread or of one above it."""

    name: str
    path: str | None = None


class OutputRef(_Form, tag="NODE_OUTPUT", frozen=True):
    """The newest output of a node of this thread."""

    node: str
    path: str | None = None


class Comparison(_Form, tag="COMPARISON", frozen=True):
    """A BOOL: whether left compares with right as said."""

    left: Expression
    comparator: Comparator
    right: Expression


class Operated(_Form, tag="OPERATION", frozen=True):
    """What an operation makes of left and right; of AND and OR, right is looked at only if left
    does not decide.
    """

    left: Expression
    operation: Operation
    right: Expression


class Not(_Form, tag="NOT", frozen=True):
    """A BOOL: the other one."""

    value: Expression


class SizeOf(_Form, tag="SIZE_OF", frozen=True):
    """An INT: characters of text, bytes of BYTES, items of an array, keys of an object."""

    value: Expression


class Cast(_Form, tag="CAST", frozen=True):
    """The value as another type."""

    type: TypeText
    value: Expression


class Format(_Form, tag="FORMAT", frozen=True):
    """A STR: the template, with `{0}`, `{1}`... for the arguments."""

    template: str
    args: tuple[Expression, ...] = ()


class Built(_Form, tag="STRUCT", frozen=True):
    """A struct, made of its fields. `struct` names its StructDef, or says in braces what fields it
    has, as in its type.
    """

    struct: str
    fields: dict[str, Expression] = {}


class Now(_Form, tag="NOW", frozen=True):
    """A TIMESTAMP: the log's time, not a machine's."""


class Uuid(_Form, tag="UUID", frozen=True):
    """A STR: a UUID derived from where it is asked for; asked again there, it is the same."""


class Rendered(StrEnum):
    """What a template gives: its text; a value, which a template that is one `{{ }}` only has;
    whether its text is one that counts as true; or an array of texts, which what is no text in it
    becomes as JSON.
    """

    TEXT = "TEXT"
    VALUE = "VALUE"
    TRUTH = "TRUTH"
    TEXTS = "TEXTS"


class Template(_Form, tag="TEMPLATE", frozen=True):
    """What a template makes of the names of its place. `template` is any JSON: the texts in it are
    templates, at any depth, and so are keys.
    """

    template: Value
    gives: Rendered = field(default=Rendered.VALUE, name="as")


class Secret(_Form, tag="SECRET", frozen=True):
    """A secret that the worker of a task fills in. Nobody else has it: where anything but an input
    as a whole would need its value, it is refused.
    """

    name: str


Expression = (
    Literal
    | VariableRef
    | OutputRef
    | Comparison
    | Operated
    | Not
    | SizeOf
    | Cast
    | Format
    | Built
    | Now
    | Uuid
    | Template
    | Secret
)


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions that one is directly made of."""
    match expression:
        case Comparison(left=left, right=right) | Operated(left=left, right=right):
            return (left, right)
        case Not(value=value) | SizeOf(value=value) | Cast(value=value):
            return (value,)
        case Format(args=args):
            return args
        case Built(fields=fields):
            return tuple(fields[name] for name in sorted(fields))
        case _:
            return ()


def parts_of(expression: Expression) -> Iterator[Expression]:
    """The expression and all that it is made of; ValueProblem if it is nested too deep."""
    pending = [(expression, 1)]
    while pending:
        at, depth = pending.pop()
        if depth > EXPRESSION_DEPTH_MAX:
            raise ValueProblem(f"an expression may be nested {EXPRESSION_DEPTH_MAX} levels deep")
        yield at
        pending += [(child, depth + 1) for child in children(at)]


def secret_of(expression: Expression) -> str | None:
    """The name of the secret that an input is as a whole; None if it is anything else."""
    match expression:
        case Secret(name=name):
            return name
        case Template(template=str(template), gives=Rendered.VALUE | Rendered.TEXT):
            return only_secret(template)
        case _:
            return None


def check_secret(name: str) -> None:
    """Raise ValueProblem for a name that no secret has."""
    if _SECRET.fullmatch(name) is None:
        raise ValueProblem(
            f"{name[:64]!r} is no name of a secret; use a letter, then letters, digits and '_',"
            " 64 at most"
        )


def check_form(expression: Expression) -> None:
    """Raise ValueProblem for a literal, path, type or template that can never be right."""
    for part in parts_of(expression):
        match part:
            case Literal(value=value):
                check_bounds(value)
            case VariableRef(path=str(path)) | OutputRef(path=str(path)):
                parse_path(path)
            case Cast(type=wanted):
                parse_type(wanted)
            case Built(struct=struct):
                struct_type(struct)
            case Secret(name=name):
                check_secret(name)
            case Operated(operation=Operation.ASSIGN):
                raise ValueProblem("ASSIGN is an operation of mutations, not of expressions")
            case Template(template=template):
                check_bounds(template)
                _check_templates(template, "$")
            case Format(template=template, args=args):
                if len(args) > FORMAT_ARGS_MAX:
                    raise ValueProblem(f"{len(args)} args: a format may have {FORMAT_ARGS_MAX}")
                check_format(template, len(args))
            case _:
                pass


def _check_templates(template: Value, path: str) -> None:
    """Every text is a template, and none asks for a secret: it would come to stand in a text."""
    match template:
        case str():
            try:
                secret = secret_in(parse_template(template))
            except ValueProblem as problem:
                raise TemplateProblem(f"{path}: {problem}") from problem
            if secret is not None:
                raise TemplateProblem(f"{path}: {SECRET_MISPLACED}")
        case list():
            for number, item in enumerate(cast("list[Value]", template)):
                _check_templates(item, f"{path}[{number}]")
        case dict():
            for key, item in cast("dict[str, Value]", template).items():
                _check_templates(key, f"{path}, key {key[:40]!r}")
                _check_templates(item, f"{path}.{key[:40]}")
        case _:
            pass
