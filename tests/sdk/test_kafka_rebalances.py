"""Workers over Kafka that come and go while others work: what goes over to them is done once."""

from __future__ import annotations

from collections import Counter
from threading import Lock, Semaphore

import pytest

from penstock import Client, TaskContext, Worker, task, workflow
from tests.sdk.test_kafka_worker import Cluster, client, cluster, wait_until

__all__ = ["client", "cluster"]
pytestmark = pytest.mark.timeout(180)
SLOTS = 10
RUNS = 120
COME_S = 60.0

CALLS: Counter[tuple[str, int]] = Counter()
LOCK = Lock()
TURNS = Semaphore(0)


@task(max_attempts=2, timeout=120)
def rb_work(ctx: TaskContext) -> int:
    with LOCK:
        CALLS[ctx.guid, ctx.attempt] += 1
    assert TURNS.acquire(timeout=100)
    return ctx.attempt


@workflow
def rb_flow() -> int:
    return rb_work()


def test_a_join_and_a_leave_double_nothing(client: Client, cluster: Cluster) -> None:
    """Each worker has as many tasks in hand, not begun, as it has slots; all slots are taken."""
    client.register(rb_flow)
    first = Worker(rb_flow, url=cluster.kafka_url, name="rb-first", slots=SLOTS)
    second = Worker(rb_flow, url=cluster.kafka_url, name="rb-second", slots=SLOTS)
    runs = [client.run(rb_flow) for _ in range(RUNS)]
    first.start()
    try:
        wait_until(lambda: len(CALLS) == SLOTS and in_hand(first) >= 2 * SLOTS, COME_S)
        second.start()
        wait_until(lambda: len(CALLS) == 2 * SLOTS and in_hand(second) >= 2 * SLOTS, COME_S)
        for _ in range(SLOTS):
            TURNS.release()
        wait_until(lambda: len(CALLS) == 3 * SLOTS, COME_S)

        def let_go() -> bool:  # asked while it stops: it takes nothing more by now
            TURNS.release(RUNS)
            return False

        assert first.stop(hurry=let_go)
        assert [run.result(timeout=COME_S) for run in runs] == [1] * RUNS
    finally:
        TURNS.release(RUNS)
        first.stop()
        second.stop()
    assert len(CALLS) == RUNS
    assert {key: times for key, times in CALLS.items() if times > 1} == {}


def in_hand(worker: Worker) -> int:
    assert worker._running is not None
    return worker._running[1].unfinished
