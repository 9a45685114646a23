"""What attempts have measured, across runs: found, and added up over time (run_window.py has how).

A series of an attempt counts once, with what it came to in that attempt, and at the time when that
began.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from msgspec import Struct
from msgspec.structs import astuple
from starlette.datastructures import QueryParams

from penstock.contracts.answers.measured import Bucket
from penstock.contracts.filters import MetricFilters
from penstock.core.flow.run_filter import OfRuns
from penstock.core.state.task_rows import AttemptMetrics, Series
from penstock.core.values.timestamps import timestamp_text
from penstock.core.views.seen import Json, Seen, SeenAttempt
from penstock.gateway.dialects import Dialect
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import filters_in
from penstock.gateway.run_window import Found, Place, Window, words_of_runs
from penstock.gateway.run_words import Asked, Measure, measures_of

BUCKETS: Final[dict[str, int | None]] = {
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "all": None,
}
assert tuple(BUCKETS) == get_args(Bucket), "the documented ones"


class MetricSearch(OfRuns, frozen=True):
    """What is looked for; None, and no words, are anything."""

    attempts: Asked = Asked()
    measure: Measure = Measure()

    @classmethod
    def of(cls, params: QueryParams) -> MetricSearch:
        """The search that the parameters of a query ask for."""
        asked = filters_in(params, MetricFilters)
        attempts = Asked(task=asked.get("task"), task_def=asked.get("task_def"))
        return cls(**words_of_runs(asked), attempts=attempts, measure=Measure.of(params))

    def wants(self, of: SeenAttempt, series: Series) -> bool:
        """Whether a series of an attempt is one."""
        wanted = self.attempts.wants_attempt(of) and self.is_in_time(of.at_ms)
        return wanted and self.measure.wants(series)


def metrics_in(
    window: Window[MetricSearch], dialect: Dialect, numbers: Iterable[int]
) -> Iterator[Found]:
    """The series of a window, in some partitions."""
    for seen, of, at, series in _wanted(window, dialect, numbers):
        place = f"{of.task.guid}:{of.number:010}:{at:03}"

        def as_json(seen: Seen = seen, of: SeenAttempt = of, series: Series = series) -> Json:
            return dialect.metric(seen, of, series)

        yield Found((of.at_ms, seen.run.wf_run_id, place), Place.of(seen.run), as_json)


class Sums(Struct):
    """What the series of one name and kind came to, in one bucket."""

    count: int
    total: float
    least: float
    most: float

    def add(self, other: Sums) -> None:
        """And those."""
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)


Group = tuple[str, str, int]
"""Name, kind, and when the bucket begins."""


def sums(
    window: Window[MetricSearch], dialect: Dialect, bucket: str, numbers: Iterable[int]
) -> list[Json]:
    """What the series of a window, in some partitions, come to."""
    groups: dict[Group, Sums] = {}
    length_ms = BUCKETS[bucket]
    for _, of, _, series in _wanted(window, dialect, numbers):
        begins_ms = 0 if length_ms is None else of.at_ms - of.at_ms % length_ms
        value = series.value
        _add(groups, (series.name, series.kind, begins_ms), Sums(1, value, value, value))
    told: list[Json] = [{"group": group, "sums": astuple(found)} for group, found in groups.items()]
    return told + window.ends()


def by_bucket(found: list[Json], bucket: str) -> list[Json]:
    """What all partitions have added up, by name, kind and time. Counts and sums of all windows
    add up; a mean is theirs.
    """
    groups: dict[Group, Sums] = {}
    for one in found:
        if "group" in one:
            _add(groups, tuple(one["group"]), Sums(*one["sums"]))
    return [_shown(group, groups[group], bucket) for group in sorted(groups)]


def bucket_of(params: QueryParams) -> str:
    """Over how long it is added up."""
    bucket = params.get("bucket", "day")
    if bucket not in BUCKETS:
        raise bad_request(f"parameter `bucket` must be one of {', '.join(BUCKETS)}")
    return bucket


def _add(groups: dict[Group, Sums], group: Group, more: Sums) -> None:
    known = groups.get(group)
    if known is None:
        groups[group] = more
    else:
        known.add(more)


def _shown(group: Group, found: Sums, bucket: str) -> Json:
    name, kind, begins_ms = group
    return {
        "name": name,
        "kind": kind,
        "from": None if BUCKETS[bucket] is None else timestamp_text(begins_ms),
        "count": found.count,
        "sum": found.total,
        "min": found.least,
        "max": found.most,
        "avg": found.total / found.count,
    }


def _wanted(
    window: Window[MetricSearch], dialect: Dialect, numbers: Iterable[int]
) -> Iterator[tuple[Seen, SeenAttempt, int, Series]]:
    def entries(seen: Seen) -> Iterator[tuple[SeenAttempt, int, Series]]:
        """The series of each attempt, of a run that has measured anything at all."""
        of_run = (seen.run.tenant, seen.run.wf_run_id)
        if next(iter(seen.rows.scan(AttemptMetrics, *of_run)), None) is not None:
            for of, measured in measures_of(dialect, seen):
                for at, series in enumerate(measured):
                    yield of, at, series

    for seen, (of, at, series) in window.within(numbers, entries):
        if window.asked.wants(of, series):
            yield seen, of, at, series
