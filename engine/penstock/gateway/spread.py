"""Questions to all partitions, wherever they are: lists, a partition after the other, and what each
partition says for itself.

A node that is asked by another one answers for what is open there, and says what that was. A
partition that is stopped is left out, and named: `missing`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from msgspec.structs import replace
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from penstock.core.views.filling import Filling
from penstock.gateway.asked import PART_HEADER, Asked, asked_of, is_forwarded, part_header, raw
from penstock.gateway.cursors import cursor_text
from penstock.gateway.errors import ApiError, NotHere
from penstock.gateway.index_scan import place_of
from penstock.gateway.patience import Patience
from penstock.gateway.web import gateway_of, json_answer, searched
from penstock.processor.errors import StopCause

ReadPage = Callable[[Filling, str | None, int], str | None]
"""Page, cursor and end: fills a page from the partitions from the cursor's on and before the end,
and says where it goes on.
"""
Read = Callable[[list[int]], list[Any]]

PARTIAL_WAIT_S: Final = 0.5


async def paged(request: Request, read: ReadPage, limit: int) -> Response:
    """A page of a list over all partitions, in their order. A cursor begins with a partition."""
    gateway = gateway_of(request)
    reads, forwarder = gateway.reads, gateway.forwarder
    patience = forwarder.patience()
    cursor = request.query_params.get("cursor")
    page = Filling(limit)
    missing: list[int] = []
    while True:
        number, after = place_of(cursor)
        end = reads.open_until(number)
        try:
            if number >= reads.partitions:
                cursor = None
            elif end > number:
                rest = page.rest()
                following = await searched(request, read, rest, cursor, end)
                page.take(rest)
                cursor = following or _beginning(end)
            elif is_forwarded(request):
                if number != place_of(request.query_params.get("cursor"))[0]:
                    break
                reads.check_served(number)
            else:
                reads.check_not_stopped(number)
                asked = await _for_page(request, cursor, page.left)
                answer = await forwarder.part(number, asked, patience)
                if answer is not None:
                    for item in answer["items"]:
                        page.add(item)
                    cursor = answer["cursor"]
                    patience = forwarder.patience()
        except NotHere as away:
            if is_forwarded(request) or gateway.forwarder.nodes is None:
                raise
            await patience.pause(away)
            continue
        except ApiError as error:
            if error.code not in set(StopCause) or after:
                raise
            missing.append(number)
            cursor = _beginning(number + 1)
        if cursor is None or not page.left or place_of(cursor)[1]:
            break
    if cursor is not None and place_of(cursor)[0] >= reads.partitions:
        cursor = None
    return answer_of(page.items, cursor, missing)


def answer_of(
    items: Sequence[Any], cursor: str | None, missing: list[int], **more: Any
) -> Response:
    """A page; what is missing from it is named."""
    body: dict[str, Any] = {"items": items, "cursor": cursor, **more}
    if missing:
        body["missing"] = sorted(missing)
    return json_answer(body)


class Everywhere:
    """What each partition says for itself, asked of all owners at once. `whole` has it go on until
    all have said it; else who does not answer soon is left out.
    """

    def __init__(
        self,
        request: Request,
        read: Read,
        *,
        numbers: Iterable[int] | None = None,
        is_here: Callable[[int], bool] | None = None,
        searches: bool = False,
    ) -> None:
        self.missing: list[int] = []
        self.items: list[Any] = []
        self._request = request
        self._read = read
        self._searches = searches
        self._gateway = gateway_of(request)
        self._is_here = is_here or self._gateway.reads.is_open
        self._left = set(range(self._gateway.reads.partitions) if numbers is None else numbers)

    async def ask(self, *, whole: bool = True) -> None:
        """Fill `items` and `missing`."""
        forwarder = self._gateway.forwarder
        patience = forwarder.patience() if whole else Patience(PARTIAL_WAIT_S)
        while True:
            try:
                reason = await self._round(again=patience.tries > 0)
                if reason is None:
                    return
                if forwarder.nodes is None and whole:
                    raise reason
                await patience.pause(reason)
            except ApiError:
                if whole:
                    raise
                self.missing += self._left
                return

    async def _round(self, *, again: bool) -> ApiError | None:
        """Ask once for what is left; why some is left still."""
        reads, nodes = self._gateway.reads, self._gateway.forwarder.nodes
        self._note(await self.here())
        if not self._left:
            return None
        reason: ApiError = NotHere(min(self._left))
        if nodes is None:
            return reads.why_not(min(self._left))
        urls = (await nodes.look(again=again)).urls
        asked: dict[str, list[int]] = {}
        for number in sorted(self._left):
            url = urls.get(number)
            if url is not None and url != nodes.here:
                asked.setdefault(url, []).append(number)
        answers = await asyncio.gather(
            *(self._there(url, numbers) for url, numbers in asked.items()), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, ApiError):
                reason = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                self._note(answer)
        return reason if self._left else None

    async def here(self) -> dict[str, Any]:
        """What is left of the partitions that are open, or stopped, here."""
        if self._searches:
            return await searched(self._request, self._here)
        return await run_in_threadpool(self._here)

    def _here(self) -> dict[str, Any]:
        reads = self._gateway.reads
        numbers = [number for number in sorted(self._left) if self._is_here(number)]
        away = self._left.difference(numbers)
        stopped = [number for number in sorted(away) if reads.is_stopped(number)]
        return {"items": self._read(numbers), "partitions": numbers, "stopped": stopped}

    async def _there(self, url: str, numbers: list[int]) -> Any:
        asked = of_part(await asked_of(self._request), numbers)
        return await self._gateway.forwarder.at(url, asked)

    def _note(self, answer: dict[str, Any]) -> None:
        self.items += answer["items"]
        self.missing += answer["stopped"]
        self._left -= {*answer["partitions"], *answer["stopped"]}


async def everywhere(
    request: Request,
    read: Read,
    *,
    numbers: Iterable[int] | None = None,
    is_here: Callable[[int], bool] | None = None,
    whole: bool = True,
    searches: bool = False,
) -> Everywhere | Response:
    """What all partitions say, or `numbers` of them; to another node that asks, the answer for what
    is here. One that `searches` looks at much.
    """
    asked = part_asked(request)
    if asked is not None:
        one = Everywhere(request, read, numbers=asked, is_here=is_here, searches=searches)
        return json_answer(await one.here())
    found = Everywhere(request, read, numbers=numbers, is_here=is_here, searches=searches)
    await found.ask(whole=whole)
    return found


def part_asked(request: Request) -> frozenset[int] | None:
    """The partitions for which another node asks, of those that there are; None if none does."""
    part = part_header(request)
    if part is None:
        return None
    known = range(gateway_of(request).reads.partitions)
    return frozenset(number for number in known if str(number) in part.split(","))


def of_part(asked: Asked, numbers: Iterable[int]) -> Asked:
    """A request as it is for some partitions, which the node has that it is sent to."""
    part = raw({PART_HEADER: ",".join(map(str, numbers))})
    return replace(asked, headers=(*asked.headers, *part))


def _beginning(number: int) -> str:
    return cursor_text(f"{number}:".encode())


async def _for_page(request: Request, cursor: str | None, limit: int) -> Any:
    """The request as it is for the rest of a page."""
    asked = await asked_of(request)
    path, _, query = asked.target.decode("ascii").partition("?")
    params = [
        (name, value)
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name not in ("cursor", "limit")
    ]
    params.append(("limit", str(limit)))
    if cursor is not None:
        params.append(("cursor", cursor))
    return replace(asked, target=f"{path}?{urlencode(params)}".encode())
