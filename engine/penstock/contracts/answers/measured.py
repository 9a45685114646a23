"""The forms of answers about what attempts have measured, and what is counted of all of them."""

from __future__ import annotations

from typing import Literal

from msgspec import field

from penstock.contracts.answers.common import Answer, Time
from penstock.core.state.task_rows import MetricKind


class MetricShown(Answer, frozen=True):
    """What an attempt has measured; a timer's value is in milliseconds. `at` is when it began."""

    wf_run_id: str
    wf_spec: str
    task_run: str
    node: str
    task_def: str
    attempt: int
    at: Time
    name: str
    kind: MetricKind
    tags: dict[str, str]
    value: float
    count: int


Bucket = Literal["minute", "hour", "day", "all"]


class SumShown(Answer, frozen=True):
    """What the metrics of one name came to in a bucket of time; `count` is how many these are."""

    name: str
    kind: MetricKind
    from_: Time | None = field(name="from")
    count: int
    sum: float
    min: float
    max: float
    avg: float


CountBucket = Literal["window", "hour", "day", "all"]


class TimingShown(Answer, frozen=True):
    """How often it has happened, and how long it took."""

    count: int
    avg_ms: float
    min_ms: int
    max_ms: int


class CountsShown(Answer, frozen=True):
    """What has happened in a bucket of time, by what it is; what has not is left out."""

    from_: Time | None = field(name="from")
    counts: dict[str, TimingShown]
