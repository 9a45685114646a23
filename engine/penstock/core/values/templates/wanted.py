"""The names without which a template has no value, wherever it stands, and what it looks up below
them: seen in its text alone, so that a spec that wants what no run has is refused.

What a template asks for on the chance that it is there is not among them: to the left of `??`, in
`default(...)`, or where it is tested with `is defined` anywhere in the template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from msgspec import Struct, field

from penstock.core.values.templates.filters import LENIENT
from penstock.core.values.templates.functions import LAZY
from penstock.core.values.templates.operators import text
from penstock.core.values.templates.parser import parse_template
from penstock.core.values.templates.syntax import (
    Asked,
    Assign,
    Binary,
    Body,
    Branches,
    Call,
    Choice,
    Constant,
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


class Path(NamedTuple):
    """A name, and the keys below it; one that only a run tells is None."""

    root: str
    keys: tuple[str | None, ...] = ()

    def is_below(self, other: Path) -> bool:
        """Whether the other one leads there, or is the same."""
        return self.root == other.root and self.keys[: len(other.keys)] == other.keys


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
    asked = _asked_in(body)
    free = asked.own | {path.root for path in asked.tested}
    return frozenset(path.root for path in asked.wanted if path.root not in free)


def wanted_paths(body: Body) -> dict[Path, int]:
    """What must be there, down to its last key, and at which character it is asked for first. What
    lies below something that is tested need not be.
    """
    asked = _asked_in(body)
    return {
        path: at
        for path, at in asked.wanted.items()
        if path.root not in asked.own and not any(path.is_below(one) for one in asked.tested)
    }


class _Lookups(Struct):
    """What a template looks up, what it sets itself, and what it only tests."""

    wanted: dict[Path, int] = field(default_factory=dict[Path, int])
    own: set[str] = field(default_factory=set[str])
    tested: set[Path] = field(default_factory=set[Path])


def _asked_in(body: Body) -> _Lookups:
    found = _Lookups()
    pending: list[tuple[Expr, bool]] = []
    for part in _parts(body):
        match part:
            case Output(value=value):
                pending.append((value, True))
            case Assign(name=name, value=value):
                found.own.add(name)
                pending.append((value, True))
            case Loop(name=name, values=values):
                found.own |= {name, "loop"}
                pending.append((values, True))
            case Branches(branches=branches):
                pending += [(condition, True) for condition, _ in branches if condition is not None]
            case _:
                pass
    while pending:
        expr, must = pending.pop()
        looked_up = _looked_up(expr)
        if looked_up is not None and must:
            path, at = looked_up
            found.wanted[path] = min(at, found.wanted.get(path, at))
        if isinstance(expr, Asked) and expr.test in _MAY_BE_MISSING:
            found.tested |= _tested(expr.value)
        pending += _below(expr, must=must and looked_up is None)
    return found


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
            given = [(arg, must or name not in LAZY) for arg in args]
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


def _looked_up(expr: Expr) -> tuple[Path, int] | None:
    """What is looked for below a name, and where that stands; None if it is below no name."""
    keys: list[str | None] = []
    while isinstance(expr, Item):
        keys.append(text(expr.key.value) if isinstance(expr.key, Constant) else None)
        expr = expr.of
    return (Path(expr.name, tuple(reversed(keys))), expr.at) if isinstance(expr, Name) else None


def _tested(expr: Expr) -> set[Path]:
    """What is tested, as far as its keys are known."""
    looked_up = _looked_up(expr)
    if looked_up is None:
        return set()
    root, keys = looked_up[0]
    return {Path(root, keys[: keys.index(None)] if None in keys else keys)}
