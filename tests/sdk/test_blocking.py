"""An async function that blocks its worker's event loop is named, once, with the line at which it
stands.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event, Thread

import pytest

from penstock import Client, Worker, task, workflow
from penstock.sdk.loop_watch import LoopWatch

pytestmark = pytest.mark.timeout(120)
WORKER = "penstock.worker"


class Named(logging.Handler):
    """Hears the warnings; what holds the loop may wait for one."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []
        self.came = Event()

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "event loop" in message:
            self.said.append(message)
            self.came.set()


@pytest.fixture
def named() -> Named:
    return Named()


@pytest.fixture(autouse=True)
def _listening(named: Named) -> Iterator[None]:
    logger = logging.getLogger(WORKER)
    logger.addHandler(named)
    yield
    logger.removeHandler(named)


HELD = Event()


def hold(seconds: float) -> bool:
    return HELD.wait(seconds)


@task(timeout=120.0)
async def bl_holding(seconds: float) -> bool:
    await asyncio.sleep(0)
    return hold(seconds)


@task
async def bl_awaiting(seconds: float) -> None:
    await asyncio.sleep(seconds)


@task(timeout=120.0)
async def bl_beginning(seconds: float) -> bool:
    async def helper() -> bool:
        return hold(seconds)

    return await asyncio.create_task(helper())


@workflow
async def bl_hold(first: float, second: float) -> bool:
    await bl_awaiting(1.5)
    await bl_holding(first)
    return await bl_holding(second)


@workflow
async def bl_begin(seconds: float) -> bool:
    return await bl_beginning(seconds)


def line_in(function: object, text: str) -> int:
    lines, first = inspect.getsourcelines(inspect.unwrap(function))  # type: ignore[arg-type]
    return first + next(number for number, line in enumerate(lines) if text in line)


def test_it_is_named_once(client: Client, server: str, named: Named) -> None:
    HELD.clear()
    client.register(bl_hold)
    with Worker(bl_hold, url=server):
        run = client.run(bl_hold, first=60.0, second=2.0)
        assert named.came.wait(50)
        HELD.set()
        assert run.result(timeout=60) is True
        HELD.clear()
        assert client.run(bl_hold, first=2.0, second=2.0).result(timeout=60) is False
    (said,) = named.said
    assert re.match(r"task 'bl_holding' has blocked its worker's event loop for \d+\.\d s: ", said)
    own = line_in(bl_holding, "hold(seconds)")
    assert f"bl_holding() stands at {__file__}:{own}, within which " in said
    assert "wait() stands at " in said


def test_what_a_task_has_begun_is_named_by_its_place(
    client: Client, server: str, named: Named
) -> None:
    HELD.clear()
    client.register(bl_begin)
    with Worker(bl_begin, url=server):
        run = client.run(bl_begin, seconds=60.0)
        assert named.came.wait(50)
        HELD.set()
        assert run.result(timeout=30) is True
    (said,) = named.said
    assert said.startswith("what a task has begun has blocked")
    assert "wait() stands at " in said


def test_many_that_take_turns_are_not_blamed(named: Named) -> None:
    """Together they keep it from coming round for longer than a second, none of them by itself."""
    begun: SimpleQueue[Event] = SimpleQueue()

    async def holding() -> None:
        going_on = Event()
        begun.put(going_on)
        going_on.wait(60)

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    all_there = Event()
    loop.call_soon(all_there.wait, 60)  # so that they come in one round
    thread.start()
    watch = LoopWatch(loop, thread, lambda _: bl_holding)
    for _ in range(4):
        asyncio.run_coroutine_threadsafe(holding(), loop)
    all_there.set()
    at_s = 0.0
    for number in range(4):
        going_on = begun.get(timeout=60)
        for _ in range(4):
            watch.look(at_s)
            at_s += 0.25
        assert named.said == []
        if number == 3:  # the last one holds it for a whole second
            watch.look(at_s)
            assert named.said[0].startswith("task 'bl_holding' has blocked")
        going_on.set()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
