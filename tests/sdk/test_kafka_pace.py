"""A worker over Kafka whose reports nobody takes does not go on for ever."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from penstock import TaskContext, Worker, task
from penstock.sdk.pace import Pace
from penstock.sdk.runner import Runner
from tests.sdk.kafka_tasks import tasks_of
from tests.sdk.test_kafka_worker import wait_until

pytestmark = pytest.mark.timeout(150)

COME_S = 60.0
BACKLOG = 600
BUSY_S = 0.02
CALLS: list[str] = []


@task
def kp_busy(ctx: TaskContext) -> None:
    CALLS.append(ctx.guid)
    time.sleep(BUSY_S)


def test_reports_that_nobody_takes_hold_up_what_comes(
    kafka_bootstrap: str, cluster_name: str
) -> None:
    """There is a backlog, and nowhere to say what came of it: most of it stays where it is."""
    with tasks_of(kafka_bootstrap, cluster_name, kp_busy) as tasks:
        CALLS.clear()
        tasks.put(*({} for _ in range(BACKLOG)))
        with Worker(kp_busy, url=tasks.url, slots=2):
            wait_until(lambda: len(CALLS) >= 2, COME_S)
            wait_until(lambda: stands_still(lambda: len(CALLS)), COME_S)
            assert len(CALLS) < BACKLOG / 2
            tasks.make_commands()
            wait_until(lambda: tasks.mark() == BACKLOG, COME_S)
        assert len(tasks.reports()) == BACKLOG
    assert len(CALLS) == BACKLOG


def stands_still(count: Callable[[], int]) -> bool:
    before = count()
    time.sleep(50 * BUSY_S)
    return count() == before


def test_reports_that_wait_take_up_room_when_they_are_many() -> None:
    unheard = iter((0, 3, 4, 9))
    pace = Pace(Runner(3, started_after_s=1.0), lambda: next(unheard))
    assert [pace.room() for _ in range(4)] == [6, 6, 5, 0]
