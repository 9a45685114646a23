"""The names without which a template has no value, wherever it stands: seen in its text alone, so
that a spec that wants what no run has is refused.

What a template asks for on the chance that it is there is not among them: to the left of `??`, in
`default(...)`, or where it is tested with `is defined` anywhere in the template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from penstock.core.values.templates.filters import LENIENT
from penstock.core.values.templates.functions import LAZY
from penstock.core.values.templates.parser import parse_template
from penstock.core.values.templates.syntax import (
    Asked,
    Assign,
    Binary,
    Body,
    Branches,
    Call,
    Choice,
    Expr,
    Filtered,
    Item,
    Items,
    Loop,
    Name,
    Output,
    Pairs,
    Unary,
)
from penstock.core.values.value import Value

_MAY_BE_MISSING: Final = frozenset({"defined", "empty", "null"})
"""Tests of what need not be there."""


def wanted_in(template: Value) -> frozenset[str]:
    """Of all templates in a value, as `Template` has it; ValueProblem if one is none."""
    match template:
        case str():
            return wanted_names(parse_template(template))
        case list():
            parts = cast("list[Value]", template)
        case dict():
            table = cast("dict[str, Value]", template)
            parts = [*table, *table.values()]
        case _:
            return frozenset()
    return frozenset(name for part in parts for name in wanted_in(part))


def wanted_names(body: Body) -> frozenset[str]:
    """The names that must be there; none that the template sets itself, on whatever way."""
    wanted, own = set[str](), set[str]()
    pending: list[tuple[Expr, bool]] = []
    for part in _parts(body):
        match part:
            case Output(value=value):
                pending.append((value, True))
            case Assign(name=name, value=value):
                own.add(name)
                pending.append((value, True))
            case Loop(name=name, values=values):
                own |= {name, "loop"}
                pending.append((values, True))
            case Branches(branches=branches):
                pending += [(condition, True) for condition, _ in branches if condition is not None]
            case _:
                pass
    while pending:
        expr, must = pending.pop()
        if isinstance(expr, Name):
            if must:
                wanted.add(expr.name)
            continue
        if isinstance(expr, Asked) and expr.test in _MAY_BE_MISSING:
            own |= _root(expr.value)
        pending += _below(expr, must=must)
    return frozenset(wanted - own)


def _parts(body: Body) -> Iterator[object]:
    """All statements, at any depth."""
    pending: list[object] = [*body]
    while pending:
        part = pending.pop()
        yield part
        match part:
            case Branches(branches=branches):
                pending += [inner for _, body in branches for inner in body]
            case Loop(body=body, otherwise=otherwise):
                pending += [*body, *otherwise]
            case _:
                pass


def _below(expr: Expr, *, must: bool) -> list[tuple[Expr, bool]]:
    """What an expression is directly made of, and whether each must be there."""
    match expr:
        case Item(of=of, key=key):
            return [(of, must), (key, True)]
        case Call(name=name, args=args, named=named):
            given = [(arg, name not in LAZY) for arg in args]
            return [*given, *((value, True) for _, value in named)]
        case Filtered(value=value, name=name, args=args, named=named):
            given = [(arg, True) for arg in (*args, *(value for _, value in named))]
            return [(value, name not in LENIENT), *given]
        case Asked(value=value, test=test):
            return [(value, test not in _MAY_BE_MISSING)]
        case Unary(value=value):
            return [(value, True)]
        case Binary(operator="??" | "???", left=left, right=right):
            return [(left, False), (right, must)]
        case Binary(left=left, right=right):
            return [(left, True), (right, True)]
        case Choice(condition=condition, yes=yes, no=no):
            return [(condition, True), (yes, must), (no, must)]
        case Items(items=items):
            return [(item, True) for item in items]
        case Pairs(pairs=pairs):
            return [(part, True) for pair in pairs for part in pair]
        case _:
            return []


def _root(expr: Expr) -> set[str]:
    """The name below which something is looked for, if that is a name."""
    while isinstance(expr, Item):
        expr = expr.of
    return {expr.name} if isinstance(expr, Name) else set()
