"""Turns: who has how many at once, and that none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from penstock.gateway.at_once import Turns
from penstock.gateway.errors import ApiError

MOST = 12
LONG_S = 60.0


class Work:
    """What tenants have under way, each until somebody ends it."""

    def __init__(self, wait_s: float = LONG_S) -> None:
        self.turns = Turns(MOST, wait_s=wait_s, refused="too many")
        self.ends: dict[str, list[asyncio.Event]] = {}

    async def one(self, tenant: str) -> None:
        """One of a tenant's."""
        async with self.turns.one_of(tenant):
            end = asyncio.Event()
            self.ends.setdefault(tenant, []).append(end)
            await end.wait()

    async def ask(self, tenant: str, times: int) -> list[asyncio.Task[None]]:
        """Begin so many, as far as they may."""
        asked = [asyncio.ensure_future(self.one(tenant)) for _ in range(times)]
        await settled()
        return asked

    async def end(self, tenant: str) -> None:
        """End the oldest of a tenant's."""
        self.ends[tenant].pop(0).set()
        await settled()

    def has(self, *tenants: str) -> list[int]:
        """How many each has."""
        return [self.turns.of_tenants[one] for one in tenants]


async def settled() -> None:
    """All that can go on without anything new has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


def held(test: Callable[[Work], Awaitable[None]], wait_s: float = LONG_S) -> None:
    """Do it on a loop; what is under way then is cancelled, and leaves nothing behind."""

    async def whole() -> None:
        work = Work(wait_s)
        await test(work)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        assert not work.turns.of_tenants
        assert len(await work.ask("later", MOST)) == MOST
        assert work.has("later") == [MOST // 2]

    asyncio.run(whole())


def test_few_tenants_leave_some_to_others() -> None:
    """Whatever they ask for, and though nothing of it ends."""

    async def test(work: Work) -> None:
        for tenant in ("a", "b", "c"):
            await work.ask(tenant, 3 * MOST)
        assert work.has("a", "b", "c") == [6, 3, 2]
        await work.ask("d", 1)
        assert work.has("d") == [1]

    held(test)


def test_who_keeps_at_it_comes_to_have_as_many_as_the_others() -> None:
    async def test(work: Work) -> None:
        for tenant in ("a", "b"):
            await work.ask(tenant, 3 * MOST)
        for _ in range(MOST):
            await work.end("a")
        assert work.has("a", "b") == [4, 4]

    held(test)


def test_who_goes_gives_his_turn_to_the_next() -> None:
    """Also one who got it and was gone before he knew."""

    async def test(work: Work) -> None:
        asked = await work.ask("a", MOST)
        asked[-1].cancel()
        await settled()
        assert work.has("a") == [MOST // 2]
        work.ends["a"].pop(0).set()
        await asyncio.sleep(0)  # its turn is given to the next, who does not know it yet
        asked[MOST // 2].cancel()
        await settled()
        assert work.has("a") == [MOST // 2]

    held(test)


def test_who_gets_none_in_time_is_refused() -> None:
    async def test(work: Work) -> None:
        *_, last = await work.ask("a", MOST // 2 + 1)
        with pytest.raises(ApiError, match="OVERLOADED: too many"):
            await last

    held(test, wait_s=0.05)
