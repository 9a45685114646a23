"""Waits until every partition, here and on other nodes, has what partition 0 has decided."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from msgspec import Struct

from penstock.core.state.rows import Row
from penstock.gateway.asked import PART_HEADER, Asked, raw
from penstock.gateway.auth import Caller
from penstock.gateway.errors import ApiError, EdgeCode
from penstock.gateway.web import Gateway
from penstock.log.port import Position

LOOK_S: Final = 0.05


class Registered(Struct, frozen=True):
    """What has been put: what people call it, its row, and where nodes show it."""

    what: str
    kind: type[Row]
    key: bytes
    path: str


async def wait_until_everywhere(gateway: Gateway, caller: Caller, put: Registered) -> None:
    """Return when all partitions have it; raises ApiError when they do not in time. It counts as a
    wait.
    """
    with gateway.waits.one_of(caller.tenant):
        await _until_everywhere(gateway, caller, put)


async def _until_everywhere(gateway: Gateway, caller: Caller, put: Registered) -> None:
    reads = gateway.reads
    deadline = time.monotonic() + gateway.limits.answer_timeout_s
    decided = reads.definitions().view.get(put.kind, put.key)
    version = getattr(decided, "version", None)

    def missing() -> list[int]:
        return [
            number
            for number in range(reads.partitions)
            if reads.is_open(number)
            and not _has(reads.view(number).view.get(put.kind, put.key), version)
        ]

    await reads.watch.until(
        put.key, lambda: None if missing() else True, gateway.limits.answer_timeout_s
    )
    elsewhere = await _missing_elsewhere(gateway, caller, put.path, version, deadline)
    still = sorted(missing() + elsewhere)
    if still:
        raise ApiError(
            EdgeCode.NOT_EVERYWHERE,
            f"{put.what} is registered; partitions {still} do not have it yet",
            position=Position(0, reads.definitions().position.offset),
        )


async def _missing_elsewhere(
    gateway: Gateway, caller: Caller, path: str, version: int | None, deadline: float
) -> list[int]:
    """Which partitions of other nodes do not have it by the deadline."""
    reads, forwarder = gateway.reads, gateway.forwarder
    if forwarder.nodes is None:
        return []
    left = [number for number in range(reads.partitions) if not reads.is_open(number)]
    while left and time.monotonic() < deadline:
        for number in list(left):
            headers = raw({**caller.headers, PART_HEADER: str(number)})
            asked = Asked(method="GET", target=path.encode(), headers=headers, tenant=caller.tenant)
            try:
                found = await forwarder.part(number, asked, forwarder.patience())
            except ApiError:
                continue
            has = found is not None and (version is None or found.get("version", 0) >= version)
            if has or reads.is_open(number):
                left.remove(number)
        if left:
            await asyncio.sleep(LOOK_S)
    return left


def _has(row: Row | None, version: int | None) -> bool:
    """Whether it is there, and no older; what has no versions never changes."""
    return row is not None and (version is None or getattr(row, "version", 0) >= version)
