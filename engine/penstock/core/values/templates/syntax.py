"""What a template is made of, once it is parsed."""

from __future__ import annotations

from msgspec import Struct

from penstock.core.values.value import Value


class _Part(Struct, frozen=True):
    """A part of a template."""


class Constant(_Part, frozen=True):
    """A number, text, true, false or null."""

    value: Value


class Name(_Part, frozen=True):
    """A name that the template's place knows, or one that the template has set; `at` is the
    character of the template at which it stands.
    """

    name: str
    at: int


class Item(_Part, frozen=True):
    """What is below a key or an index: `a.b`, `a['b']`, `a[0]`."""

    of: Expr
    key: Expr


class Call(_Part, frozen=True):
    """A function, with arguments by place and by name; `at` is as of a name."""

    name: str
    args: tuple[Expr, ...]
    named: tuple[tuple[str, Expr], ...]
    at: int


class Filtered(_Part, frozen=True):
    """`value | name(args)`."""

    value: Expr
    name: str
    args: tuple[Expr, ...] = ()
    named: tuple[tuple[str, Expr], ...] = ()


class Asked(_Part, frozen=True):
    """`value is test` or `value is not test`."""

    value: Expr
    test: str
    negated: bool


class Unary(_Part, frozen=True):
    """`-a` or `not a`."""

    operator: str
    value: Expr


class Binary(_Part, frozen=True):
    """Two values and an operator between them."""

    operator: str
    left: Expr
    right: Expr


class Choice(_Part, frozen=True):
    """`condition ? yes : no`."""

    condition: Expr
    yes: Expr
    no: Expr


class Items(_Part, frozen=True):
    """`[a, b]`."""

    items: tuple[Expr, ...]


class Pairs(_Part, frozen=True):
    """`{"a": b}`."""

    pairs: tuple[tuple[Expr, Expr], ...]


Expr = Constant | Name | Item | Call | Filtered | Asked | Unary | Binary | Choice | Items | Pairs


class Text(_Part, frozen=True):
    """Text that stands as it is."""

    text: str


class Output(_Part, frozen=True):
    """`{{ value }}`."""

    value: Expr


class Branches(_Part, frozen=True):
    """`{% if %}`: the body of the first condition that holds; an `else` has none."""

    branches: tuple[tuple[Expr | None, Body], ...]


class Loop(_Part, frozen=True):
    """`{% for name in values %}`, or its `else` if there are no values."""

    name: str
    values: Expr
    body: Body
    otherwise: Body


class Assign(_Part, frozen=True):
    """`{% set name = value %}`."""

    name: str
    value: Expr


Statement = Text | Output | Branches | Loop | Assign
Body = tuple[Statement, ...]
