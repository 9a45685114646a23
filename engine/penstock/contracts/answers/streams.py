"""The data of server-sent events."""

from __future__ import annotations

from penstock.contracts.answers.common import Answer, Token


class Changed(Answer, frozen=True):
    """Up to where partitions have come; what has changed is to be read."""

    positions: list[Token]


class Begun(Answer, frozen=True):
    """What is told from now on is newer than these positions, so than a search that is made now."""

    positions: list[Token]


class LeftSearch(Answer, frozen=True):
    """A run that the search does not find any more."""

    wf_run_id: str


class MissingPartition(Answer, frozen=True):
    """A partition of which nothing is told just now, and why: `code` is stable."""

    partition: int
    code: str
    message: str


class MissingPartitions(Answer, frozen=True):
    """All of which a stream tells nothing just now; none, once it tells of all again."""

    partitions: list[MissingPartition]


class AllTold(Answer, frozen=True):
    """There is nothing more to come."""


class StreamEnded(Answer, frozen=True):
    """Why a stream may not go on: `status` is what a request would be refused with."""

    code: str
    message: str
    status: int
