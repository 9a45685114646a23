"""A request of a task: measured, logged, and its errors as those of a task.

A request that is wrong in itself is a business exception named by its code, which is not tried
again; one that only failed now is a failure of the attempt.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from penstock.builtin.bounds import TRANSIENT, OutboundError, host_of
from penstock.builtin.outbound import Answer, Outbound
from penstock.sdk.context import TaskContext
from penstock.sdk.errors import TaskError

BAD_INPUT: Final = "BAD_INPUT"
SECRET_UNKNOWN: Final = "SECRET_UNKNOWN"
SECRET_REFUSED: Final = "SECRET_REFUSED"
"""Business exceptions, beside the codes of a request that is wrong in itself."""


class RequestFailed(Exception):
    """The attempt has failed; another may do better."""


async def send(
    ctx: TaskContext,
    outbound: Outbound,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    read: bool = True,
) -> Answer:
    """Send a request; TaskError or RequestFailed if there is no answer."""
    tags = {"host": checked_host(url), "method": method}
    begun, result = time.perf_counter(), ""
    try:
        answer = await outbound.send(method, url, headers=headers, body=body, read=read)
        result = str(answer.status)
    except OutboundError as error:
        result = error.code
        if error.code in TRANSIENT:
            raise RequestFailed(str(error)) from None
        raise _own_fault(error) from None
    finally:
        ctx.counter("requests", 1, {**tags, "result": result})
        ctx.timer("duration", time.perf_counter() - begun, tags)
        ctx.log(f"{method} {tags['host']}: {result}")
    return answer


def checked_host(url: str) -> str:
    """The host of an address, or TaskError."""
    try:
        return host_of(url)
    except OutboundError as error:
        raise _own_fault(error) from None


def _own_fault(error: OutboundError) -> TaskError:
    return TaskError(error.code, error.message)
