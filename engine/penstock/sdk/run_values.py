"""Values of a workflow beyond its parameters and what its steps give: variables, and what is worked
out of others in every run.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar, cast

import msgspec

from penstock.core.definitions.wf_spec import VariableDef
from penstock.core.values.expressions import Comparator, Comparison
from penstock.core.values.forms import Format, Now, SizeOf, check_form
from penstock.core.values.types import ValueProblem, ValueType
from penstock.sdk import hints
from penstock.sdk.proxy import Proxy, fault
from penstock.sdk.trace import thread_here

T = TypeVar("T")


def variable(
    name: str,
    type: type[T],
    default: T | None = None,
    *,
    searchable: bool = False,
    masked: bool = False,
) -> T:
    """A variable of the run beyond its parameters, to be changed with `assign`. Runs can be
    searched for by a searchable one; a masked one is shown to workers only.

    >>> @workflow
    ... def counting(items: list[str]) -> int:
    ...     count = variable("count", int, 0)
    ...     with while_(count < size(items)):
    ...         assign(count, count + 1)
    ...     return count
    >>> engine.register(counting)
    >>> engine.run(counting, items=["a", "b"]).result()
    2
    """
    thread = thread_here("variable")
    try:
        kind = hints.type_of_hint(type)
        plain = msgspec.to_builtins(hints.to_json(default, kind))
    except (hints.UnsupportedHint, ValueProblem) as problem:
        fault(f"variable {name!r}: {problem}")
    declared = VariableDef(name, kind, default=plain, searchable=searchable, masked=masked)
    return cast(T, thread.declare(declared, type))


def assign(variable: T, value: T) -> None:
    """Give a variable (a parameter, or a `variable()`) a new value from here on.

    >>> @workflow
    ... def renaming(name: str) -> str:
    ...     assign(name, text("{0} Lovelace", name))
    ...     return name
    >>> engine.register(renaming)
    >>> engine.run(renaming, name="Ada").result()
    'Ada Lovelace'
    """
    thread_here("assign").assign(variable, value)


def text(template: str, *values: Any) -> str:
    """Text with values in it: `text("{0} for {1}", item, customer)`.

    >>> @workflow
    ... def labelling(item: str, customer: str) -> str:
    ...     return text("{0} for {1}", item, customer)
    >>> engine.register(labelling)
    >>> engine.run(labelling, item="a book", customer="Ada").result()
    'a book for Ada'
    """
    thread = thread_here("text")
    parts = tuple(thread.expression(value, None, hints.UNKNOWN, "text()") for value in values)
    made = Format(template, parts)
    try:
        check_form(made)
    except ValueProblem as problem:
        fault(f"text(): {problem}")
    return cast(str, Proxy(thread, made, ValueType.STR, str))


def contains(collection: Any, item: Any) -> bool:
    """Whether text has a part, a list an item, or an object a key.

    >>> @workflow
    ... def looking(items: list[str]) -> bool:
    ...     return contains(items, "book")
    >>> engine.register(looking)
    >>> engine.run(looking, items=["pen", "book"]).result()
    True
    """
    thread = thread_here("contains")
    sides = [
        thread.expression(one, None, hints.UNKNOWN, "contains()") for one in (item, collection)
    ]
    return cast(bool, Proxy(thread, Comparison(sides[0], Comparator.IN, sides[1]), ValueType.BOOL))


def size(value: Any) -> int:
    """How many characters, items or keys there are.

    >>> @workflow
    ... def measuring(items: list[str]) -> int:
    ...     return size(items)
    >>> engine.register(measuring)
    >>> engine.run(measuring, items=["pen", "book"]).result()
    2
    """
    thread = thread_here("size")
    made = SizeOf(thread.expression(value, None, hints.UNKNOWN, "size()"))
    return cast(int, Proxy(thread, made, ValueType.INT, int))


def now() -> datetime:
    """The time when the run comes here, as the log has it.

    >>> @workflow
    ... def dating() -> str:
    ...     return text("since {0}", now())
    >>> engine.register(dating)
    >>> engine.run(dating).result()
    'since 2026-...'
    """
    return cast(datetime, Proxy(thread_here("now"), Now(), ValueType.TIMESTAMP))
