"""The owner's side of a schedule's questions (R8): every open CronAsk is answered by a command,
level-triggered. An answer that got lost on its way is given again after a while, and then less and
less often: on a partition that is far behind it may only be waiting for its turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from penstock.core.commands.cron_answer import CronAnswer
from penstock.core.schedules.schedules import CronAsk
from penstock.core.state.rows import Rows
from penstock.processor.cron import CannotSay, next_times
from penstock.processor.partition import Partition

AGAIN_S: Final = 5.0
AGAIN_S_MAX: Final = 600.0
ANSWERS_PER_LOOK_MAX: Final = 100


class TenantAnswer(Struct, frozen=True):
    """An answer, and the tenant whose schedule asked."""

    tenant: str
    command: CronAnswer


class _Said(Struct, frozen=True):
    """When a question was answered, and how long that may take to be seen."""

    at_s: float
    wait_s: float


Question = tuple[str, str, int]  # tenant, schedule, number


class CronAnswerer:
    """Says what is to be answered; remembers for a while what it has said."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._said: dict[int, dict[Question, _Said]] = {}
        self._looked: dict[int, tuple[int, float]] = {}

    def answers(self, partition: Partition) -> Iterator[TenantAnswer]:
        """Answers to questions that are open and were not answered a moment ago."""
        number = partition.shard.partition
        if partition.state.open_asks == 0:
            self.forget(number)
            return
        now_s = self._clock_s()
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
        said: dict[Question, _Said] = {}
        self._said[partition.shard.partition] = said
        answered = 0
        for ask in Rows(partition.store).scan(CronAsk):
            key = (ask.tenant, ask.schedule_id, ask.number)
            last = before.get(key)
            waits = last is not None and now_s < last.at_s + last.wait_s
            if last is not None and (waits or answered == ANSWERS_PER_LOOK_MAX):
                said[key] = last
            elif answered < ANSWERS_PER_LOOK_MAX:
                answered += 1
                said[key] = _Said(now_s, AGAIN_S if last is None else _longer(last.wait_s))
                yield TenantAnswer(ask.tenant, _answer(ask))


def _longer(wait_s: float) -> float:
    return min(2 * wait_s, AGAIN_S_MAX)


def _answer(ask: CronAsk) -> CronAnswer:
    try:
        due_ms = next_times(ask.cron, ask.time_zone, ask.after_ms)
    except CannotSay as cannot:
        return CronAnswer(schedule_id=ask.schedule_id, ask=ask.number, problem=str(cannot))
    return CronAnswer(schedule_id=ask.schedule_id, ask=ask.number, due_ms=due_ms)
