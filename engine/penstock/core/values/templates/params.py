"""How filters and functions are told their arguments: by place or by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from penstock.core.values.types import ValueProblem
from penstock.core.values.value import Value


class Called(Struct, frozen=True):
    """A filter or a function: what it does, the names of its arguments, and how many of them must
    be given; with `many`, any number of them may.
    """

    work: Callable[..., Any]
    names: tuple[str, ...] = ()
    required: int = 0
    many: bool = False


ARGUMENTS_MAX: Final = 100


def call(
    name: str, called: Called, given: Sequence[Value], named: Mapping[str, Value], *first: Any
) -> Any:
    """What it makes of its arguments, or ValueProblem. `first` are those that it always gets."""
    if len(given) > (ARGUMENTS_MAX if called.many else len(called.names)):
        raise ValueProblem(f"{name} takes {len(called.names)} arguments, not {len(given)}")
    if called.many:
        if named:
            raise ValueProblem(f"{name} takes no arguments by name")
        return called.work(*first, *given)
    values = dict(zip(called.names, given, strict=False))
    for argument, value in named.items():
        if argument not in called.names or argument in values:
            raise ValueProblem(f"{name} can not take {argument!r}; it takes {called.names}")
        values[argument] = value
    missing = [argument for argument in called.names[: called.required] if argument not in values]
    if missing:
        raise ValueProblem(f"{name} wants {missing[0]!r}")
    return called.work(*first, **values)
