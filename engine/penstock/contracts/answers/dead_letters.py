"""The forms of answers about dead letters."""

from __future__ import annotations

from typing import Any

from penstock.contracts.answers.common import Answer, Time, Token


class DeadLetterShown(Answer, frozen=True):
    """A record that could not be handled or delivered: why, what mends it, and whether it may be
    sent again.
    """

    number: int
    topic: str
    partition: int
    offset: int
    code: str
    message: str
    at: Time
    key: bytes
    value: bytes
    value_bytes: int
    why: str
    mend: str
    retried: bool
    retry: str


class BytesRead(Answer, frozen=True):
    """The bytes of a dead letter, read as far as can be."""

    key: str
    text: str
    record: dict[str, Any] | None
    problem: str | None


class DeadLetterRead(DeadLetterShown, frozen=True):
    """A dead letter with its bytes read as far as can be."""

    stamp: str
    read: BytesRead


class DeadLetterRetried(Answer, frozen=True):
    """Where the bytes of a dead letter stand now."""

    number: int
    topic: str
    position: Token


class DeadLetters(Answer, frozen=True):
    """The newest dead letters, and how many there are."""

    items: list[DeadLetterShown]
    total: int
