"""Task runs across runs: found, and counted by day (run_window.py has how)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from starlette.datastructures import QueryParams

from penstock.contracts.filters import TaskRunFilters
from penstock.core.flow.run_filter import OfRuns, as_looked_for
from penstock.core.state.run import WfRun
from penstock.core.values.timestamps import timestamp_text
from penstock.core.views.seen import Json, SeenTaskRun
from penstock.gateway.dialects import Dialect
from penstock.gateway.filters import filters_in, one_of
from penstock.gateway.run_window import Found, Place, Window, words_of_runs

DAY_CHARS: Final = len("2026-01-31")


class Search(OfRuns, frozen=True):
    """What is looked for; None, and no words, are anything."""

    text: str | None = None
    task: str | None = None
    task_def: str | None = None
    states: frozenset[str] = frozenset()

    @classmethod
    def of(cls, params: QueryParams, dialect: Dialect) -> Search:
        """The search that the parameters of a query ask for, in the words of a view."""
        asked = filters_in(params, TaskRunFilters)
        for state in asked.get("status", ()):
            one_of("status", state, dialect.states())
        return cls(
            **words_of_runs(asked),
            text=as_looked_for(asked.get("q")),
            task=asked.get("task"),
            task_def=asked.get("task_def"),
            states=frozenset(asked.get("status", ())),
        )

    def wants(self, run: WfRun, one: SeenTaskRun) -> bool:
        """Whether a task run of such a run is one."""
        return (
            self.task in (None, one.task_id)
            and self.task_def in (None, one.task_def)
            and (not self.states or one.state in self.states)
            and self.is_in_time(one.start_ms)
            and (self.text is None or self._says(run, one))
        )

    def _says(self, run: WfRun, one: SeenTaskRun) -> bool:
        words = (one.task_id, one.task_def or "", one.id, run.wf_run_id, run.wf_spec)
        return any(self.text in word.casefold() for word in words if self.text is not None)


def task_runs_in(
    window: Window[Search], dialect: Dialect, numbers: Iterable[int]
) -> Iterator[Found]:
    """The task runs of a window, in some partitions."""
    for run, one in _wanted(window, dialect, numbers):
        yield Found((one.start_ms, run.wf_run_id, one.place), Place.of(run), one.as_json)


def counts(window: Window[Search], dialect: Dialect, numbers: Iterable[int]) -> list[Json]:
    """How many task runs of a window, in some partitions, began on each day, by state."""
    days: dict[str, dict[str, int]] = {}
    for _, one in _wanted(window, dialect, numbers):
        states = days.setdefault(timestamp_text(one.start_ms)[:DAY_CHARS], {})
        states[one.state] = states.get(one.state, 0) + 1
    return [{"day": day, "states": states} for day, states in days.items()] + window.ends()


def by_day(found: list[Json]) -> list[Json]:
    """What all partitions have counted; the sums of all windows are those of all task runs."""
    days: dict[str, Counter[str]] = {}
    for one in found:
        if "day" in one:
            days.setdefault(one["day"], Counter()).update(one["states"])
    return [{"day": day, "states": dict(sorted(days[day].items()))} for day in sorted(days)]


def _wanted(
    window: Window[Search], dialect: Dialect, numbers: Iterable[int]
) -> Iterator[tuple[WfRun, SeenTaskRun]]:
    for seen, one in window.within(numbers, dialect.task_runs):
        if window.asked.wants(seen.run, one):
            yield seen.run, one
