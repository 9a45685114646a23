"""Runs, newest first: those that a filter names, whatever their spec (run_window.py has how)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from starlette.datastructures import QueryParams

from penstock.core.state.run import WfRun
from penstock.core.state.transitions import ThreadStatus
from penstock.core.views.seen import Seen
from penstock.gateway.dialects import Dialect
from penstock.gateway.errors import bad_request
from penstock.gateway.run_window import Found, OfRuns, Place, Window, words_of_runs
from penstock.gateway.says import Param

STATUSES: Final = frozenset(ThreadStatus)


class Newest(OfRuns, frozen=True):
    """What is looked for; no words, and no statuses, are any."""

    text: str | None = None
    statuses: frozenset[str] = frozenset()

    @classmethod
    def of(cls, params: QueryParams) -> Newest:
        """The search that the parameters of a query ask for."""
        for name in ("variable", "path", "version"):
            if name in params:
                raise bad_request(f"parameter `{name}` does not go with `order`")
        statuses = frozenset(params.getlist("status"))
        unknown = sorted(statuses - STATUSES)
        if unknown:
            known = ", ".join(sorted(STATUSES))
            raise bad_request(f"parameter `status` can not be {unknown[0][:40]!r}; use {known}")
        text = params.get("q")
        return cls(
            **words_of_runs(params),
            text=None if text is None else text.casefold(),
            statuses=statuses,
        )

    def wants(self, run: WfRun) -> bool:
        """Whether a run of such a spec is one."""
        return (
            (not self.statuses or run.status in self.statuses)
            and self.is_in_time(run.started_ms)
            and (self.text is None or self._says(run, self.text))
        )

    def _says(self, run: WfRun, text: str) -> bool:
        words = (run.wf_run_id, run.wf_spec, *(f"{key}:{run.labels[key]}" for key in run.labels))
        return any(text in word.casefold() for word in words)


def runs_in(window: Window[Newest], dialect: Dialect, numbers: Iterable[int]) -> Iterator[Found]:
    """The runs of a window, in some partitions."""
    for seen, run in window.within(numbers, _itself):
        if window.asked.wants(run):
            key = (run.started_ms, run.wf_run_id, "")
            yield Found(key, Place.of(run), partial(dialect.head, seen))


def _itself(seen: Seen) -> tuple[WfRun]:
    return (seen.run,)


SAYS_OF_NEWEST: Final = (
    Param("q", str, "With `order`: what is in an id, a name or a label, in any case of letters."),
    Param("status", list[ThreadStatus], "With `order`: in one of these statuses."),
)
