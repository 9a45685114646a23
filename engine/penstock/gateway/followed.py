"""Streams over all partitions, wherever they are: what is told here of those that this node has,
and what their owners tell of the others, put together as it comes.

Rules
- A node that is asked by another one tells of the partitions that it is asked for, and ends with an
  error when one of them has left: then it is asked anew who has it.
- Whatever is told of a partition is begun anew with its next owner: each beginning says from where
  on, so that nobody misses what happened in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request

from penstock.gateway.errors import ApiError, EdgeCode, code_named
from penstock.gateway.forward import NOT_YET, Asked, asked_of
from penstock.gateway.spread import of_part, part_asked
from penstock.gateway.streams import ERROR, LOOK_S, Events
from penstock.gateway.web import Gateway, gateway_of
from penstock.store.port import StoreError

Here = Callable[[frozenset[int]], Events]
"""What is told of partitions that are open here; raises ApiError when one of them has left."""

HERE: Final = ""
TOLD_MAX: Final = 1_000
"""Events that wait for who follows; the partitions wait with theirs until he has taken some."""
COMES_AGAIN: Final = NOT_YET | {EdgeCode.UNREACHED, EdgeCode.UNAVAILABLE, EdgeCode.OVERLOADED}
logger = logging.getLogger("penstock.gateway")
_ERROR: Final = b"event: " + ERROR.encode() + b"\ndata: "


async def everywhere(request: Request, here: Here) -> Events:
    """What is told of all partitions; to another node that asks, of those that it asks for."""
    numbers, reads = part_asked(request), gateway_of(request).reads
    if numbers is None:
        return Followed(gateway_of(request), await asked_of(request), here).events()
    for number in numbers:
        reads.check_served(number)
    return here(numbers)


@dataclass(frozen=True, slots=True)
class Source:
    """Who tells of these partitions, and what hands it on."""

    numbers: frozenset[int]
    task: asyncio.Task[None]


class Followed:
    """The sources of one stream. Used on the event loop."""

    def __init__(self, gateway: Gateway, asked: Asked, here: Here) -> None:
        self._gateway = gateway
        self._asked = asked
        self._here = here
        self._sources: dict[str, Source] = {}
        self._told: asyncio.Queue[bytes | ApiError] = asyncio.Queue(TOLD_MAX)

    async def events(self) -> Events:
        """All that is told; raises ApiError for what it does not help to ask again."""
        loop, looked_s = asyncio.get_running_loop(), float("-inf")
        try:
            while not self._gateway.watch.closing:
                if loop.time() - looked_s >= LOOK_S:
                    self._keep_up(await self._who_tells())
                    looked_s = loop.time()
                try:
                    async with asyncio.timeout_at(looked_s + LOOK_S):
                        told = await self._told.get()
                except TimeoutError:
                    continue
                if isinstance(told, ApiError):
                    raise told
                yield told
        finally:
            for source in self._sources.values():
                source.task.cancel()

    async def _who_tells(self) -> dict[str, frozenset[int]]:
        """Partitions by the address of their owner, HERE if it is this node."""
        reads, nodes = self._gateway.reads, self._gateway.forwarder.nodes
        numbers = range(reads.partitions)
        here = frozenset(number for number in numbers if reads.is_open(number))
        found = {HERE: set(here)}
        if nodes is not None:
            urls = (await nodes.look()).urls
            for number in set(numbers) - here:
                url = urls.get(number)
                if url is not None and url != nodes.here:
                    found.setdefault(url, set()).add(number)
        return {where: frozenset(those) for where, those in found.items() if those}

    def _keep_up(self, wanted: dict[str, frozenset[int]]) -> None:
        """Let sources go that tell of others than they should, and begin those that are missing."""
        for where, source in list(self._sources.items()):
            if source.task.done() or source.numbers != wanted.get(where):
                source.task.cancel()
                del self._sources[where]
        for where in wanted.keys() - self._sources.keys():
            task = asyncio.ensure_future(self._hand_on(where, wanted[where]))
            self._sources[where] = Source(wanted[where], task)

    async def _hand_on(self, where: str, numbers: frozenset[int]) -> None:
        """What a source tells. One that ends is begun anew with the next look."""
        try:
            source = self._here(numbers) if where == HERE else self._there(where, numbers)
            async with aclosing(source) as events:
                async for told in events:
                    await self._told.put(told)
        except ApiError as error:
            if error.code not in COMES_AGAIN:
                await self._told.put(error)
        except StoreError as error:  # a partition is being closed just now
            logger.info("a stream is begun anew: %s", error)

    async def _there(self, url: str, numbers: frozenset[int]) -> Events:
        asked = of_part(self._asked, sorted(numbers))
        async with aclosing(self._gateway.forwarder.follow(url, asked)) as chunks:
            async for block in _blocks(chunks):
                if block.startswith(_ERROR):
                    raise _error(block)
                if not block.startswith(b":"):
                    yield block + b"\n\n"


class _Ended(Struct, frozen=True):
    code: str
    message: str


def _error(block: bytes) -> ApiError:
    """Why another node ends its stream."""
    ended = msgspec.json.decode(block.removeprefix(_ERROR), type=_Ended)
    return ApiError(code_named(ended.code) or EdgeCode.UNREACHED, ended.message)


async def _blocks(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Events, whole, however they come."""
    data = b""
    async for chunk in chunks:
        *whole, data = (data + chunk).split(b"\n\n")
        for block in whole:
            yield block
