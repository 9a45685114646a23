"""A turn: the fold of one record. Handlers read and write rows, emit outputs and set timers through
it.

Rule: what a turn does after a savepoint can be undone as a whole; R5's bookkeeping happens outside
of savepoints.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from penstock.core.limits import (
    EXPRESSION_STEPS_PER_NODE,
    NODES_PER_TURN_MAX,
    OUTPUT_BYTES_PER_TURN_MAX,
    VALUE_PARTS_PER_NODE,
)
from penstock.core.state.correlation_rows import MarkerNews
from penstock.core.state.outputs import CommandOutput, Event, EventOutput, Output
from penstock.core.state.partition_state import OutChannel, PartitionState, Shard
from penstock.core.state.place_rows import PlaceNews
from penstock.core.state.rows import Rows, copy_of
from penstock.core.state.start_rows import RunEnd

COMMAND_PART: Final = "command"
FIRST_STAMP: Final = ""


def _nobody(_part: str) -> None:
    """Who watches a turn that nobody does."""


class TurnSavepoint(Struct, frozen=True):
    """Where to roll back to."""

    rows: int
    outputs: int
    state: PartitionState


class Turn:
    """What one record does to its partition."""

    __slots__ = (
        "agenda",
        "at_ms",
        "audited",
        "bulk_id",
        "claims",
        "command_id",
        "crowded",
        "ends",
        "key",
        "late",
        "news",
        "nodes_left",
        "offset",
        "output_bytes",
        "outputs",
        "own_commands",
        "part",
        "parts_seen",
        "principal",
        "repeated",
        "rows",
        "shard",
        "state",
        "steps_taken",
        "tenant",
        "timer_ends",
        "unaudited",
        "watch",
    )

    def __init__(self, rows: Rows, shard: Shard, offset: int, state: PartitionState) -> None:
        self.agenda: dict[tuple[str, int], None] = {}
        self.rows = rows
        self.shard = shard
        self.offset = offset
        self.state = state
        self.at_ms = state.append_ms
        self.audited = 0
        self.bulk_id: str | None = None  # the job that has a verb done to one of many runs
        self.key = ""
        self.command_id: str | None = None
        self.crowded = False  # what its timers had to do did not all fit in
        self.late: list[tuple[str, int]] = []  # kinds of timers, and how late: only for counting
        self.timer_ends: list[int] = []  # savepoints, one behind each timer that was fired
        self.output_bytes = 0
        self.repeated = False
        self.unaudited: tuple[str, ...] = ()
        self.tenant = ""
        self.principal = ""
        self.outputs: list[Output] = []
        self.own_commands: list[object] = []
        self.news: list[MarkerNews] = []
        self.claims: list[PlaceNews] = []
        self.ends: list[RunEnd] = []
        self.nodes_left = NODES_PER_TURN_MAX
        self.steps_taken = 0  # for which no node has been paid yet
        self.parts_seen = 0
        self.part = COMMAND_PART
        self.watch: Callable[[str], None] = _nobody  # told of each part; nothing comes of it here

    def take_up(self, part: str) -> None:
        """Another part is at work (R6); whoever folds is told before it begins."""
        self.part = part
        self.watch(part)

    def savepoint(self) -> TurnSavepoint:
        """A point to roll back to; the partition's state, which is written when the turn is over,
        is rolled back too.
        """
        return TurnSavepoint(self.rows.savepoint(), len(self.outputs), copy_of(self.state))

    def rollback(self, savepoint: TurnSavepoint) -> None:
        """Undo rows, outputs and timers since the savepoint."""
        self.rows.rollback(savepoint.rows)
        del self.outputs[savepoint.outputs :]
        self.agenda.clear()
        self.own_commands.clear()
        self.news.clear()
        self.claims.clear()
        self.ends.clear()
        self.state = copy_of(savepoint.state)

    def refill(self) -> None:
        """The command has a budget of its own, whatever the timers before it have spent (R3)."""
        self.nodes_left = NODES_PER_TURN_MAX
        self.output_bytes = 0
        self.repeated = False
        self.unaudited = ()

    def pay(self, steps: int, parts: int) -> None:
        """Evaluating, and looking at values part by part, is paid for like visits of nodes (R3)."""
        by_steps, self.steps_taken = divmod(self.steps_taken + steps, EXPRESSION_STEPS_PER_NODE)
        by_parts, self.parts_seen = divmod(self.parts_seen + parts, VALUE_PARTS_PER_NODE)
        self.nodes_left -= min(self.nodes_left, by_steps + by_parts)

    def is_full(self) -> bool:
        """Whether the turn has asked for as much to be sent as it may (R3)."""
        return self.output_bytes >= OUTPUT_BYTES_PER_TURN_MAX

    def tell(self, key: str, event: Event) -> None:
        """Emit an event for the outside."""
        self.outputs.append(EventOutput(self.tenant, key, event))

    def send(self, target: int, command: object) -> None:
        """Send a command to a partition, behind all that was sent there before (R4). What it sends
        to itself is done before the turn ends.
        """
        if target == self.shard.partition:
            self.own_commands.append(command)
            return
        channel = self.rows.get(OutChannel, target) or OutChannel(target, FIRST_STAMP)
        self.outputs.append(CommandOutput(self.tenant, target, channel.last, command))
        channel.last = stamp_of(self.offset, len(self.outputs) - 1)
        self.rows.put(channel)


def stamp_of(offset: int, index: int) -> str:
    """What orders the outputs of a partition: the position of the record, and which of its outputs
    it was.
    """
    return f"{offset}:{index}"


def stamp_order(stamp: str) -> tuple[int, int]:
    """A stamp as something to compare; the first stamp of all is below every other."""
    if stamp == FIRST_STAMP:
        return (-1, -1)
    offset, _, index = stamp.partition(":")
    return (int(offset), int(index))
