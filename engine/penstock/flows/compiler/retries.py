"""A retry policy as a node has it: a task that is tried again, or a run that is begun anew."""

from __future__ import annotations

from typing import Any, Final

from penstock.core.definitions.graph import BeginAnew
from penstock.core.limits import MAX_ATTEMPTS_MAX
from penstock.core.state.backoff import Backoff
from penstock.flows.model import Retry

NEW_EXECUTION: Final = "CREATE_NEW_EXECUTION"


def of_task(retry: Retry | None) -> dict[str, Any]:
    """The fields of a TaskNode: it is tried again whatever it has failed with."""
    if retry is None or retry.behavior == NEW_EXECUTION:
        return of_node(retry)
    return {
        "max_attempts": _attempts(retry),
        "backoff": _backoff(retry),
        "retry_within_ms": retry.max_duration_ms,
        "warn_on_retry": retry.warning_on_retry,
        "retry_exceptions": True,
    }


def of_node(retry: Retry | None) -> dict[str, Any]:
    """The fields of a node of any type, which can not be tried again by itself."""
    if retry is None or retry.behavior != NEW_EXECUTION:
        return {}
    policy = BeginAnew(
        max_attempts=_attempts(retry), backoff=_backoff(retry), within_ms=retry.max_duration_ms
    )
    return {"begin_anew": policy}


def _attempts(retry: Retry) -> int:
    return min(retry.max_attempts or MAX_ATTEMPTS_MAX, MAX_ATTEMPTS_MAX)


def _backoff(retry: Retry) -> Backoff:
    if retry.type == "random":
        above = retry.max_interval_ms or retry.min_interval_ms + 1
        most = max(above - 1, 1)  # as the delay is rounded up, it is at least the minimum
        jitter = min(1.0, (above - retry.min_interval_ms) / most)
        return Backoff(base_ms=most, max_ms=most, jitter=jitter)
    if retry.type == "constant":
        return Backoff(base_ms=retry.interval_ms, max_ms=retry.interval_ms)
    growing = Backoff(base_ms=retry.interval_ms, multiplier=retry.delay_factor)
    if retry.max_interval_ms is None:
        return growing
    return Backoff(
        base_ms=retry.interval_ms, multiplier=retry.delay_factor, max_ms=retry.max_interval_ms
    )
