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
from penstock.core.values.forms import Secret
from penstock.core.values.types import ValueType
from penstock.sdk import hints
from penstock.sdk.errors import DefinitionError
from penstock.sdk.place import place_of_caller

if TYPE_CHECKING:
    from penstock.sdk.trace import ThreadTrace

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_QUOTED_KEY: Final = re.compile(r'[^"\\]{1,256}')
_NESTED: Final = (None, ValueType.JSON_OBJ, ValueType.JSON_ARR)


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
        self._unknown("`if`, `while`, `and`, `or` and `not` need")

    def __iter__(self) -> NoReturn:
        self._unknown("a loop, `*` or unpacking needs")

    def __contains__(self, item: object) -> bool:
        self._unknown("`in` needs")

    def __len__(self) -> int:
        self._unknown("len() needs")

    def __str__(self) -> str:
        self._unknown("text (an f-string, print) needs")

    def __format__(self, spec: str) -> str:
        self._unknown("text (an f-string, print) needs")

    def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
        self._unknown("a call needs")

    def _compare(self, comparator: Comparator, other: object) -> Proxy:
        # A DOUBLE is compared with a DOUBLE: `price > 10` means 10.0.
        wanted = ValueType.DOUBLE if self._type == "DOUBLE" and type(other) is int else None
        right = self._thread.expression(other, wanted, hints.UNKNOWN, f"{comparator}")
        return Proxy(self._thread, Comparison(self._expression, comparator, right), ValueType.BOOL)

    def _unknown(self, what: str) -> NoReturn:
        fault(
            f"{what} the value of {self!r}, which is known only when the workflow runs;"
            " the workflow's function is run once, to see its steps: do this in a task"
        )


def _no_operator(symbol: str) -> Callable[..., NoReturn]:
    def operator(self: Proxy, *_others: object) -> NoReturn:
        self._unknown(f"`{symbol}` needs")  # pyright: ignore[reportPrivateUsage]

    return operator


_OPERATORS: Final = {
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "matmul": "@",
    "and": "&",
    "or": "|",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
}
for _name, _symbol in _OPERATORS.items():
    for _form in (f"__{_name}__", f"__r{_name}__"):
        setattr(Proxy, _form, _no_operator(_symbol))
for _name in ("neg", "pos", "abs", "invert", "int", "float", "index", "round"):
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
