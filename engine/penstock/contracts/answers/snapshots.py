"""The forms of answers about snapshots of stores."""

from __future__ import annotations

from penstock.contracts.answers.common import Answer, Time


class SnapshotKept(Answer, frozen=True):
    """A snapshot of a partition: all that the log has before `next_offset` is folded in it."""

    partition: int
    next_offset: int
    taken_at: Time
    files: int
    size_bytes: int


class SnapshotsAsked(Answer, frozen=True):
    """How far the newest snapshot of each partition will have come, by its number."""

    until: dict[str, int]
