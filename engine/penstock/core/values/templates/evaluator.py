"""The text, or the value, that a template has in its place. Pure; it raises nothing but
ValueProblem; its steps and what it makes are bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from penstock.core.limits import (
    EXPRESSION_BYTES_PER_STEP,
    TEMPLATE_CHARS_PER_STEP,
    VALUE_BYTES_MAX,
)
from penstock.core.values.templates.filters import FILTERS, LENIENT
from penstock.core.values.templates.functions import FUNCTIONS, LAZY
from penstock.core.values.templates.names import Found, Lazy, Names, Undefined
from penstock.core.values.templates.operators import BINARY, TESTS, number, text, truth
from penstock.core.values.templates.params import call
from penstock.core.values.templates.parser import only_expression, parse_template
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
    Statement,
    Text,
    Unary,
)
from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value, check_bounds, type_name, value_bytes

_RENDERS_MAX: Final = 5


class Rendering:
    """One template. `spend` takes steps from the budget that it shares with others of its place;
    `place` tells it apart from these, so that its ids are its own.
    """

    def __init__(self, names: Names, spend: Callable[[int], None], place: str = "") -> None:
        self.names = names
        self._spend = spend
        self._place = place
        self._set: dict[str, Value] = {}
        self._chars = 0
        self._numbers = 0
        self._renders = 0

    def text(self, template: str) -> str:
        """The text of a template."""
        out: list[str] = []
        self._write(self._parsed(template), out)
        return "".join(out)

    def value(self, template: str) -> Value:
        """The value, if the template is one expression only; else its text."""
        body = self._parsed(template)
        only = only_expression(body)
        if only is not None:
            return self._value(only)
        out: list[str] = []
        self._write(body, out)
        return "".join(out)

    def seed(self) -> tuple[str | int, ...]:
        """What the next id is derived from."""
        self._numbers += 1
        return (*self.names.seed(), self._place, self._numbers)

    def render(self, template: str) -> str:
        """What `render(...)` gives; so deep, and no deeper."""
        self._renders += 1
        if self._renders > _RENDERS_MAX:
            raise ValueProblem(f"render may be called {_RENDERS_MAX} times in one template")
        return self.text(template)

    def _parsed(self, template: str) -> Body:
        """The parts of a template. That it may be at hand already makes it no cheaper (I1)."""
        self._spend(len(template) // TEMPLATE_CHARS_PER_STEP)
        return parse_template(template)

    def _write(self, body: Body, out: list[str]) -> None:
        for statement in body:
            self._spend(1)
            self._statement(statement, out)

    def _statement(self, statement: Statement, out: list[str]) -> None:
        match statement:
            case Text(text=plain):
                self._put(plain, out)
            case Output(value=value):
                self._put(text(self._value(value)), out)
            case Assign(name=name, value=value):
                self._set[name] = self._value(value)
            case Branches(branches=branches):
                for condition, body in branches:
                    if condition is None or truth(self._value(condition)):
                        self._write(body, out)
                        return
            case Loop():
                self._loop(statement, out)

    def _put(self, part: str, out: list[str]) -> None:
        self._chars += len(part)
        if self._chars > VALUE_BYTES_MAX:
            raise ValueProblem(f"a template may make at most {VALUE_BYTES_MAX} bytes")
        self._spend(len(part) // EXPRESSION_BYTES_PER_STEP)
        out.append(part)

    def _loop(self, loop: Loop, out: list[str]) -> None:
        found = self._value(loop.values)
        items: list[Value]
        if isinstance(found, dict):
            table = cast("dict[str, Value]", found)
            items = [{"key": key, "value": table[key]} for key in sorted(table)]
        elif found is None:
            items = []
        elif isinstance(found, list):
            items = cast("list[Value]", found)
        else:
            raise ValueProblem(f"for wants an array or an object, not {type_name(found)}")
        if not items:
            self._write(loop.otherwise, out)
            return
        before = {name: self._set[name] for name in (loop.name, "loop") if name in self._set}
        for index, item in enumerate(items):
            self._set[loop.name] = item
            self._set["loop"] = {
                "index": index,
                "length": len(items),
                "revindex": len(items) - 1 - index,
                "first": index == 0,
                "last": index == len(items) - 1,
            }
            self._spend(1)
            self._write(loop.body, out)
        for name in (loop.name, "loop"):
            self._set.pop(name, None)
        self._set |= before

    def _value(self, expr: Expr) -> Value:
        """The value, which must be there; all of it, if it is looked up bit by bit."""
        found = self._found(expr)
        if isinstance(found, Undefined):
            raise ValueProblem(f"{found.what} is not there")
        if isinstance(found, Lazy):
            found = found.whole()
            self._spend(value_bytes(found) // EXPRESSION_BYTES_PER_STEP)
        return found

    def _or_nothing(self, expr: Expr) -> Value:
        """The value; null if it is not there."""
        return None if isinstance(self._found(expr), Undefined) else self._value(expr)

    def _found(self, expr: Expr) -> Found:
        self._spend(1)
        match expr:
            case Constant(value=value):
                return value
            case Name(name=name):
                return self._set[name] if name in self._set else self.names.root(name)
            case Item():
                return self._item(expr)
            case Call(name=name, args=args, named=named):
                read = self._found if name in LAZY else self._value
                given = [read(arg) for arg in args]
                by_name = {argument: self._value(value) for argument, value in named}
                return self._made(call(name, FUNCTIONS[name], given, by_name, self))
            case Filtered(value=value, name=name, args=args, named=named):
                read = self._or_nothing if name in LENIENT else self._value
                by_name = {argument: self._value(of) for argument, of in named}
                given = [self._value(arg) for arg in args]
                return self._made(
                    call(name, FILTERS[name], given, by_name, self._read(read(value)))
                )
            case Asked(value=value, test=test, negated=negated):
                return self._asked(value, test) is not negated
            case Unary(operator=operator, value=value):
                found = self._value(value)
                return not truth(found) if operator == "not" else self._made(-number(found, "-"))
            case Binary():
                return self._binary(expr)
            case Choice(condition=condition, yes=yes, no=no):
                return self._found(yes if truth(self._value(condition)) else no)
            case Items(items=items):
                return self._made([self._value(item) for item in items])
            case Pairs(pairs=pairs):
                made = {text(self._value(key)): self._value(value) for key, value in pairs}
                return self._made(made)

    def _item(self, expr: Item) -> Found:
        whole, key = self._found(expr.of), self._value(expr.key)
        match whole:
            case Undefined():
                return whole
            case Lazy():
                return whole.get(text(key))
            case dict():
                table = cast("dict[str, Value]", whole)
                name = text(key)
                return table[name] if name in table else Undefined(_shown(expr))
            case list():
                items = cast("list[Value]", whole)
                index = int(number(key, "an index"))
                there = -len(items) <= index < len(items)
                return items[index] if there else Undefined(_shown(expr))
            case _:
                return Undefined(_shown(expr))

    def _asked(self, value: Expr, test: str) -> bool:
        found = self._found(value)
        if isinstance(found, Undefined):
            if test not in ("defined", "empty", "null"):
                raise ValueProblem(f"{found.what} is not there")
            return test != "defined"
        return TESTS[test](self._value(value) if isinstance(found, Lazy) else found)

    def _binary(self, expr: Binary) -> Found:
        match expr.operator:
            case "and":
                return truth(self._value(expr.left)) and truth(self._value(expr.right))
            case "or":
                return truth(self._value(expr.left)) or truth(self._value(expr.right))
            case "??" | "???":
                found = self._found(expr.left)
                nothing = isinstance(found, Undefined)
                if nothing or (found is None and expr.operator == "??"):
                    return self._found(expr.right)
                return found
            case operator:
                left, right = (
                    self._read(self._value(expr.left)),
                    self._read(self._value(expr.right)),
                )
                return self._made(BINARY[operator](left, right))

    def _read(self, value: Value) -> Value:
        """Large values cost as much as there is to read."""
        if isinstance(value, (str, bytes)):
            self._spend(len(value) // EXPRESSION_BYTES_PER_STEP)
        elif isinstance(value, (list, dict)):
            self._spend(value_bytes(cast(Value, value)) // EXPRESSION_BYTES_PER_STEP)
        return cast(Value, value)

    def _made(self, found: Found) -> Found:
        if not isinstance(found, (Undefined, Lazy)):
            check_bounds(found)
        return found


def _shown(expr: Expr) -> str:
    """How a path stands in the template, for messages."""
    match expr:
        case Name(name=name):
            return name
        case Item(of=of, key=Constant(value=str(key))) if key.isidentifier():
            return f"{_shown(of)}.{key}"
        case Item(of=of, key=Constant(value=key)):
            return f"{_shown(of)}[{key!r}]"
        case Item(of=of):
            return f"{_shown(of)}[...]"
        case _:
            return "(...)"
