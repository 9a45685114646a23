"""What a route says of itself: what it takes, and what it gives. The OpenAPI document is made of
these, and of the types that they name; nothing in it is written down twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from penstock.contracts.answers.common import Done, Found, Page, Token
from penstock.contracts.answers.streams import StreamEnded
from penstock.core.limits import INT_MAX
from penstock.gateway.sent_events import ERROR, MEDIA

WAIT_MS_MAX: Final = 60_000
PAGE_MAX: Final = 1_000
PAGE_DEFAULT: Final = 200

Limit = Annotated[int, Meta(ge=1, le=PAGE_MAX)]
Milliseconds = Annotated[int, Meta(ge=0, le=WAIT_MS_MAX)]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter of the query. `kind` is a type whose JSON Schema it has."""

    name: str
    kind: Any
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """What a route takes and gives.

    `about` stands for the docstring of its handler, where that has none. `body` is the Struct of
    the body, less the fields that stand in the path; `bodies` names fields that have more form than
    the Struct says. `gives` is the type of a good answer: None says that it is of no one form, then
    `media` may say what it is. A stream has `events`: by name the type of what each says. `also`
    are statuses with the body of errors beside the usual ones, and `other` those with a body of
    their own.
    """

    about: str = ""
    body: type[Struct] | None = None
    bodies: Mapping[str, Any] = field(default_factory=dict[str, Any])
    takes_any: bool = False
    query: tuple[Param, ...] = ()
    gives: Any = None
    status: int = 200
    media: str = "application/json"
    events: Mapping[str, Any] = field(default_factory=dict[str, Any])
    views: bool = False
    sends: bool = False
    positioned: bool = False
    also: tuple[int, ...] = ()
    other: Mapping[int, Any] = field(default_factory=dict[int, Any])


AT_LEAST: Final = Param("at_least", Token, "Answer once this position is folded, or with 504.")
READ_FROM: Final = Param(
    "read_from",
    Literal["standby"],
    "A standby may answer, with what it has come to; the header `Penstock-Standby-Lag` says by how"
    " many records that is behind the log.",
)
LIMIT: Final = Param("limit", Limit, f"How many at most; {PAGE_DEFAULT} if it is left out.")
CURSOR: Final = Param("cursor", str, "Where to go on: the `cursor` of the page before.")
VIEW: Final = Param(
    "view",
    Literal["kestra", "wundaflow"],
    "Answer in the words and shapes of another product.",
)
WAIT: Final = Param(
    "wait", Literal["all"], "Answer once every partition has the definition, or with 504."
)
WAIT_MS: Final = Param("wait_ms", Milliseconds, "How long to wait for it.")
AT: Final = Param(
    "at", str, "As of this moment: a position, such as 3:1234, or a time with its zone."
)
VERSION: Final = Param(
    "version",
    Annotated[int, Meta(ge=1, le=INT_MAX)],
    "Which version; the newest if it is left out.",
)


def follows(events: Mapping[str, Any], *query: Param) -> Says:
    """A route that answers with server-sent events; any of them may end with `error`."""
    return Says(query=query, media=MEDIA, events={**events, ERROR: StreamEnded})


def sends(body: type[Struct] | None = None, gives: Any = Done, **more: Any) -> Says:
    """A route that sends a command."""
    return Says(body=body, gives=gives, sends=True, positioned=True, **more)


def reads(gives: Any, *query: Param, **more: Any) -> Says:
    """A route that reads one partition, as new as it is asked to be."""
    return Says(gives=gives, query=(*query, AT_LEAST, READ_FROM), positioned=True, **more)


def pages(item: Any, *query: Param, **more: Any) -> Says:
    """A route that gives pages of what one partition has."""
    # A generic takes any type at run time; a checker wants to know it beforehand.
    page: Any = Page
    return reads(page[item], *query, LIMIT, CURSOR, **more)


def finds(item: Any, *query: Param, **more: Any) -> Says:
    """A route that gives pages of what all partitions have."""
    page: Any = Found
    return Says(gives=page[item], query=(*query, LIMIT, CURSOR), **more)
