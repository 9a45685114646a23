"""Search of task runs across runs: newest first by when they began.

There is no index of task runs: it would be a row more for each, and a search is rare. So a search
goes over the runs, a window at a time: it looks at so many entries at most, a share of them in each
partition, and the order is that of the window. The answer says whether the window was all there is;
its cursor goes on within the window, then with the next one.

Each node looks through the partitions that it has; what they find is put together by the one that
was asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import islice
from typing import Final

import msgspec
from msgspec import Struct
from starlette.datastructures import QueryParams

from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.core.values.timestamps import timestamp_ms, timestamp_text
from penstock.core.values.types import ValueProblem
from penstock.core.views.seen import Json, Seen, SeenTaskRun
from penstock.gateway.dialects import Dialect
from penstock.gateway.errors import bad_request
from penstock.gateway.reads import Reads
from penstock.gateway.run_scan import RunPlace, runs_of
from penstock.gateway.web import cursor_bytes, cursor_text

ENTRIES_PER_WINDOW_MAX: Final = 10_000
TASK_RUNS_OF_RUN_MAX: Final = 10_000
DAY_CHARS: Final = len("2026-01-31")

Key = tuple[int, str, str]
"""When a task run began, of which run it is, and where it stands there."""


class Search(Struct, frozen=True):
    """What is looked for; None, and no words, are anything."""

    text: str | None = None
    namespace: str | None = None
    wf_spec: str | None = None
    task: str | None = None
    task_def: str | None = None
    states: frozenset[str] = frozenset()
    start_ms: int | None = None
    end_ms: int | None = None
    labels: tuple[tuple[str, str], ...] = ()
    parent: str | None = None
    child: bool | None = None

    @classmethod
    def of(cls, params: QueryParams) -> Search:
        """The search that the parameters of a query ask for."""
        text = params.get("q")
        return cls(
            text=None if text is None else text.casefold(),
            namespace=params.get("namespace"),
            wf_spec=params.get("wf_spec"),
            task=params.get("task"),
            task_def=params.get("task_def"),
            states=frozenset(params.getlist("state")),
            start_ms=_time(params, "start_date"),
            end_ms=_time(params, "end_date"),
            labels=tuple(_label(text) for text in params.getlist("label")),
            parent=params.get("trigger_wf_run_id"),
            child=_child(params.get("child_filter")),
        )

    def wants_run(self, run: WfRun, spec: WfSpec) -> bool:
        """Whether there may be one among the task runs of a run."""
        namespace, flow = _named(spec)
        within = (namespace, spec.name)
        return (
            (self.namespace is None or any(_is_within(one, self.namespace) for one in within))
            and self.wf_spec in (None, spec.name, flow)
            and (self.parent is None or self.parent in _triggers(run))
            and self.child in (None, run.parent is not None)
            and (self.end_ms is None or run.started_ms < self.end_ms)
            and (self.start_ms is None or run.ended_ms is None or run.ended_ms >= self.start_ms)
            and all(run.labels.get(key) == value for key, value in self.labels)
        )

    def wants(self, run: WfRun, one: SeenTaskRun) -> bool:
        """Whether a task run of such a run is one."""
        return (
            self.task in (None, one.task_id)
            and self.task_def in (None, one.task_def)
            and (not self.states or one.state in self.states)
            and (self.start_ms is None or one.start_ms >= self.start_ms)
            and (self.end_ms is None or one.start_ms < self.end_ms)
            and (self.text is None or self._says(run, one))
        )

    def _says(self, run: WfRun, one: SeenTaskRun) -> bool:
        words = (one.task_id, one.task_def or "", one.id, run.wf_run_id, run.wf_spec)
        return any(self.text in word.casefold() for word in words if self.text is not None)


class Mark(Struct, array_like=True, frozen=True):
    """Where a search goes on: where its window begins in each of its partitions, in all if nothing
    is said, and the last one that was given of it. It is a cursor.
    """

    begins: tuple[RunPlace, ...] | None = None
    last: Key | None = None

    @classmethod
    def of(cls, cursor: str | None) -> Mark:
        """The mark that a cursor stands for."""
        if cursor is None:
            return cls()
        try:
            mark = msgspec.json.decode(cursor_bytes(cursor), type=Mark)
        except msgspec.DecodeError as error:
            raise bad_request("parameter `cursor` is not one that was given here") from error
        begins = mark.begins or ()
        if not all(0 <= number < 10**6 and "\x00" not in after for number, after in begins):
            raise bad_request("parameter `cursor` is not one that was given here")
        return mark

    @property
    def text(self) -> str:
        """As a cursor."""
        return cursor_text(msgspec.json.encode(self))


@dataclass(slots=True)
class Window:
    """The runs behind the places of a mark, in each partition until a share of the entries was
    looked at; `ended_at` is where the next window begins there.
    """

    reads: Reads
    tenant: str
    dialect: Dialect
    asked: Search
    seen_of: Callable[[Rows, WfRun, WfSpec, int], Seen]
    mark: Mark
    ended_at: list[RunPlace] = field(default_factory=list[RunPlace])

    @property
    def begins(self) -> dict[int, RunPlace]:
        """Where it begins, by partition."""
        if self.mark.begins is None:
            return {number: RunPlace(number) for number in range(self.reads.partitions)}
        known = range(self.reads.partitions)
        return {place[0]: RunPlace(*place) for place in self.mark.begins if place[0] in known}

    def within(self, numbers: Iterable[int]) -> Iterator[tuple[WfRun, SeenTaskRun]]:
        """What is in these partitions of it, which are open here."""
        self.ended_at = []
        begins, specs = self.begins, dict[tuple[str, int], WfSpec | None]()
        share = max(1, ENTRIES_PER_WINDOW_MAX // max(1, len(begins)))
        for number in numbers:
            left = share
            for place, view, run in runs_of(self.reads, self.tenant, begins[number], number + 1):
                left -= 1
                name = (run.wf_spec, run.version)
                if name not in specs:
                    specs[name] = view.rows.peek(WfSpec, self.tenant, *name)
                spec = specs[name]
                if spec is not None and self.asked.wants_run(run, spec):
                    seen = self.seen_of(view.rows, run, spec, number)
                    for one in islice(self.dialect.task_runs(seen), TASK_RUNS_OF_RUN_MAX):
                        left -= 1
                        if self.asked.wants(run, one):
                            yield run, one
                if left <= 0:
                    self.ended_at.append(place)
                    break


def newest(window: Window, numbers: Iterable[int], limit: int) -> list[Json]:
    """The newest of a window in some partitions, from behind the last one that was given: one more
    than a page has; and where the window ends there.
    """
    last = window.mark.last
    found = nlargest(
        limit + 1,
        (
            (_key(run, one), one)
            for run, one in window.within(numbers)
            if last is None or _key(run, one) < tuple(last)
        ),
        key=lambda entry: entry[0],
    )
    return [{"key": key, "item": one.as_json()} for key, one in found] + _ends(window)


def page_of(found: list[Json], mark: Mark, limit: int) -> tuple[list[Json], str | None]:
    """A page of what all partitions have found, newest first; and the cursor of the next page."""
    keyed = [one for one in found if "key" in one]
    first = nlargest(limit + 1, keyed, key=lambda one: tuple(one["key"]))
    items = [one["item"] for one in first[:limit]]
    if len(first) > limit:
        return items, Mark(mark.begins, last=tuple(first[limit - 1]["key"])).text
    return items, next_window(found)


def counts(window: Window, numbers: Iterable[int]) -> list[Json]:
    """How many task runs of a window, in some partitions, began on each day, by state."""
    days: dict[str, dict[str, int]] = {}
    for _, one in window.within(numbers):
        states = days.setdefault(timestamp_text(one.start_ms)[:DAY_CHARS], {})
        states[one.state] = states.get(one.state, 0) + 1
    return [{"day": day, "states": states} for day, states in days.items()] + _ends(window)


def by_day(found: list[Json]) -> list[Json]:
    """What all partitions have counted; the sums of all windows are those of all task runs."""
    days: dict[str, Counter[str]] = {}
    for one in found:
        if "day" in one:
            days.setdefault(one["day"], Counter()).update(one["states"])
    return [{"day": day, "states": dict(sorted(days[day].items()))} for day in sorted(days)]


def next_window(found: list[Json]) -> str | None:
    """The cursor of the next window, if there is one."""
    ends = sorted(RunPlace(*one["ended"]) for one in found if "ended" in one)
    return Mark(tuple(ends)).text if ends else None


def _ends(window: Window) -> list[Json]:
    return [{"ended": list(place)} for place in window.ended_at]


def _triggers(run: WfRun) -> tuple[str | None, ...]:
    """The runs that have started this one: the run above, or one whose end did."""
    return (run.parent, None if run.started_by is None else run.started_by.wf_run_id)


def _key(run: WfRun, one: SeenTaskRun) -> Key:
    return one.start_ms, run.wf_run_id, one.place


def _named(spec: WfSpec) -> tuple[str, str]:
    namespace = spec.body.namespace or ""
    return namespace, spec.name.removeprefix(f"{namespace}.")


def _is_within(name: str, namespace: str) -> bool:
    """Whether a name is a namespace, or below it."""
    return name == namespace or name.startswith(namespace.rstrip(".") + ".")


def _time(params: QueryParams, name: str) -> int | None:
    text = params.get(name)
    try:
        return None if text is None else timestamp_ms(text)
    except ValueProblem as problem:
        raise bad_request(f"parameter `{name}`: {problem}") from problem


def _label(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not colon:
        raise bad_request("parameter `label` must be <key>:<value>")
    return key, value


def _child(text: str | None) -> bool | None:
    if text not in (None, "CHILD", "MAIN"):
        raise bad_request("parameter `child_filter` must be CHILD or MAIN")
    return None if text is None else text == "CHILD"
