"""Marks of partitions that stand still: the log forgets those that nobody renews."""

from __future__ import annotations

import time

import pytest

from penstock.log.port import LogUnavailable, Mark
from penstock.processor import processor as processing
from penstock.testing.node import Clock, Node


def test_marks_of_partitions_that_stand_still_are_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in a while, and again soon if the log did not answer; as they were."""
    node, now_s = Node(Clock(1_000), 2), time.monotonic()
    commit, committed = node.log.commit, list[tuple[int, Mark]]()
    is_away = False

    def noted(partition: int, mark: Mark) -> None:
        if is_away:
            raise LogUnavailable("the coordinator is away")
        committed.append((partition, mark))
        commit(partition, mark)

    def steps(seconds: float) -> list[int]:
        """The partitions that were committed in a step after a while."""
        nonlocal now_s
        now_s += seconds
        committed.clear()
        node.processor.step()
        return [partition for partition, _ in committed]

    try:
        node.fold()
        monkeypatch.setattr(node.log, "commit", noted)
        monkeypatch.setattr(processing.time, "monotonic", lambda: now_s)
        steps(1.0)
        marks = {number: node.log.committed(number) for number in range(2)}
        assert None not in marks.values()
        assert steps(10.0) == []
        assert steps(processing.RENEW_MARKS_S) == [0, 1]
        assert dict(committed) == marks
        assert steps(10.0) == []
        is_away = True
        assert steps(processing.RENEW_MARKS_S) == []
        is_away = False
        assert steps(60.0) == [0, 1]
        assert steps(10.0) == []
    finally:
        monkeypatch.undo()
        node.close()
