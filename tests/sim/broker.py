"""A hostile broker: the log of the simulator. Sends fail and land all the same, or later; marks are
lost; two nodes hold one partition at once; time steps in both directions.

`Broker` is what there is once; each process of the engine has a `NodeLog` of its own
(node_log.py).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.contracts.topics import Topics, TopicSettings
from penstock.core.ids import partition_of
from penstock.log.port import Mark, Message, Position, Record

if TYPE_CHECKING:
    from tests.sim.node_log import NodeLog

ZOMBIE_STEPS_MAX = 25
LATE_STEPS_MAX = 30


class Crash(BaseException):
    """The process dies here. Not an Exception: nothing may catch it."""


class Chance:
    """What goes wrong, and when. Everything comes from one seed; `calm` ends all faults."""

    def __init__(self, random_: random.Random) -> None:
        self.random = random_
        self.calm = False
        self.crashes: dict[str, int] = {}

    def hits(self, probability: float) -> bool:
        """Whether a fault of this probability happens."""
        return not self.calm and self.random.random() < probability

    def crash(self, where: str, probability: float = 0.012) -> None:
        """An effect boundary: the process may die."""
        if self.hits(probability):
            self.crashes[where] = self.crashes.get(where, 0) + 1
            raise Crash(where)


@dataclass(slots=True)
class Notice:
    """What a node will be told about a partition, from a step on."""

    kind: str
    partition: int
    from_step: int
    generation: int
    to: NodeLog | None = None


class Broker:
    """Topics, owners and marks."""

    def __init__(self, topics: Topics, chance: Chance, clock_ms: Callable[[], int]) -> None:
        self.topics = topics
        self.chance = chance
        self.clock_ms = clock_ms
        self.step = 0
        self.task_topics_denied = False
        self.records: dict[str, list[list[Record]]] = {}
        self.marks: dict[int, Mark] = {}
        self.owners: dict[int, tuple[NodeLog, int]] = {}
        self._generation = 0
        self._late: list[tuple[int, int, Message]] = []
        self._order = 0
        for settings in topics.fixed():
            self.make(settings)

    def make(self, settings: TopicSettings) -> None:
        """Make a topic that is not there."""
        self.records.setdefault(settings.name, [[] for _ in range(settings.partitions)])

    def end(self, partition: int) -> int:
        """Where the commands of a partition end."""
        return len(self.records[self.topics.commands][partition])

    def land(self, message: Message) -> Position:
        """The log takes a record."""
        partitions = self.records[message.topic]
        number = message.partition
        if number is None:
            number = partition_of(message.key or b"", len(partitions))
        records = partitions[number]
        offset = len(records)
        records.append(
            Record(
                message.topic,
                number,
                offset,
                self.clock_ms(),
                message.key,
                message.value,
                dict(message.headers),
            )
        )
        return Position(number, offset)

    def land_later(self, messages: Sequence[Message]) -> None:
        """They are on their way, and keep their order among themselves."""
        due = self.step + self.chance.random.randint(1, LATE_STEPS_MAX)
        for message in messages:
            self._late.append((due, self._order, message))
            self._order += 1

    def land_due(self) -> None:
        """What was on its way arrives; all of it once it is calm."""
        due = [late for late in self._late if self.chance.calm or late[0] <= self.step]
        self._late = [late for late in self._late if late not in due]
        for _, _, message in sorted(due, key=lambda late: late[:2]):
            self.land(message)

    # Owners.

    def assign(self, partition: int, to: NodeLog, *, rude: bool) -> None:
        """Give a partition to a node: its owner hands it over, or learns of it too late."""
        owner = self.owners.get(partition)
        if owner is not None and owner[0] is to and to.alive:
            return
        if owner is None or rude or not owner[0].alive:
            if owner is not None:
                delay = self.chance.random.randint(0, ZOMBIE_STEPS_MAX)
                late = 0 if self.chance.calm else self.step + delay
                owner[0].notices.append(Notice("lost", partition, late, owner[1]))
            self.give(partition, to)
        else:
            owner[0].notices.append(Notice("revoked", partition, 0, owner[1], to))

    def give(self, partition: int, to: NodeLog) -> None:
        """It is this node's from now on."""
        self._generation += 1
        self.owners[partition] = (to, self._generation)
        to.notices.append(Notice("assigned", partition, 0, self._generation))

    def is_owner(self, node: NodeLog, partition: int, generation: int | None) -> bool:
        """Whether a commit of this node counts."""
        return self.owners.get(partition) == (node, generation)
