"""Fact: a status that an object came to have. Rows keep their newest ones as their history."""

from msgspec import Struct


class Fact(Struct, array_like=True, frozen=True):
    """A status that an object came to have, and when."""

    status: str
    at_ms: int
