"""The log port: what the engine, the gateway and the workers ask of a log.

Its adapters pass one contract suite, tests/contract. The processor uses an `EngineLog`, others use
a `Producer` (append and be told) and a `Consumer` (read as a member of a group).

Rules
- Offsets are positions, never counts: they may have holes.
- `timestamp_ms` of a record of `commands` is when the log took it (LogAppendTime).
- Errors of a log are `LogUnavailable` (try again), `Fenced` (not ours any more) or `LogFatal`
  (stop); they are never taken for a defect of the fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

from msgspec import Struct

from penstock.contracts.topics import TopicSettings
from penstock.log.readers import Reading

Headers = Mapping[str, bytes]


class Record(Struct, frozen=True):
    """One record as the log keeps it."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Message(Struct, frozen=True):
    """One record to append. Without a partition the key decides (murmur2, as Java's clients do)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = {}
    partition: int | None = None


OFFSET_UNKNOWN: Final = -1


class Position(Struct, frozen=True, order=True):
    """Where a record stands; `str()` of it is the token that clients pass back as `at_least`. Of
    what was appended the offset may be OFFSET_UNKNOWN: the log has it, and does not say where.
    """

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class Mark(Struct, frozen=True):
    """A committed group position (what to read next) and the text committed with it."""

    next_offset: int
    metadata: str = ""


class Refused(Struct, frozen=True):
    """A message that the log refuses for a reason of its own, however often it is sent (R7)."""

    message: Message
    code: str  # TOO_LARGE, NO_TOPIC, DENIED, or INVALID: the log finds fault with what is in it
    reason: str


class Assigned(Struct, frozen=True):
    """Who has the partitions of `commands`, as told a moment ago: where the owner of each listens,
    and where all who take part do. A partition that nobody has is not there. `fold_version` is the
    highest that all of them are ready for (R9), if that is known.
    """

    urls: Mapping[int, str] = {}
    members: frozenset[str] = frozenset()
    fold_version: int | None = None


class Backlog(Struct, frozen=True):
    """What of a topic a group has not done yet: how many records (offsets, in truth, which may have
    holes), and when the log took the oldest of the partition that has most of them. `heads` has the
    oldest of each partition, or None if nothing waits there; it is there if it was asked for. A
    group whose mark lies beyond the end of a partition has it of another topic of that name: of
    such a partition the oldest is NOT_KNOWN.
    """

    records: int
    oldest_ms: int | None = None
    heads: Mapping[int, Record | None] = {}


NOT_KNOWN: Final = Record("", 0, 0, 0, None, None, {})
"""Stands for a record of which nothing is known, not even whether there is one."""


class Survey(Struct, frozen=True):
    """What was found of a log's settings: `wrong` forbids a start, `doubtful` is told."""

    wrong: list[str] = []
    doubtful: list[str] = []


class LogError(Exception):
    """Base of the errors below."""


class LogUnavailable(LogError):
    """Nothing is known to be lost; the same call may go through later."""


class Fenced(LogError):
    """The partition has another owner now."""


class LogFatal(LogError):
    """This client cannot go on; the process should end with the message."""


class AppendRefused(LogError):
    """One append was refused for good; `refused` says why."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.reason}")
        self.refused = refused


class Gone(LogError):
    """What was to be read next is not in the log: it begins after it now, or ends before it."""

    def __init__(self, partition: int, message: str) -> None:
        super().__init__(message)
        self.partition = partition


OnAck = Callable[[Position | LogError], None]


class Producer(Protocol):
    """Appends records; may be called from any thread."""

    def append(self, message: Message, on_ack: OnAck | None = None) -> None:
        """Hand one message over and return. `on_ack` is called once, from any thread, with the
        position or an error.

        Raises LogUnavailable when the local queue is full.
        """
        ...

    def append_and_wait(self, message: Message, timeout_s: float = 30.0) -> Position:
        """Append one message and wait for the log's acknowledgement; raises a LogError."""
        ...

    def flush(self, timeout_s: float = 30.0) -> None:
        """Send what is queued at once and wait until it is acknowledged; raises LogUnavailable at
        the deadline.
        """
        ...

    def close(self) -> None:
        """Flush what can be flushed and let go of all resources. May be called twice."""
        ...


class Consumer(Protocol):
    """Reads one topic as a member of a group. Used from one thread."""

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """Up to `records_max` records; returns as soon as there is at least one, or empty at the
        time-out.
        """
        ...

    def attend(self) -> int:
        """Take part in the group, but take no records: a member that does neither for long holds up
        who joins. How many partitions it has.
        """
        ...

    def commit(self, partition: int, next_offset: int) -> None:
        """Say that all before `next_offset` is done with. Asynchronous; a lost commit only repeats
        records.
        """
        ...

    def close(self) -> None:
        """Leave the group at once, with all commits sent."""
        ...


class Ownership(Protocol):
    """Told by `EngineLog.poll`, in its thread, when partitions come and go."""

    def assigned(self, partitions: Sequence[int]) -> None:
        """These are ours; reading starts once `read_from` was called for each."""
        ...

    def revoked(self, partitions: Sequence[int]) -> None:
        """These go to another owner when this returns; commits still count."""
        ...

    def lost(self, partitions: Sequence[int]) -> None:
        """These are another owner's already; nothing may be committed."""
        ...


class Owners(Protocol):
    """Knows who has which partitions. Any thread may ask."""

    def ask(self) -> Assigned:
        """Who has what now; raises a LogError."""
        ...


@runtime_checkable
class Member(Protocol):
    """A log of several nodes: who leaves has the others take over at once."""

    def leave(self) -> None:
        """Own nothing any more, from now on; appending goes on. May be called twice."""
        ...


@runtime_checkable
class Truncating(Protocol):
    """A log that can let go of its beginning; not every one can."""

    def truncate(self, partition: int, before: int) -> None:
        """Delete the records of `commands` before an offset. Any thread may call. Raises a
        LogError.
        """
        ...


@runtime_checkable
class Joined(Protocol):
    """A log whose topics others than this process read, as members of groups."""

    def workers(self, group: str) -> list[Reading]:
        """The members of a group, but for those that an engine's own `consumer` made. Any thread
        may ask. Raises a LogError.
        """
        ...


class Follower(Protocol):
    """Reads partitions of `commands` beside their owners, who notice nothing of it. Used from one
    thread.
    """

    def follow(self, partition: int, next_offset: int) -> None:
        """Read a partition from this offset on, or again from there."""
        ...

    def leave(self, partition: int) -> None:
        """Read it no more; nothing if it was not read."""
        ...

    def poll(self, records_max: int) -> list[Record]:
        """What has come, each partition's in order; does not wait. Raises Gone, once, if a
        partition can not be read from where it was asked for, and reads it no more.
        """
        ...

    def marks(self, partitions: Sequence[int]) -> dict[int, Mark]:
        """The group's marks as they are now, of those that have one."""
        ...

    def close(self) -> None:
        """Let go of all. May be called twice."""
        ...


@runtime_checkable
class Followed(Protocol):
    """A log whose partitions may be read by others than their owners."""

    def follower(self) -> Follower:
        """A new reader."""
        ...


class EngineLog(Producer, Protocol):
    """The log as the processor sees it: the input topic `commands`, and everything it writes."""

    partitions: int  # of the commands topic, fixed when the cluster is made

    @property
    def topic_id(self) -> str:
        """The identity of the commands topic: another one if it is deleted and made again.

        The topic must exist by then; LogFatal names what is wrong with it.
        """
        ...

    def subscribe(self, ownership: Ownership) -> None:
        """Ask for partitions of the commands topic; `ownership` is told by later polls."""
        ...

    def read_from(self, partition: int, next_offset: int) -> None:
        """Start (or start again) reading an owned partition at this offset.

        May be called from within `Ownership.assigned`. Raises Fenced if the partition is not owned;
        an offset outside `bounds` is Gone, here or in a later poll.
        """
        ...

    def poll(self, records_max: int, timeout_s: float) -> list[Record]:
        """Records of owned partitions, each partition's in order; waits only while there is none.

        Never returns a record of a partition that is not owned, or below what `read_from` asked
        for. Raises Gone, once, if a partition has not what was to be read next; then nothing more
        comes of it before another `read_from`.
        """
        ...

    def deliver(
        self, messages: Sequence[Message], sent: Callable[[], None] | None = None
    ) -> list[Refused]:
        """Send all, in order per partition, and wait until each is acknowledged or refused for
        good.

        One refused message does not take others with it: what failed in a batch is sent again alone
        first. Raises LogUnavailable if that cannot be known; then all of it has to be delivered
        again by the caller (who folds the batch again), and nothing of this call arrives late: the
        producer was destroyed. Topics of tasks that do not exist are made first; NO_TOPIC is for
        those that cannot be. `sent` is called when all are handed over and before their
        acknowledgements are waited for.
        """
        ...

    def committed(self, partition: int) -> Mark | None:
        """The group's mark, or None if there never was one."""
        ...

    def commit(self, partition: int, mark: Mark) -> None:
        """Commit and wait for the answer. Raises Fenced when the partition is not ours any more."""
        ...

    def ensure_marks(self, first: Mark) -> None:
        """Give the mark `first` to every partition that has none and was never read: to one that
        is empty, and to all of a topic that this log has made itself (R14).

        Called at the start, after `ensure_topics` and before anything is appended. Nodes that start
        together may all do so. A mark that is there stays as it is.
        """
        ...

    def bounds(self, partition: int, timeout_s: float = 15.0) -> tuple[int, int]:
        """(first offset that is still there, offset that the next record will get). Any thread may
        ask.
        """
        ...

    def read_at(self, partition: int, offset: int) -> Record | None:
        """The first record of a partition, owned or not, at or after `offset`; None at the end."""
        ...

    def read_some(self, partition: int, offsets: Sequence[int]) -> list[Record]:
        """The records of `commands` at these rising offsets, of a partition that need not be owned;
        those that are not there are left out.
        """
        ...

    def read_all(
        self, topic: str, partition: int = 0, since: int = 0, at_most: int | None = None
    ) -> list[Record]:
        """Records from an offset up to the end as of this call: all, or the first so many."""
        ...

    def ensure_topics(self, topics: Sequence[TopicSettings]) -> None:
        """Make the topics that do not exist. Raises LogFatal naming a topic that exists with other
        settings.
        """
        ...

    def consumer(self, topic: str, group: str) -> Consumer:
        """A member of `group` on `topic`, from the oldest record on when the group has no mark."""
        ...

    def survey(self, topics: Sequence[TopicSettings]) -> Survey:
        """Look at how topics that exist are kept: what could lose or refuse records."""
        ...

    def backlog(self, topic: str, group: str, *, heads: bool = False) -> Backlog:
        """What waits for a group; nothing if there is no such topic. Any thread may ask."""
        ...

    def reach(self, timeout_s: float) -> None:
        """Return if the log answers; raise LogUnavailable otherwise (readiness)."""
        ...
