"""A retry policy as a TASK has it."""

from __future__ import annotations

from typing import Any

from penstock.core.limits import MAX_ATTEMPTS_MAX
from penstock.core.state.backoff import Backoff
from penstock.flows.model import Retry


def of_task(retry: Retry | None) -> dict[str, Any]:
    """The fields of a TaskNode."""
    if retry is None:
        return {}
    return {
        "max_attempts": min(retry.max_attempts or MAX_ATTEMPTS_MAX, MAX_ATTEMPTS_MAX),
        "backoff": _backoff(retry),
        "retry_within_ms": retry.max_duration_ms,
        "warn_on_retry": retry.warning_on_retry,
    }


def _backoff(retry: Retry) -> Backoff:
    if retry.type == "random":
        most = retry.max_interval_ms or retry.min_interval_ms
        jitter = (most - retry.min_interval_ms) / most
        return Backoff(base_ms=most, max_ms=most, jitter=jitter)
    if retry.type == "constant":
        return Backoff(base_ms=retry.interval_ms, max_ms=retry.interval_ms)
    growing = Backoff(base_ms=retry.interval_ms, multiplier=retry.delay_factor)
    if retry.max_interval_ms is None:
        return growing
    return Backoff(
        base_ms=retry.interval_ms, multiplier=retry.delay_factor, max_ms=retry.max_interval_ms
    )
