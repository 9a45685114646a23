"""Clients for tests, with resolvers of their own."""

import asyncio
import ssl
from collections.abc import Sequence

import pytest

from penstock.builtin.addresses import allowed_of
from penstock.builtin.bounds import OutboundCode, OutboundError
from penstock.builtin.outbound import Outbound, Resolve, resolve
from penstock.core.commands.report_task import ReportTask
from penstock.sdk.attempt import Attempt
from tests.builtin.receivers import Receiver


def outbound(
    receiver: Receiver | None = None,
    *,
    allow: Sequence[str] = ("127.0.0.1",),
    resolver: Resolve = resolve,
    timeout_s: float = 5.0,
    verify: ssl.SSLContext | None = None,
) -> Outbound:
    ports = frozenset({80, 443} | ({receiver.port} if receiver else set()))
    return Outbound(
        allowed=allowed_of(allow),
        ports=ports,
        resolver=resolver,
        timeout_s=timeout_s,
        verify=verify or NO_TLS,
    )


NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is made at once


class Names:
    """A resolver with an answer for each time that it is asked; the last one stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = answers
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers[min(self.asked, len(self.answers)) - 1]


async def awaited(attempt: Attempt) -> ReportTask:
    """What a worker reports of an attempt that it awaits."""
    begun = attempt.begin_async()
    if isinstance(begun, ReportTask):
        return begun
    running = asyncio.ensure_future(begun)
    await asyncio.wait([running])
    return attempt.ended(running)


async def code_of(client: Outbound, url: str, method: str = "GET", **given: object) -> OutboundCode:
    with pytest.raises(OutboundError) as refused:
        await client.send(method, url, **given)  # pyright: ignore[reportArgumentType]
    assert len(refused.value.message) > 20
    return refused.value.code
