"""How late a partition is said to be: since when its log has something that is not folded."""

from __future__ import annotations

import time

import pytest

from penstock.gateway import sampler as sampling
from penstock.gateway.sampler import Sampler
from penstock.log.port import Message
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
