"""Tasks that are asked to stop while they run, and workers that go away; over Kafka."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from penstock import Client, RunFailed, RunHandle, TaskContext, Worker, task, workflow
from tests.promises import is_kept
from tests.sdk.test_kafka_worker import Cluster, client, cluster
from tests.sdk.test_stopping import KILL_S, runs, wait_until

__all__ = ["client", "cluster"]
pytestmark = pytest.mark.timeout(120)
BEGUN = threading.Event()
ENDED = threading.Event()


@task
async def k_napping(seconds: float) -> str:
    BEGUN.set()
    try:
        await asyncio.sleep(seconds)
    finally:
        ENDED.set()
    return "slept"


@task(heartbeat=2.0, timeout=50)
def k_looking(ctx: TaskContext, seconds: float) -> str:
    if ctx.wait(seconds):
        raise RuntimeError(f"stopped: {ctx.stop}")
    return "slept"


@workflow
def k_nap(seconds: float) -> str:
    return k_napping(seconds)


@workflow
def k_look(seconds: float) -> str:
    return k_looking(seconds)


def is_killed_soon(begin: Callable[[], RunHandle[Any]]) -> None:
    """The kill of such a run ends it within a second."""

    def killed_s() -> float:
        run = begin()
        begun = time.monotonic()
        run.kill()
        with pytest.raises(RunFailed, match="KILLED"):
            run.result(timeout=20)
        return time.monotonic() - begun

    is_kept(KILL_S, killed_s)


def test_signals_heartbeats_and_hand_backs(client: Client, cluster: Cluster) -> None:
    client.register(k_nap, k_look)
    with Worker(k_nap, k_look, url=cluster.kafka_url, started_after_s=0.1):

        def beating() -> RunHandle[Any]:
            run = client.run(k_look, seconds=50)
            wait_until(lambda: runs(run), 30)
            time.sleep(3.0)  # heartbeats keep it alive
            assert runs(run)
            return run

        is_killed_soon(beating)
        again = client.run(k_look, seconds=50)
        wait_until(lambda: runs(again), 30)
        again.shutdown_task(again.task_runs()[0].guid)
        with pytest.raises(RunFailed, match="stopped: shutdown"):
            again.result(timeout=20)

    def napping() -> RunHandle[Any]:
        BEGUN.clear()
        run = client.run(k_nap, seconds=50)
        assert BEGUN.wait(30)
        ENDED.clear()
        return run

    with Worker(k_nap, url=cluster.kafka_url, started_after_s=600):  # it never says so
        is_killed_soon(napping)
        assert ENDED.wait(20), "its function goes on"

    worker = Worker(k_nap, url=cluster.kafka_url, started_after_s=0.1)
    worker.start()
    run = client.run(k_nap, seconds=3)
    wait_until(lambda: runs(run), 30)
    assert not worker.stop(grace_s=0)
    with Worker(k_nap, url=cluster.kafka_url):
        assert run.result(timeout=40) == "slept"
    first, second = run.task_runs()[0].attempts
    assert (first.status, second.status) == ("TASK_CANCELLED", "TASK_SUCCESS")
