"""The forms of answers about the engine itself, as its operators see it. Tests hold every answer
against them.
"""

from __future__ import annotations

from penstock.contracts.answers.common import Answer, Time, Token
from penstock.core.state.breaker_rows import BreakerStatus
from penstock.processor.doctor import Finding
from penstock.processor.verify import Verified


class BreakerShown(Answer, frozen=True):
    """The breaker of a TaskDef on one partition."""

    partition: int
    status: BreakerStatus
    ends: int
    failed: int
    held: int
    changed_at: Time | None


class SnapshotShown(Answer, frozen=True):
    """The newest snapshot of a partition."""

    next_offset: int
    age_s: float | None


class StandbyShown(Answer, frozen=True):
    """A partition that this node folds beside its owner, and how far it has come: `behind` in
    records of the log. A status other than RUNNING says why it does not.
    """

    partition: int
    status: str
    message: str | None
    next_offset: int | None
    behind: int | None


class PartitionShown(Answer, frozen=True):
    """A partition: how far it has come, whether it goes on, and where its owner listens."""

    partition: int
    status: str
    message: str | None
    next_offset: int | None
    position: Token | None
    log_begin: int | None
    log_end: int | None
    owner: str | None
    standbys: list[str]
    snapshot: SnapshotShown | None = None


class ClusterShown(Answer, frozen=True):
    """The engine, its nodes and its partitions."""

    cluster: str
    topic_id: str
    commands_in_flight: int
    nodes: list[str]
    partitions: list[PartitionShown]
    standing_by: list[StandbyShown]


class VerifiedAll(Answer, frozen=True):
    """What came of the comparison; and why partitions are stopped."""

    items: list[Verified]
    stopped: dict[str, str]


class Health(Answer, frozen=True):
    """Whether it is well, and if not, why."""

    status: str
    reasons: list[str] = []


class Examined(Answer, frozen=True):
    """All that was looked at, and how much of it is wrong."""

    items: list[Finding]
    wrong: int
