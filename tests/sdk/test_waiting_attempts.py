"""Attempts that a worker over HTTP has taken, and that wait until a function lets go of its event
loop: the engine has them run, so signs of life come of them, and none is begun that is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest

from penstock import Client, RunFailed, RunHandle, TaskContext, Worker, Workflow, task, workflow
from penstock.sdk.runner import Job
from tests.sdk.test_stopping import runs, wait_until

pytestmark = pytest.mark.timeout(150)
COME_S = 60.0
HEARTBEAT_S = 2.5

HELD, GOES_ON = Event(), Event()
CALLED: list[str] = []


@task(timeout=150.0)
async def wa_holding() -> bool:
    HELD.set()
    return GOES_ON.wait(140)


@task(heartbeat=HEARTBEAT_S)
async def wa_beating(ctx: TaskContext) -> int:
    CALLED.append(ctx.guid)
    return ctx.attempt


@task(timeout=1.0)
async def wa_timing(ctx: TaskContext) -> int:
    CALLED.append(ctx.guid)
    return ctx.attempt


@workflow
def wa_hold() -> bool:
    return wa_holding()


@workflow
def wa_beat() -> int:
    return wa_beating()


@workflow
def wa_time() -> int:
    return wa_timing()


@contextmanager
def waiting(
    client: Client, server: str, of: Workflow[..., Any]
) -> Iterator[tuple[list[RunHandle[Any]], Callable[[], list[Job]]]]:
    """Two runs whose tasks wait for the loop, and what their worker has; it has the loop again
    when the block ends.
    """
    HELD.clear()
    GOES_ON.clear()
    CALLED.clear()
    client.register(wa_hold, of)
    with Worker(wa_hold, of, url=server, slots=4) as worker:
        held = client.run(wa_hold)
        try:
            assert HELD.wait(COME_S)
            assert worker._running is not None
            runner = worker._running[1]
            taken = [client.run(of) for _ in range(2)]
            wait_until(lambda: runner.unfinished == 3)
            yield taken, lambda: [job for job in list(runner._jobs) if not job.since_s]
        finally:
            GOES_ON.set()
        assert held.result(timeout=COME_S) is True


def test_signs_of_life_come_of_them(client: Client, server: str) -> None:
    with waiting(client, server, wa_beat) as (taken, _):
        time.sleep(2 * HEARTBEAT_S)
        assert all(map(runs, taken)) and CALLED == []
    assert [run.result(timeout=COME_S) for run in taken] == [1, 1]
    assert len(CALLED) == 2


def test_one_that_is_over_is_not_begun(client: Client, server: str) -> None:
    with waiting(client, server, wa_time) as (taken, jobs):
        for run in taken:
            with pytest.raises(RunFailed, match="no report within"):
                run.result(timeout=COME_S)
        wait_until(lambda: [job.attempt.context.stop for job in jobs()] == ["over"] * 2)
    assert CALLED == []
