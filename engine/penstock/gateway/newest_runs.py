"""Runs that filters name, whatever their spec; newest first (run_window.py has how)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from starlette.datastructures import QueryParams

from penstock.contracts.filters import RunFilters
from penstock.core.flow.run_filter import RunFilter, as_looked_for
from penstock.core.state.run import WfRun
from penstock.core.views.seen import Seen
from penstock.gateway.dialects import Dialect
from penstock.gateway.filters import filters_in
from penstock.gateway.run_window import Found, Place, Window, words_of_runs


class RunSearch(RunFilter, frozen=True):
    """What is looked for."""

    @classmethod
    def of(cls, params: QueryParams) -> RunSearch:
        """The search that the parameters of a query ask for."""
        asked = filters_in(params, RunFilters)
        return cls(
            **words_of_runs(asked),
            text=as_looked_for(asked.get("q")),
            statuses=frozenset(asked.get("status", ())),
        )


def runs_in(window: Window[RunSearch], dialect: Dialect, numbers: Iterable[int]) -> Iterator[Found]:
    """The runs of a window, in some partitions."""
    for seen, run in window.within(numbers, _itself):
        if window.asked.wants(run):
            window.found += 1
            key = (run.started_ms, run.wf_run_id, "")
            yield Found(key, Place.of(run), partial(dialect.head, seen))


def _itself(seen: Seen) -> tuple[WfRun]:
    return (seen.run,)
