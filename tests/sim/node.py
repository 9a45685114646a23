"""A process of the engine in the simulator: the real Processor over a NodeLog, with stores that may
die at their writes. A crash throws away all but the stores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from penstock.contracts.avro import Avro
from penstock.log.port import LogUnavailable
from penstock.processor.preflight import preflight
from penstock.processor.processor import Processor
from penstock.processor.recovery import Opener
from penstock.store.memory import MemoryStore
from penstock.store.rowstore import RowStore
from tests.sim import liveness
from tests.sim.broker import Broker, Chance, Crash
from tests.sim.node_log import NodeLog
from tests.sim.tables import Tables


class Broken(Exception):
    """An invariant does not hold."""


class SimStore(MemoryStore):
    """A store whose process may die just before or just after a write; each write is looked at."""

    def __init__(self, chance: Chance, where: str) -> None:
        super().__init__()
        self.tables = Tables()
        self._chance = chance
        self._where = where

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Write, and look whether every run that was touched can still go on."""
        self._chance.crash("before write")
        super().write(changes)
        for key in sorted(self.tables.apply(changes)):
            found = liveness.problems_in(self.tables, key)
            if found:
                raise Broken(f"{self._where}: {found}")
        self._chance.crash("after write")


class SimStores:
    """The disk of a node."""

    def __init__(self, name: str, chance: Chance) -> None:
        self.name = name
        self.by_partition: dict[int, SimStore] = {}
        self._chance = chance

    def open(self, partition: int) -> SimStore:
        """The store, new if it is not there."""
        known = self.by_partition.get(partition)
        if known is None:
            known = SimStore(self._chance, f"{self.name}, partition {partition}")
            self.by_partition[partition] = known
        return known

    def set_aside(self, partition: int, why: str) -> None:
        """No store of the simulator is ever unsound."""
        raise Broken(f"{self.name}: the store of partition {partition} is taken for {why}")


class Node:
    """A node: its disk outlives its processes."""

    def __init__(self, name: str, broker: Broker, avro: Avro, say: Callable[[str], None]) -> None:
        self.name = name
        self.broker = broker
        self.avro = avro
        self.say = say
        self.down_until = 0
        self.stores = SimStores(name, broker.chance)
        self.log: NodeLog
        self.processor: Processor
        self.start()

    def start(self) -> None:
        """A new process, or several: one may die at the first thing that it does."""
        while not self._prepared():
            self.say(f"{self.name} dies before it takes part")
        opener = Opener(
            log=self.log,
            avro=self.avro,
            topics=self.broker.topics,
            stores=self.stores,
            lock_wait_s=0.0,
            adopt_log=False,
        )
        self.processor = Processor(
            log=self.log, avro=self.avro, topics=self.broker.topics, opener=opener
        )
        self.processor.subscribe()

    def _prepared(self) -> bool:
        self.log = NodeLog(self.name, self.broker)
        try:
            preflight(self.log, self.broker.topics)
        except (Crash, LogUnavailable):
            self.log.alive = False
        return self.log.alive

    def step(self) -> None:
        """One round, unless it is down; it may be the last of this process."""
        if self.broker.step < self.down_until:
            return
        if not self.log.alive:
            self.start()
        try:
            self.processor.step()
        except Crash as crash:
            self.say(f"{self.name} dies {crash}")
            self.die()
        if self.processor.stopped:
            raise Broken(f"{self.name} has stopped: {self.processor.stopped}")

    def die(self) -> None:
        """The process is gone; the next one comes some steps later."""
        self.log.alive = False
        self.down_until = self.broker.step + self.broker.chance.random.randint(1, 15)

    def lose_disk(self) -> None:
        """The process dies, and its stores with it."""
        self.die()
        self.stores.by_partition.clear()

    def views(self) -> list[tuple[int, RowStore]]:
        """The stores of this node, whoever owns their partitions now."""
        return [
            (number, RowStore(store)) for number, store in sorted(self.stores.by_partition.items())
        ]
