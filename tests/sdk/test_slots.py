"""A worker over HTTP takes no more tasks than it has slots, whatever it works on."""

from __future__ import annotations

import asyncio
import time

import pytest

from penstock import Client, RunHandle, Worker, task, workflow
from penstock.sdk.runner import Runner
from penstock.sdk.slot_shares import Share, SlotShares
from tests.promises import is_kept

pytestmark = pytest.mark.timeout(150)


@task
def sl_long(seconds: float) -> str:
    time.sleep(seconds)
    return "long"


@task(timeout=1.0)
def sl_short() -> str:
    return "short"


@task
def sl_idle() -> None: ...


@task
def sl_idle_too() -> None: ...


@workflow
def sl_hold(seconds: float) -> str:
    return sl_long(seconds)


@workflow
def sl_quick() -> str:
    return sl_short()


def test_a_task_is_not_taken_before_there_is_a_slot(client: Client, server: str) -> None:
    """Both slots are busy for longer than the other task's time-out: it waits in its queue."""
    client.register(sl_hold, sl_quick, sl_idle, sl_idle_too)
    with Worker(sl_hold, sl_quick, sl_idle, sl_idle_too, url=server, slots=2):
        held = [client.run(sl_hold, seconds=3.0) for _ in range(2)]
        deadline = time.monotonic() + 45
        while any(not run.task_runs() or not _runs(run) for run in held):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        quick = client.run(sl_quick)
        assert quick.result(timeout=20) == "short"
        for run in held:
            assert run.result(timeout=20) == "long"
    assert len(quick.task_runs()[0].attempts) == 1


def test_reports_that_wait_take_up_room_when_they_are_many() -> None:
    """So a server that gives tasks and takes no reports does not fill the memory."""
    late = iter((0, 3, 4, 6))
    shares = SlotShares(Runner(3, started_after_s=1.0), ["one"], lambda: next(late))
    assert [shares.room for _ in range(4)] == [3, 3, 2, 0]


def test_what_an_idle_task_would_hold_is_used_by_others(client: Client, server: str) -> None:
    """Many short tasks of one TaskDef through one slot, beside three that have none."""
    client.register(sl_hold, sl_quick, sl_idle, sl_idle_too)

    def twenty_s() -> float:
        runs = [client.run(sl_hold, seconds=0.0) for _ in range(20)]
        begun = time.monotonic()
        for run in runs:
            assert run.result(timeout=30) == "long"
        return time.monotonic() - begun

    with Worker(sl_hold, sl_quick, sl_idle, sl_idle_too, url=server, slots=1):
        is_kept(15, twenty_s)


def _runs(run: RunHandle[str]) -> bool:
    return run.task_runs()[0].status == "TASK_RUNNING"


def shares_of(slots: int, *names: str) -> SlotShares:
    return SlotShares(Runner(slots, started_after_s=1.0), names)


async def taken(shares: SlotShares, name: str) -> Share | None:
    """The share that it gets at once; None if there is none."""
    try:
        return await asyncio.wait_for(shares.take(name), 0.05)
    except TimeoutError:
        return None


def test_all_polls_together_ask_for_no_more_than_the_slots() -> None:
    async def test() -> None:
        shares = shares_of(2, "a", "b", "c")
        assert await taken(shares, "a") is not None
        assert await taken(shares, "b") is not None
        assert shares.room == 0
        assert await taken(shares, "c") is None
        shares.leave("a", 0)
        assert await taken(shares, "c") is not None

    asyncio.run(test())


def test_the_only_task_def_gets_all_and_several_share() -> None:
    async def test() -> None:
        only = await taken(shares_of(10, "a"), "a")
        assert only is not None
        assert only.tasks_max == 10
        shares = shares_of(10, "a", "b", "c")
        for name in "ab":
            await taken(shares, name)
            shares.leave(name, 1)
        found = [await taken(shares, name) for name in "abc"]
        assert [share and share.tasks_max for share in found] == [4, 5, 1]
        assert shares.room == 0

    asyncio.run(test())


def test_room_comes_in_turn() -> None:
    async def test() -> None:
        shares, got = shares_of(1, "a", "b", "c"), list[str]()

        async def poll(name: str) -> None:
            for _ in range(3):
                await shares.take(name)
                got.append(name)
                await asyncio.sleep(0)
                shares.leave(name, 1)

        await asyncio.gather(*(poll(name) for name in "abc"))
        assert "".join(got) == "abcabcabc"

    asyncio.run(test())


def test_an_idle_poll_stands_aside_where_slots_are_few() -> None:
    async def test() -> None:
        shares = shares_of(2, "busy", "idle")
        await taken(shares, "busy")
        shares.leave("busy", 1)
        assert await taken(shares, "busy") is not None
        aside = await taken(shares, "idle")
        assert aside is not None
        assert aside.wait_s < aside.pause_s < 0.5

    asyncio.run(test())
