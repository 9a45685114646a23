"""How a task is tried: attempts, time-outs and the wait between, as users write them and as the
core has them.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from penstock.core.limits import DURATION_MS_MAX, MAX_ATTEMPTS_MAX, TASK_TIMEOUT_MS_DEFAULT
from penstock.core.state.backoff import Backoff as CoreBackoff
from penstock.sdk.errors import DefinitionError

Duration = float | timedelta
"""Seconds, or a timedelta."""


class Backoff(Struct, frozen=True):
    """How long to wait before a retry: `base`, then `multiplier` times as long each time, at most
    `max`; less up to the fraction `jitter` of it, so that retries do not come all at once.

    >>> @task(max_attempts=5, backoff=Backoff(base=1.0, max=60.0, jitter=0.2))
    ... def fetch(page: str) -> str:
    ...     return page
    """

    base: Duration = 1.0
    multiplier: float = 2.0
    max: Duration = 3600.0
    jitter: float = 0.0


class TaskOptions(Struct, frozen=True):
    """How a use of a task is tried: how often at most, how long one attempt may run, how often its
    worker must say that it lives, and the wait between.
    """

    max_attempts: int = 1
    timeout_ms: int = TASK_TIMEOUT_MS_DEFAULT
    backoff: CoreBackoff | None = None
    heartbeat_timeout_ms: int | None = None


def duration_ms(duration: Duration, what: str, where: str) -> int:
    """A duration in milliseconds, at least one; DefinitionError if it can not be one."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if not 0 < seconds * 1000 <= DURATION_MS_MAX:
        raise DefinitionError(where, f"{what}={duration!r}: a duration is more than 0 s")
    return max(1, round(seconds * 1000))


def milliseconds(duration: Duration | None) -> int | None:
    """A duration in milliseconds; None stays None. What may not be, the server says."""
    if duration is None:
        return None
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    return round(seconds * 1_000)


def options_with(
    base: TaskOptions,
    where: str,
    *,
    max_attempts: int | None,
    timeout: Duration | None,
    heartbeat: Duration | None,
    backoff: Backoff | None,
) -> TaskOptions:
    """Options with those that are given changed."""
    changed: dict[str, Any] = {}
    if max_attempts is not None:
        if not 1 <= max_attempts <= MAX_ATTEMPTS_MAX:
            raise DefinitionError(
                where, f"max_attempts={max_attempts}: it counts the first one too"
            )
        changed["max_attempts"] = max_attempts
    if timeout is not None:
        changed["timeout_ms"] = duration_ms(timeout, "timeout", where)
    if heartbeat is not None:
        changed["heartbeat_timeout_ms"] = duration_ms(heartbeat, "heartbeat", where)
    if backoff is not None:
        if backoff.multiplier < 1:
            raise DefinitionError(
                where, f"a backoff's multiplier is at least 1, not {backoff.multiplier}"
            )
        if not 0 <= backoff.jitter <= 1:
            raise DefinitionError(
                where, f"a backoff's jitter is a fraction from 0 to 1, not {backoff.jitter}"
            )
        base_ms = duration_ms(backoff.base, "base", where)
        max_ms = duration_ms(backoff.max, "max", where)
        if base_ms > max_ms:
            raise DefinitionError(
                where, f"a backoff's base, {base_ms} ms, is not above its max, {max_ms} ms"
            )
        # None is left out, as the defaults of a node are: written out, it would be another spec.
        jitter = {"jitter": float(backoff.jitter)} if backoff.jitter else {}
        changed["backoff"] = CoreBackoff(
            base_ms=base_ms,
            multiplier=float(backoff.multiplier),
            max_ms=max_ms,
            **jitter,
        )
    return msgspec.structs.replace(base, **changed)
