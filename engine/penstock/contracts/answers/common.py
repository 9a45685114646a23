"""What answers are made of: times, positions, pages, and what every command is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

T = TypeVar("T")

Time = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 in UTC with milliseconds."""

Token = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{1,6}:(-1|[0-9]{1,18})$",
        description="A position: partition and offset of the newest record that is folded.",
        examples=["3:1234"],
    ),
]


class Answer(Struct, frozen=True, kw_only=True):
    """Base of all answers. A field with a default is one that an answer may leave out."""


class Done(Answer, frozen=True):
    """A command was done; what more there is depends on the command."""

    repeated: bool
    position: Token


class Page(Answer, Generic[T], frozen=True):
    """A page of a list; no cursor, no further page. A page that is not full may have one."""

    items: list[T]
    cursor: str | None


class Found(Answer, Generic[T], frozen=True):
    """A page of a list over all partitions; those that could not be asked are `missing` from it."""

    items: list[T]
    cursor: str | None
    missing: list[int] = []


class Counted(Answer, frozen=True, kw_only=True):
    """How many there are of those that were looked at. If something was not, they are the least
    that there can be, and the cursor has the rest of it counted.
    """

    count: int
    lower_bound: bool
    cursor: str | None
    missing: list[int] = []


class FoundInRuns(Found[T], Generic[T], frozen=True, kw_only=True):
    """What stands in a window of runs, newest first; and whether the window was all there is."""

    whole: bool


class Items(Answer, Generic[T], frozen=True):
    """A list that is not paged."""

    items: list[T]


class Excerpt(Answer, Generic[T], frozen=True):
    """A list, or the beginning of one that is too long to be given."""

    items: list[T]
    truncated: bool
