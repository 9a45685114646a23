"""Tasks that are asked to stop while they run, and workers that go away; over HTTP."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from penstock import (
    Client,
    RetryLater,
    RunFailed,
    RunHandle,
    TaskContext,
    Worker,
    Workflow,
    task,
    workflow,
)
from penstock.contracts.answers.runs import AttemptShown
from tests.promises import is_kept

pytestmark = pytest.mark.timeout(150)
STEP_S = 0.02
KILL_S = 1.5  # from the kill to the end of a run whose task listens


def wait_until(holds: Callable[[], object], timeout_s: float = 45.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(STEP_S)


@task
async def s_napping(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


@task
def s_looking(ctx: TaskContext, seconds: float) -> str:
    if ctx.wait(seconds):
        assert ctx.cancelled
        raise RuntimeError(f"stopped: {ctx.stop}")
    return "slept"


@workflow
def s_nap(seconds: float) -> str:
    return s_napping(seconds)


@workflow
def s_look(seconds: float) -> str:
    return s_looking(seconds)


def attempt_of(run: RunHandle[Any]) -> AttemptShown:
    """The newest attempt of the run's only task."""
    return run.task_runs()[0].attempts[-1]


def runs(run: RunHandle[Any]) -> bool:
    """Whether the run's only task is at work."""
    found = run.task_runs()
    return bool(found) and found[0].status == "TASK_RUNNING"


@pytest.mark.parametrize("of", [s_nap, s_look], ids=["async", "sync"])
def test_a_kill_reaches_a_task_that_runs(
    client: Client, server: str, of: Workflow[..., Any]
) -> None:
    """It ends within a second, long before the kill's deadline."""
    client.register(s_nap, s_look)

    def killed_s() -> float:
        run = client.run(of, seconds=50)
        wait_until(lambda: runs(run))
        begun = time.monotonic()
        run.kill()
        with pytest.raises(RunFailed) as raised:
            run.result(timeout=20)
        took_s = time.monotonic() - begun
        assert raised.value.code == "KILLED"
        assert attempt_of(run).status == "TASK_CANCELLED"
        return took_s

    with Worker(s_nap, s_look, url=server):
        is_kept(KILL_S, killed_s)


def test_a_restart_and_a_shutdown_reach_it(client: Client, server: str) -> None:
    client.register(s_nap, s_look)
    with Worker(s_nap, s_look, url=server):
        run = client.run(s_look, seconds=50)
        wait_until(lambda: runs(run))
        guid = run.task_runs()[0].guid
        run.restart_task(guid)
        wait_until(lambda: len(run.task_runs()[0].attempts) == 2 and runs(run))
        run.shutdown_task(guid)
        with pytest.raises(RunFailed, match="stopped: shutdown"):
            run.result(timeout=20)
    first, second = run.task_runs()[0].attempts
    assert first.status == second.status == "TASK_CANCELLED"
    assert "stopped: restart" in first.failure.message


def test_an_attempt_that_has_timed_out_is_ended_here_too(client: Client, server: str) -> None:
    """The slot is free again: its function does not run on and on."""
    ended = threading.Event()

    @task(timeout=0.5)
    async def s_timing() -> None:
        try:
            await asyncio.sleep(50)
        finally:
            ended.set()

    @workflow
    def s_time() -> None:
        s_timing()

    client.register(s_time)
    with Worker(s_time, url=server):
        with pytest.raises(RunFailed) as raised:
            client.run(s_time).result(timeout=20)
        assert raised.value.code == "TIMEOUT"
        assert ended.wait(20)


def test_heartbeats_come_from_a_thread_that_a_busy_loop_can_not_stop(
    client: Client, server: str
) -> None:
    @task(heartbeat=1.5, timeout=20)
    async def s_blocking() -> str:
        time.sleep(4)
        return "alive"

    @workflow
    def s_block() -> str:
        return s_blocking()

    client.register(s_block)
    with Worker(s_block, url=server):
        run = client.run(s_block)
        assert run.result(timeout=20) == "alive"
    assert len(run.task_runs()[0].attempts) == 1


def test_a_heartbeat_by_hand_carries_a_time_out_on(client: Client, server: str) -> None:
    @task(timeout=2.2)
    def s_beating(ctx: TaskContext, beats: bool) -> str:
        for step in range(5):
            time.sleep(0.5)
            if beats:
                ctx.heartbeat({"step": step})
        return "done"

    @workflow
    def s_beat(beats: bool) -> str:
        return s_beating(beats)

    client.register(s_beat)
    with Worker(s_beat, url=server):
        kept, lost = client.run(s_beat, beats=True), client.run(s_beat, beats=False)
        assert kept.result(timeout=20) == "done"
        with pytest.raises(RunFailed, match="no report within"):
            lost.result(timeout=20)


def test_a_task_that_knows_when_to_try_again_is_tried_then(client: Client, server: str) -> None:
    @task(max_attempts=2)
    def s_busy(ctx: TaskContext) -> int:
        if ctx.attempt == 1:
            raise RetryLater("busy", after_s=1.0)
        return ctx.attempt

    @workflow
    def s_later() -> int:
        return s_busy()

    client.register(s_later)
    with Worker(s_later, url=server):
        begun = time.monotonic()
        run = client.run(s_later)
        assert run.result(timeout=20) == 2
        assert time.monotonic() - begun >= 1.0
    failure = run.task_runs()[0].attempts[0].failure
    assert failure.message == "busy"


WORKER = """
import asyncio, sys, time
from penstock import TaskContext, Worker, task

@task
async def s_own_again() -> str:
    await asyncio.sleep(60)
    return "never"

@task(idempotent=False)
def s_own_once(ctx: TaskContext) -> str:
    while True:  # it does not listen
        time.sleep(60)

Worker(s_own_again, s_own_once, url=sys.argv[1]).run(grace_s=float(sys.argv[2]))
print("left", flush=True)
"""


@task
async def s_own_again() -> str:
    return "done elsewhere"


@task(idempotent=False)
def s_own_once(ctx: TaskContext) -> str:
    return "twice"


@workflow
def s_again() -> str:
    return s_own_again()


@workflow
def s_once() -> str:
    return s_own_once()


@contextmanager
def worker_process(server: str, grace_s: float) -> Generator[subprocess.Popen[str]]:
    """A worker in a process of its own."""
    command = [sys.executable, "-c", WORKER, server, str(grace_s)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("number", "grace_s"), [(signal.SIGTERM, 0.5), (signal.SIGHUP, 50.0)])
def test_a_worker_that_goes_hands_back_what_it_can_not_finish(
    client: Client, server: str, number: int, grace_s: float
) -> None:
    """What may be done twice is done elsewhere, without counting; the rest is shut down."""
    client.register(s_again, s_once)
    again, once = client.run(s_again), client.run(s_once)
    with worker_process(server, grace_s) as process:
        wait_until(lambda: runs(again) and runs(once))
        os.kill(process.pid, number)
        out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == ("left\n", 0)
    with pytest.raises(RunFailed) as raised:
        once.result(timeout=20)
    assert raised.value.code == "TASK_CANCELLED"
    assert "handed back by worker" in str(raised.value)
    with Worker(s_again, url=server):
        assert again.result(timeout=30) == "done elsewhere"
    first, second = again.task_runs()[0].attempts
    assert (first.status, second.status) == ("TASK_CANCELLED", "TASK_SUCCESS")
