"""What an owner appends by itself, beside what the fold puts out: Ticks when something is due (R2),
answers to what the fold asks (R8), word of topics that are there now (R7), of tasks that were lost
on their way to workers (R19), and a Barrier once every node knows a later fold version (R9).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.contracts.topics import Topics
from penstock.contracts.wire import TENANT_DEFAULT
from penstock.core.commands.tick import Tick
from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.log.port import EngineLog
from penstock.processor.cron_asks import CronAnswerer
from penstock.processor.delivery import Courier
from penstock.processor.held_tasks import HeldTasks
from penstock.processor.lost_tasks import LostTasks
from penstock.processor.partition import Partition
from penstock.processor.raising import Raiser
from penstock.processor.ticker import Ticker


class Errands:
    """Done between batches, for all partitions that are open."""

    def __init__(self, log: EngineLog, topics: Topics, courier: Courier, raiser: Raiser) -> None:
        self.ticker = Ticker()
        self.cron = CronAnswerer()
        self.held_tasks = HeldTasks(log, topics, courier)
        self.lost_tasks = LostTasks(log, topics, courier)
        self._raiser = raiser
        self._log = log
        self._courier = courier

    def run(self, partitions: Mapping[int, Partition]) -> None:
        """Append what is wanted now."""
        for number, partition in partitions.items():
            if self.ticker.due_in_s(number, partition.state) == 0:
                self._log.append(self._courier.command(number, Tick(), tenant=TENANT_DEFAULT))
                self.ticker.sent(number)
        for message in self.held_tasks.ready(partitions.items()):
            self._log.append(message)
        for message in self.lost_tasks.passed(partitions):
            self._log.append(message)
        for number, partition in partitions.items():
            for answer in self.cron.answers(partition):
                command = self._courier.command(number, answer.command, tenant=answer.tenant)
                self._log.append(command)
        barrier = self._raiser.barrier(partitions)
        if barrier is not None:
            tenant = TENANT_DEFAULT
            self._log.append(self._courier.command(DECIDING_PARTITION, barrier, tenant=tenant))

    def waits_s(self, partitions: Mapping[int, Partition]) -> Iterable[float]:
        """How long until each partition wants a Tick."""
        for number, partition in partitions.items():
            due_s = self.ticker.due_in_s(number, partition.state)
            if due_s is not None:
                yield due_s

    def forget(self, number: int) -> None:
        """The partition is not ours any more."""
        self.ticker.forget(number)
        self.cron.forget(number)
        self.lost_tasks.forget(number)

    def close(self) -> None:
        """Nothing is appended any more."""
        self.lost_tasks.close()
        self._raiser.close()
