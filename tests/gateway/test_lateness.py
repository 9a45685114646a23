"""How late a partition is said to be: since when its log has something that is not folded; and that
nothing which can not be asked keeps others from being looked at.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from penstock.gateway import sampler as sampling
from penstock.gateway.sampler import Sampler
from penstock.log.port import LogUnavailable, Message
from penstock.testing.node import Clock, Node


def test_a_partition_is_late_from_when_its_log_went_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often, and seldom, it was looked at; and not late once it has folded all."""
    now_s = time.monotonic()
    node = Node(Clock(1_000), 1)
    try:
        sampler = Sampler(
            processor=node.processor, log=node.log, topics=node.topics, queues_look_s=1e9
        )
        monkeypatch.setattr(sampling.time, "monotonic", lambda: now_s)
        sampler.look_at_lags()
        assert sampler.late_s(0) == 0.0
        for _ in range(2 * sampling.AHEAD_MAX):
            node.log.append_and_wait(Message(node.topics.commands, b"k", b"no command", {}, 0))
            sampler.look_at_lags()
            now_s += 1.0
        assert sampler.late_s(0) == 2.0 * sampling.AHEAD_MAX
        node.fold()
        assert sampler.late_s(0) == 0.0
        sampler.look_at_lags()
        assert sampler.late_s(0) == 0.0
    finally:
        monkeypatch.undo()
        node.close()


def test_a_leader_that_is_away_hides_no_other_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has caught up is behind no more, and who is behind is late: only of the one that
    does not answer nothing is said, but what was seen of it.
    """
    node, away, asked = Node(Clock(1_000), 3), set[int](), list[int]()
    bounds, now_s = node.log.bounds, time.monotonic()

    def answered(partition: int, timeout_s: float = 15.0) -> tuple[int, int]:
        asked.append(partition)
        if partition in away:
            raise LogUnavailable("its leader is away")
        return bounds(partition, timeout_s)

    def put(partition: int) -> None:
        node.log.append_and_wait(
            Message(node.topics.commands, b"k", b"no command", {}, partition=partition)
        )

    try:
        node.fold()
        sampler = Sampler(
            processor=node.processor, log=node.log, topics=node.topics, queues_look_s=1e9
        )
        monkeypatch.setattr(node.log, "bounds", answered)
        monkeypatch.setattr(sampling.time, "monotonic", lambda: now_s)
        put(0)
        put(1)
        sampler.look_at_lags()
        assert sampler.lags == {0: 1, 1: 1, 2: 0}
        node.fold()
        put(1)
        put(2)
        away.add(0)
        sampler.look_at_lags()
        assert sampler.lags == {1: 1, 2: 1}
        put(0)
        now_s += 9.0
        assert [sampler.late_s(number) for number in range(3)] == [0.0, 9.0, 9.0]
        asked.clear()
        sampler.look_at_lags()
        assert asked == [1, 2], "the others do not wait for it each time"
        away.clear()
        now_s += 2.0
        sampler.look_at_lags()
        assert sampler.lags == {0: 1, 1: 1, 2: 1}
        away.add(0)
        now_s += 5.0
        sampler.look_at_lags()
        assert sampler.lags == {1: 1, 2: 1}
        assert sampler.late_s(0) == 5.0, "it is late still, though it can not be asked"
    finally:
        monkeypatch.undo()
        node.close()


def test_a_defect_does_not_end_the_sampling(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    node, asked = Node(Clock(1_000), 1), list[int]()
    bounds = node.log.bounds

    def answered(partition: int, timeout_s: float = 15.0) -> tuple[int, int]:
        asked.append(partition)
        if len(asked) == 1:
            raise RuntimeError("nobody has thought of this")
        return bounds(partition, timeout_s)

    async def until_sampled() -> None:
        sampler = Sampler(
            processor=node.processor, log=node.log, topics=node.topics, queues_look_s=1e9
        )
        sampler.start()
        async with asyncio.timeout(30):
            while not sampler.lags:
                await asyncio.sleep(0.01)
        sampler.stop()

    try:
        node.fold()
        monkeypatch.setattr(sampling, "LAG_LOOK_S", 0.01)
        monkeypatch.setattr(node.log, "bounds", answered)
        asyncio.run(until_sampled())
        assert "nobody has thought of this" in caplog.text
    finally:
        node.close()
