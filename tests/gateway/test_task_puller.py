"""The thread that takes tasks: whoever waits for one hears of it, whatever ends it."""

from __future__ import annotations

import threading
import time

import pytest

from penstock.contracts.topics import TopicSettings
from penstock.gateway.task_puller import Puller
from penstock.log.memory import MemoryLog
from penstock.log.port import LogError, LogUnavailable, Message, Record

TOPIC = TopicSettings("tasks", 1)
WAIT_S = 30.0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [LogUnavailable("away"), RuntimeError("nobody thought of this")])
def test_whatever_ends_it_is_told(error: Exception) -> None:
    log = MemoryLog(
        commands="commands", partitions=1, on_demand=lambda _: None, clock_ms=lambda: 1_000
    )
    log.ensure_topics([TOPIC])
    log.append_and_wait(Message(TOPIC.name, b"run", b"a task"))
    told: list[LogError] = []
    is_told = threading.Event()

    def came(_: list[Record]) -> None:
        raise error

    def failed(why: LogError) -> None:
        told.append(why)
        is_told.set()

    puller = Puller(
        log=log,
        settings=TOPIC,
        group="workers",
        came=came,
        failed=failed,
        wanted_elsewhere=lambda: None,
        shared_idle_s=60.0,
    )
    puller.want(1)
    assert is_told.wait(WAIT_S)
    puller.join(WAIT_S)
    assert len(told) == 1


def test_who_stops_it_hears_of_no_failure() -> None:
    log = MemoryLog(
        commands="commands", partitions=1, on_demand=lambda _: None, clock_ms=lambda: 1_000
    )
    told: list[LogError] = []
    puller = Puller(
        log=log,
        settings=TOPIC,
        group="workers",
        came=lambda _: None,
        failed=told.append,
        wanted_elsewhere=lambda: None,
        shared_idle_s=60.0,
    )
    began_s = time.monotonic()
    puller.stop()
    puller.join(WAIT_S)
    assert time.monotonic() - began_s < WAIT_S
    assert told == []
