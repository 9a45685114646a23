"""Streams over all partitions, wherever they are: what is told here of those that this node has,
and what their owners tell of the others, put together as it comes.

Rules
- A partition that nobody tells of just now takes nothing from what is told of the others. Who
  follows is told by `missing` which these are and why, whenever it has changed.
- A node that is asked by another one tells of those that it is asked for and has, and says by
  `missing` which it has not: then it is asked anew who has them.
- Whatever is told of a partition is begun anew with its next owner, or when it is back: each
  beginning says from where on, so that nobody misses what happened in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Final

import msgspec
from starlette.requests import Request

from penstock.contracts.answers.streams import MissingPartition, MissingPartitions, StreamEnded
from penstock.gateway.asked import Asked, asked_of
from penstock.gateway.errors import RETRIED, ApiError, EdgeCode, code_named
from penstock.gateway.sent_events import ERROR, MISSING, Events, event
from penstock.gateway.spread import of_part, part_asked
from penstock.gateway.streams import LOOK_S
from penstock.gateway.web import Gateway, gateway_of
from penstock.store.port import StoreError

Here = Callable[[frozenset[int]], Events]
"""What is told of partitions that are open here; raises ApiError when one of them has left."""

HERE: Final = ""
TOLD_MAX: Final = 1_000
"""Events that wait for who follows; the partitions wait with theirs until he has taken some."""
MENDS: Final = RETRIED | {504}
"""Statuses of what is not so for ever: of partitions, not of who follows or of what he asks."""
_ERROR: Final = b"event: " + ERROR.encode() + b"\ndata: "
_MISSING: Final = b"event: " + MISSING.encode() + b"\ndata: "


async def everywhere(request: Request, here: Here) -> Events:
    """What is told of all partitions; to another node that asks, of those that it asks for."""
    gateway, numbers = gateway_of(request), part_asked(request)
    if numbers is not None:
        return Followed(gateway, here, numbers).events()
    return Followed(
        gateway, here, range(gateway.reads.partitions), await asked_of(request)
    ).events()


class Source:
    """Who tells of these partitions: `telling` once anything has come, but for those `missing`
    there.
    """

    def __init__(self, numbers: frozenset[int]) -> None:
        self.numbers = numbers
        self.missing: dict[int, MissingPartition] = {}
        self.telling = False
        self.task: asyncio.Task[None] | None = None

    def let_go(self) -> None:
        """What it tells is not wanted any more."""
        if self.task is not None:
            self.task.cancel()


Told = bytes | MissingPartitions | ApiError


class Followed:
    """The sources of one stream over `numbers`; without `asked` none of them is another node. Used
    on the event loop.
    """

    def __init__(
        self, gateway: Gateway, here: Here, numbers: Iterable[int], asked: Asked | None = None
    ) -> None:
        self._gateway = gateway
        self._here = here
        self._numbers = frozenset(numbers)
        self._asked = asked
        self._sources: dict[str, Source] = {}
        self._queue: asyncio.Queue[tuple[Source, Told]] = asyncio.Queue(TOLD_MAX)
        self._missing: dict[int, MissingPartition] = {}
        self._said: dict[int, MissingPartition] = {}

    async def events(self) -> Events:
        """All that is told; raises ApiError for what it does not help to ask again."""
        loop, looked_s = asyncio.get_running_loop(), float("-inf")
        try:
            while not self._gateway.watch.closing:
                told: bytes | None = None
                if loop.time() - looked_s >= LOOK_S:
                    self._keep_up(*await self._who_tells())
                    looked_s = loop.time()
                else:
                    try:
                        async with asyncio.timeout_at(looked_s + LOOK_S):
                            told = self._taken(*await self._queue.get())
                    except TimeoutError:
                        continue
                if self._missing != self._said:
                    self._said = dict(self._missing)
                    yield event(MISSING, MissingPartitions(list(self._said.values())))
                if told is not None:
                    yield told
        finally:
            for source in self._sources.values():
                source.let_go()

    async def _who_tells(self) -> tuple[dict[str, frozenset[int]], dict[int, ApiError]]:
        """Partitions by the address of their owner, HERE if it is this node; and why nobody tells
        of the others.
        """
        reads, nodes = self._gateway.reads, self._gateway.forwarder.nodes
        found: dict[str, set[int]] = {}
        nobody: dict[int, ApiError] = {}
        others = None if nodes is None or self._asked is None else (await nodes.look()).urls
        for number in self._numbers:
            url = None if others is None else others.get(number)
            if reads.is_open(number):
                found.setdefault(HERE, set()).add(number)
            elif nodes is not None and url is not None and url != nodes.here:
                found.setdefault(url, set()).add(number)
            elif others is not None and url is None and not reads.is_stopped(number):
                nobody[number] = ApiError(
                    EdgeCode.UNREACHED, f"partition {number} has no owner just now"
                )
            else:
                nobody[number] = reads.why_not(number)
        return {where: frozenset(those) for where, those in found.items()}, nobody

    def _keep_up(self, wanted: dict[str, frozenset[int]], nobody: dict[int, ApiError]) -> None:
        """Let sources go that tell of others than they should, and begin those that are missing.
        One that has not told anything since the last look may never do so.
        """
        for where, source in list(self._sources.items()):
            ended = source.task is None or source.task.done()
            if ended or source.numbers != wanted.get(where):
                source.let_go()
                del self._sources[where]
            elif not source.telling:
                silent = ApiError(EdgeCode.UNREACHED, "its owner has not answered yet")
                for number in source.numbers - self._missing.keys():
                    self._missing[number] = _missing(number, silent)
        for number, why in nobody.items():
            self._missing[number] = _missing(number, why)
        for where in wanted.keys() - self._sources.keys():
            source = self._sources[where] = Source(wanted[where])
            source.task = asyncio.ensure_future(self._hand_on(where, source))

    def _taken(self, source: Source, told: Told) -> bytes | None:
        """What is to be told on of it. Of a source that was let go, nothing: another one begins."""
        if source not in self._sources.values():
            return None
        if isinstance(told, ApiError):
            if told.status not in MENDS:
                raise told
            source.missing = {number: _missing(number, told) for number in source.numbers}
            source.telling = False
        elif isinstance(told, MissingPartitions):
            source.missing = {one.partition: one for one in told.partitions}
        else:
            source.telling = True
        for number in source.numbers:
            if number in source.missing:
                self._missing[number] = source.missing[number]
            elif source.telling:
                self._missing.pop(number, None)
        return told if isinstance(told, bytes) else None

    async def _hand_on(self, where: str, source: Source) -> None:
        """What a source tells. One that ends is begun anew with the next look."""
        why = ApiError(EdgeCode.UNREACHED, "its owner has ended the stream; it is asked again")
        told = self._here(source.numbers) if where == HERE else self._there(where, source.numbers)
        try:
            async with aclosing(told) as events:
                async for one in events:
                    await self._queue.put((source, one))
        except ApiError as error:
            why = error
        except StoreError:  # a partition is being closed just now
            why = ApiError(EdgeCode.RESTORING, "it can not be read just now")
        await self._queue.put((source, why))

    async def _there(self, url: str, numbers: frozenset[int]) -> AsyncGenerator[Told]:
        assert self._asked is not None, "there are other nodes"
        asked = of_part(self._asked, sorted(numbers))
        async with aclosing(self._gateway.forwarder.follow(url, asked)) as chunks:
            async for block in _blocks(chunks):
                if block.startswith(_ERROR):
                    raise _error(block)
                if block.startswith(_MISSING):
                    yield msgspec.json.decode(block.removeprefix(_MISSING), type=MissingPartitions)
                elif not block.startswith(b":"):
                    yield block + b"\n\n"


def _missing(number: int, why: ApiError) -> MissingPartition:
    return MissingPartition(number, why.code, why.message)


def _error(block: bytes) -> ApiError:
    """Why another node ends its stream."""
    ended = msgspec.json.decode(block.removeprefix(_ERROR), type=StreamEnded)
    return ApiError(code_named(ended.code) or EdgeCode.UNREACHED, ended.message)


async def _blocks(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Events, whole, however they come."""
    data = b""
    async for chunk in chunks:
        *whole, data = (data + chunk).split(b"\n\n")
        for block in whole:
            yield block
