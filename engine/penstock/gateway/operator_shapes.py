"""The forms of answers about the engine itself, as its operators see it. Tests hold every answer
against them.
"""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from penstock.core.state.breaker_rows import BreakerStatus
from penstock.gateway.says import Token
from penstock.gateway.shapes import Time
from penstock.processor.doctor import Finding
from penstock.processor.verify import Verified

Base64 = Annotated[str, Meta(extra_json_schema={"contentEncoding": "base64"})]


class BreakerShown(TypedDict):
    """The breaker of a TaskDef on one partition."""

    partition: int
    status: BreakerStatus
    ends: int
    failed: int
    held: int
    changed_at: Time | None


class SnapshotShown(TypedDict):
    """The newest snapshot of a partition."""

    next_offset: int
    age_s: float | None


class StandbyShown(TypedDict):
    """A partition that this node folds beside its owner, and how far it has come: `behind` in
    records of the log. A status other than RUNNING says why it does not.
    """

    partition: int
    status: str
    message: str | None
    next_offset: int | None
    behind: int | None


class PartitionShown(TypedDict):
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
    snapshot: NotRequired[SnapshotShown]


class ClusterShown(TypedDict):
    """The engine, its nodes and its partitions."""

    cluster: str
    topic_id: str
    commands_in_flight: int
    nodes: list[str]
    partitions: list[PartitionShown]
    standing_by: list[StandbyShown]


class DeadLetterShown(TypedDict):
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
    key: Base64
    value: Base64
    value_bytes: int
    why: str
    mend: str
    retried: bool
    retry: str


class BytesRead(TypedDict):
    """The bytes of a dead letter, read as far as can be."""

    key: str
    text: str
    record: dict[str, Any] | None
    problem: str | None


class DeadLetterRead(DeadLetterShown):
    """A dead letter with its bytes read as far as can be."""

    stamp: str
    read: BytesRead


class DeadLetterRetried(TypedDict):
    """Where the bytes of a dead letter stand now."""

    number: int
    topic: str
    position: Token


class DeadLetters(TypedDict):
    """The newest dead letters, and how many there are."""

    items: list[DeadLetterShown]
    total: int


class VerifiedAll(TypedDict):
    """What came of the comparison; and why partitions are stopped."""

    items: list[Verified]
    stopped: dict[str, str]


class _Health(TypedDict):
    status: str


class Health(_Health, total=False):
    """Whether it is well, and if not, why."""

    reasons: list[str]


class Examined(TypedDict):
    """All that was looked at, and how much of it is wrong."""

    items: list[Finding]
    wrong: int
