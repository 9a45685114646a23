"""Proxies: what a workflow's function holds in place of values while it is traced. A proxy knows
the expression that will give the value, and refuses by name all that needs the value now."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec

from penstock.core.values.expressions import (
    Comparator,
    Comparison,
    Expression,
    OutputRef,
    VariableRef,
)
from penstock.core.values.forms import Cast, Not, Operated, Secret
from penstock.core.values.operations import Operation
from penstock.core.values.types import ValueType
from penstock.sdk import hints
from penstock.sdk.errors import DefinitionError
from penstock.sdk.place import place_of_caller

if TYPE_CHECKING:
    from penstock.sdk.trace import ThreadTrace

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_QUOTED_KEY: Final = re.compile(r'[^"\\]{1,256}')
_INSTEAD: Final = (
    "write `with if_(...):`, `with elif_(...):`, `with else_():`, `with while_(...):`, and `&`, `|`"
    " and `~` in conditions"
)
KNOWN_NOW: Final = (
    "the condition is the same in every run; `is` and `not` look at what is there now: compare with"
    " `==`, or write a plain `if`"
)
_NESTED: Final = (None, ValueType.JSON_OBJ, ValueType.JSON_ARR)


class Step:
    """A step of a workflow: what `on_failure` is told of."""

    __slots__ = ("node",)

    def __init__(self, node: str) -> None:
        self.node = node

    def __repr__(self) -> str:
        return f"<step {self.node}>"

    def __await__(self) -> Generator[None, None, Step]:
        """`await` is allowed before a step, and changes nothing."""
        return self
        yield  # makes it a generator


class Proxy:
    """A value that is known only when the workflow runs."""

    __slots__ = ("_expression", "_hint", "_thread", "_type")

    def __init__(
        self,
        thread: ThreadTrace,
        expression: Expression,
        value_type: str | None,
        hint: Any = hints.UNKNOWN,
    ) -> None:
        self._thread = thread
        self._expression = expression
        self._type = value_type
        self._hint = hint

    def __getitem__(self, step: object) -> Proxy:
        """What lies at a key or an index of the value."""
        if not isinstance(step, (str, int)) or isinstance(step, bool):
            fault(f"{self!r}: a key is text or a number that stands in the code, not {step!r}")
        if self._type not in _NESTED:
            fault(f"{self!r} is {self._type}: it has nothing at [{step!r}]")
        fields = hints.fields_of(self._hint)
        if fields is not None and step not in fields:
            fault(f"{self!r}: {hints.shown(self._hint)} has no {step!r}; it has {sorted(fields)}")
        expression = self._expression
        if not isinstance(expression, (VariableRef, OutputRef)):
            fault(f"{self!r} has nothing at [{step!r}]")
        longer = msgspec.structs.replace(expression, path=(expression.path or "$") + _step(step))
        below = hints.item_hint(self._hint, step)
        return Proxy(self._thread, longer, _type_or_unknown(below), below)

    def __getattr__(self, name: str) -> Proxy:
        """A field, where the value's class is known."""
        if name.startswith("__"):
            raise AttributeError(name)
        if hints.fields_of(self._hint) is None:
            if self._type not in _NESTED or hasattr(dict, name) or hasattr(list, name):
                self._unknown(f"`.{name}` needs")
            fault(f"{self!r} has no attribute {name!r} that is known; use [{name!r}]")
        return self[hints.json_name(self._hint, name)]

    def __await__(self) -> Generator[None, None, Proxy]:
        """`await` is allowed before the call of an async task, and changes nothing."""
        return self
        yield  # makes it a generator

    def __eq__(self, other: object) -> Any:
        return self._compare(Comparator.EQUALS, other)

    def __ne__(self, other: object) -> Any:
        return self._compare(Comparator.NOT_EQUALS, other)

    def __lt__(self, other: object) -> Proxy:
        return self._compare(Comparator.LESS_THAN, other)

    def __le__(self, other: object) -> Proxy:
        return self._compare(Comparator.LESS_THAN_EQ, other)

    def __gt__(self, other: object) -> Proxy:
        return self._compare(Comparator.GREATER_THAN, other)

    def __ge__(self, other: object) -> Proxy:
        return self._compare(Comparator.GREATER_THAN_EQ, other)

    __hash__ = None  # pyright: ignore[reportAssignmentType] - equality is an expression here

    def __repr__(self) -> str:
        match self._expression:
            case VariableRef(name, path):
                return f"<variable {name}{(path or '$')[1:]}>"
            case OutputRef(node, path):
                return f"<output of {node}{(path or '$')[1:]}>"
            case Secret(name):
                return f"<secret {name}>"
            case _:
                return "<a condition>"

    def __bool__(self) -> bool:
        self._unknown("`if`, `while`, `and`, `or` and `not` need", _INSTEAD)

    def __iter__(self) -> NoReturn:
        self._unknown("a loop, `*` or unpacking needs", "write `with for_each(...) as item:`")

    def __contains__(self, item: object) -> bool:
        self._unknown("`in` needs", "write contains(collection, item)")

    def __len__(self) -> int:
        self._unknown("len() needs")

    def __str__(self) -> str:
        self._unknown("text (an f-string, print) needs", "write text('... {0}', value)")

    def __format__(self, spec: str) -> str:
        self._unknown("text (an f-string, print) needs", "write text('... {0}', value)")

    def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
        self._unknown("a call needs")

    def __add__(self, other: object) -> Proxy:
        return self._operate(self, Operation.ADD, other)

    def __radd__(self, other: object) -> Proxy:
        return self._operate(other, Operation.ADD, self)

    def __sub__(self, other: object) -> Proxy:
        return self._operate(self, Operation.SUBTRACT, other)

    def __rsub__(self, other: object) -> Proxy:
        return self._operate(other, Operation.SUBTRACT, self)

    def __mul__(self, other: object) -> Proxy:
        return self._operate(self, Operation.MULTIPLY, other)

    def __rmul__(self, other: object) -> Proxy:
        return self._operate(other, Operation.MULTIPLY, self)

    def __truediv__(self, other: object) -> Proxy:
        return self._operate(self, Operation.DIVIDE, other)

    def __rtruediv__(self, other: object) -> Proxy:
        return self._operate(other, Operation.DIVIDE, self)

    def __and__(self, other: object) -> Proxy:
        return self._decide(self, Operation.AND, other)

    def __rand__(self, other: object) -> Proxy:
        return self._decide(other, Operation.AND, self)

    def __or__(self, other: object) -> Proxy:
        return self._decide(self, Operation.OR, other)

    def __ror__(self, other: object) -> Proxy:
        return self._decide(other, Operation.OR, self)

    def __invert__(self) -> Proxy:
        if self._type not in (None, ValueType.BOOL):
            fault(f"`~` needs a condition, and {self!r} is {self._type}")
        return Proxy(self._thread, Not(self._expression), ValueType.BOOL)

    def _compare(self, comparator: Comparator, other: object) -> Proxy:
        # A DOUBLE is compared with a DOUBLE: `price > 10` means 10.0.
        wanted = ValueType.DOUBLE if self._type == "DOUBLE" and type(other) is int else None
        thread = _innermost(self, other)
        left = thread.expression(self, None, hints.UNKNOWN, f"{comparator}")
        right = thread.expression(other, wanted, hints.UNKNOWN, f"{comparator}")
        return Proxy(thread, Comparison(left, comparator, right), ValueType.BOOL)

    def _operate(self, left: object, operation: Operation, right: object) -> Proxy:
        """A number of two numbers, as Python has it: what is divided has a point."""
        types = [_number_type(side) for side in (left, right)]
        for side, kind in zip((left, right), types, strict=True):
            if kind not in (None, ValueType.INT, ValueType.DOUBLE):
                fault(f"{operation} needs numbers, and {side!r} is {kind}; make text with text()")
        thread = _innermost(left, right)
        sides = [
            thread.expression(side, None, hints.UNKNOWN, str(operation)) for side in (left, right)
        ]
        made: ValueType | None = None
        if ValueType.DOUBLE in types or operation is Operation.DIVIDE:
            made = ValueType.DOUBLE
        elif types == [ValueType.INT, ValueType.INT]:
            made = ValueType.INT
        if operation is Operation.DIVIDE and types[0] is not ValueType.DOUBLE:
            sides[0] = Cast(ValueType.DOUBLE, sides[0])
        return Proxy(thread, Operated(sides[0], operation, sides[1]), made)

    def _decide(self, left: object, operation: Operation, right: object) -> Proxy:
        thread = _innermost(left, right)
        sides = [
            thread.expression(side, ValueType.BOOL, bool, f"{operation} of conditions")
            for side in (left, right)
        ]
        return Proxy(thread, Operated(sides[0], operation, sides[1]), ValueType.BOOL)

    def _unknown(self, what: str, instead: str = "do this in a task") -> NoReturn:
        fault(
            f"{what} the value of {self!r}, which is known only when the workflow runs;"
            f" the workflow's function is run once, to see its steps: {instead}"
        )


def _innermost(*sides: object) -> ThreadTrace:
    """Of the threads that values belong to, the one that sees the others' variables."""
    threads = [side._thread for side in sides if isinstance(side, Proxy)]  # pyright: ignore[reportPrivateUsage]
    return max(threads, key=lambda thread: len(list(thread.and_above())))


def _number_type(side: object) -> str | None:
    if isinstance(side, Proxy):
        return side._type  # pyright: ignore[reportPrivateUsage]
    if isinstance(side, bool):
        return ValueType.BOOL
    if isinstance(side, int):
        return ValueType.INT
    return ValueType.DOUBLE if isinstance(side, float) else type(side).__name__


def _no_operator(symbol: str) -> Callable[..., NoReturn]:
    def operator(self: Proxy, *_others: object) -> NoReturn:
        self._unknown(f"`{symbol}` needs")  # pyright: ignore[reportPrivateUsage]

    return operator


_OPERATORS: Final = {
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
}
for _name, _symbol in _OPERATORS.items():
    for _form in (f"__{_name}__", f"__r{_name}__"):
        setattr(Proxy, _form, _no_operator(_symbol))
for _name in ("neg", "pos", "abs", "int", "float", "index", "round"):
    setattr(Proxy, f"__{_name}__", _no_operator(_name))


def fault(message: str) -> NoReturn:
    """The line of the user's code that is running can not be meant."""
    raise DefinitionError(place_of_caller(), message)


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _PLAIN_KEY.fullmatch(step):
        return f".{step}"
    if not _QUOTED_KEY.fullmatch(step):
        fault(f"the key {step!r} can not be used: 1-256 characters, without '\"' and '\\'")
    return f'["{step}"]'


def _type_or_unknown(hint: Any) -> ValueType | None:
    try:
        return hints.type_of_return(hint)
    except hints.UnsupportedHint:
        return None
