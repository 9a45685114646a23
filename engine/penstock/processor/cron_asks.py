"""The owner's side of a schedule's questions (R8): every open CronAsk is answered by a command,
level-triggered. An answer that got lost on its way is given again after a while.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from penstock.core.commands.cron_answer import CronAnswer
from penstock.core.rows import Rows
from penstock.core.schedules import CronAsk
from penstock.processor.cron import CannotSay, next_times
from penstock.processor.partition import Partition

AGAIN_S: Final = 5.0
ANSWERS_PER_LOOK_MAX: Final = 100


class TenantAnswer(Struct, frozen=True):
    """An answer, and the tenant whose schedule asked."""

    tenant: str
    command: CronAnswer


class CronAnswerer:
    """Says what is to be answered; remembers for a while what it has said."""

    def __init__(self) -> None:
        self._said: dict[int, dict[tuple[str, str, int], float]] = {}
        self._looked: dict[int, tuple[int, float]] = {}

    def answers(self, partition: Partition) -> Iterator[TenantAnswer]:
        """Answers to questions that are open and were not answered a moment ago."""
        number = partition.shard.partition
        if partition.state.open_asks == 0:
            self.forget(number)
            return
        now_s = time.monotonic()
        looked_at, looked_s = self._looked.get(number, (-1, 0.0))
        if looked_at == partition.next_offset and now_s < looked_s + AGAIN_S:
            return
        self._looked[number] = (partition.next_offset, now_s)
        yield from self._open(partition, now_s)

    def forget(self, number: int) -> None:
        """The partition is not ours any more, or asks nothing."""
        self._said.pop(number, None)
        self._looked.pop(number, None)

    def _open(self, partition: Partition, now_s: float) -> Iterator[TenantAnswer]:
        before = self._said.get(partition.shard.partition, {})
        said: dict[tuple[str, str, int], float] = {}
        self._said[partition.shard.partition] = said
        answered = 0
        for ask in Rows(partition.store).scan(CronAsk):
            key = (ask.tenant, ask.schedule_id, ask.number)
            said_s = before.get(key)
            if said_s is not None and now_s < said_s + AGAIN_S:
                said[key] = said_s
            elif answered < ANSWERS_PER_LOOK_MAX:
                answered += 1
                said[key] = now_s
                yield TenantAnswer(ask.tenant, _answer(ask))


def _answer(ask: CronAsk) -> CronAnswer:
    try:
        due_ms = next_times(ask.cron, ask.time_zone, ask.after_ms)
    except CannotSay as cannot:
        return CronAnswer(schedule_id=ask.schedule_id, ask=ask.number, problem=str(cannot))
    return CronAnswer(schedule_id=ask.schedule_id, ask=ask.number, due_ms=due_ms)
