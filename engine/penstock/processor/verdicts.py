"""The verdicts on partitions (R6): read before a record is folded, so that every fold undoes the
same parts.
"""

from __future__ import annotations

from penstock.contracts.avro import Avro, Malformed
from penstock.contracts.records import Verdict
from penstock.contracts.topics import Topics
from penstock.log.port import EngineLog

Rulings = dict[int, set[str]]
"""The parts that were ruled on, by offset."""


class Verdicts:
    """All verdicts that were read; `read` goes on where the last one has ended."""

    def __init__(self, log: EngineLog, avro: Avro, topics: Topics) -> None:
        self._log = log
        self._avro = avro
        self._topic = topics.verdicts
        self._next_offset = 0
        self._by_partition: dict[int, Rulings] = {}

    def read(self) -> None:
        """Read to the end of the topic as of now."""
        for record in self._log.read_all(self._topic, since=self._next_offset):
            self._next_offset = record.offset + 1
            try:
                verdict, _ = self._avro.decode(record.value or b"")
            except Malformed:
                continue
            if isinstance(verdict, Verdict):
                rulings = self._by_partition.setdefault(verdict.partition, {})
                rulings.setdefault(verdict.offset, set()).add(verdict.part)

    def on(self, number: int) -> Rulings:
        """Those on a partition."""
        return self._by_partition.setdefault(number, {})


def read_rulings(log: EngineLog, avro: Avro, topics: Topics, number: int) -> Rulings:
    """All verdicts on a partition, by offset."""
    verdicts = Verdicts(log, avro, topics)
    verdicts.read()
    return verdicts.on(number)
