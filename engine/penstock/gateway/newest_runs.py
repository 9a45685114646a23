"""Runs that filters name, whatever their spec; newest first (run_window.py has how)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from starlette.datastructures import QueryParams

from penstock.contracts.filters import RunFilters
from penstock.core.state.run import WfRun
from penstock.core.views.seen import Seen
from penstock.gateway.dialects import Dialect
from penstock.gateway.filters import filters_in
from penstock.gateway.run_window import Found, OfRuns, Place, Window, words_of_runs


class RunSearch(OfRuns, frozen=True):
    """What is looked for; no words, and no statuses, are any."""

    text: str | None = None
    statuses: frozenset[str] = frozenset()

    @classmethod
    def of(cls, params: QueryParams) -> RunSearch:
        """The search that the parameters of a query ask for."""
        asked = filters_in(params, RunFilters)
        text = asked.get("q")
        return cls(
            **words_of_runs(asked),
            text=None if text is None else text.casefold(),
            statuses=frozenset(asked.get("status", ())),
        )

    def wants(self, run: WfRun) -> bool:
        """Whether a run of such a spec is one."""
        return self.wants_status(run) and self.wants_whatever_its_status(run)

    def wants_status(self, run: WfRun) -> bool:
        """Whether one in its status may be."""
        return not self.statuses or run.status in self.statuses

    def wants_whatever_its_status(self, run: WfRun) -> bool:
        """Whether it would be one in another status."""
        return self.is_in_time(run.started_ms) and (self.text is None or self._says(run, self.text))

    def _says(self, run: WfRun, text: str) -> bool:
        words = (run.wf_run_id, run.wf_spec, *(f"{key}:{run.labels[key]}" for key in run.labels))
        return any(text in word.casefold() for word in words)


def runs_in(window: Window[RunSearch], dialect: Dialect, numbers: Iterable[int]) -> Iterator[Found]:
    """The runs of a window, in some partitions."""
    for seen, run in window.within(numbers, _itself):
        if window.asked.wants(run):
            key = (run.started_ms, run.wf_run_id, "")
            yield Found(key, Place.of(run), partial(dialect.head, seen))


def _itself(seen: Seen) -> tuple[WfRun]:
    return (seen.run,)
