"""What is searched for across runs that has no index: newest first by when it began.

An index of task runs, or of what they have measured, would be a row more for each, and such a
search is rare. So it goes over the runs, those that began last first, a window at a time: it reads
so many rows at most, a share of them in each partition. The answer says whether the window was all
there is; its cursor goes on within the window, then with the next one.

What is only added up has a window that ends in each partition for itself. What is put in order ends
everywhere with the run at which the first partition has had its share: runs that began before it
are the next window's, though some were read. So runs are in one order over all windows. Within a
window the order is that of what is found; a run that began before it may have something newer, in a
later one.

Each node looks through the partitions that it has; what they find is put together by the one that
was asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, Struct

from penstock.core.definitions.principals import Resource
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.run_filter import OfRuns
from penstock.core.limits import DATE_MS_MAX
from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.core.state.search_rows import RunBegun, ahead_of
from penstock.core.views.filling import Filling
from penstock.core.views.seen import Json, Seen
from penstock.gateway.auth import Caller
from penstock.gateway.counted_rows import CountedReader, Enough
from penstock.gateway.cursors import cursor_bytes, cursor_text
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import pairs_of
from penstock.gateway.reads import Reads, View

ROWS_PER_WINDOW_MAX: Final = 50_000
"""A task run takes about five; its place in the window is that of its run. Large rows count as
several (counted_rows.py).
"""
ROWS_OF_RUN_MAX: Final = 50_000
GROWN: Final = 2
"""How many times its share is read of a window whose end was found before."""

T = TypeVar("T")
Key = tuple[int, str, str]
"""When something began, of which run it is, and where it stands there."""


def words_of_runs(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of OfRuns that filters ask for (contracts/filters.py)."""
    child = asked.get("child_filter")
    for name, needed in (("version", "wf_spec"), ("major", "wf_spec"), ("revision", "major")):
        if name in asked and needed not in asked:
            raise bad_request(f"parameter `{name}` goes with `{needed}`, whose it is")
    return {
        "namespace": asked.get("namespace"),
        **{name: asked.get(name) for name in ("wf_spec", "version", "major", "revision")},
        "start_ms": asked.get("started_after"),
        "end_ms": asked.get("started_before"),
        "labels": pairs_of("label", asked.get("label", ())),
        "parent": asked.get("trigger_wf_run_id"),
        "child": None if child is None else child == "CHILD",
    }


class Place(NamedTuple):
    """A run by when it began (state/search_rows.py): the newest is the least."""

    ahead_ms: int
    wf_run_id: str

    @classmethod
    def of(cls, run: WfRun) -> Place:
        """That of a run."""
        return cls(ahead_of(run.started_ms), run.wf_run_id)


class Begun(NamedTuple):
    """Where a window begins in a partition: behind a run by when that began, or at the newest."""

    number: int = 0
    ahead_ms: int = 0
    after: str = ""

    @property
    def place(self) -> Place:
        """The run."""
        return Place(self.ahead_ms, self.after)


class Mark(Struct, array_like=True, frozen=True):
    """Where a search goes on: where its window begins in each of its partitions, in all if nothing
    is said; the last one that was given of it, and the run with which it ends. It is a cursor.
    """

    begins: tuple[Begun, ...] | None = None
    last: Key | None = None
    until: Place | None = None

    @classmethod
    def of(cls, cursor: str | None) -> Mark:
        """The mark that a cursor stands for."""
        if cursor is None:
            return cls()
        try:
            mark = msgspec.json.decode(cursor_bytes(cursor), type=Mark)
        except msgspec.DecodeError as error:
            raise bad_request("parameter `cursor` is not one that was given here") from error
        until = () if mark.until is None else (Begun(0, *mark.until),)
        if not all(_is_place(place) for place in (*(mark.begins or ()), *until)):
            raise bad_request("parameter `cursor` is not one that was given here")
        return mark

    @property
    def text(self) -> str:
        """As a cursor."""
        return cursor_text(msgspec.json.encode(self))


A = TypeVar("A", bound=OfRuns)


@dataclass(slots=True)
class Window(Generic[A]):
    """The runs behind the places of a mark, in each partition until a share of the rows was read;
    `ended_at` is where that was. One that is `ordered` ends everywhere with the first of them,
    `until`; in a partition also when so many were `found` as are `enough`, if what is looked for
    has the order of the runs and nothing of it was given yet. It is `cut` if some run has more than
    is read.
    """

    reads: Reads
    caller: Caller
    asked: A
    now_ms: int
    mark: Mark
    ordered: bool = False
    ended_at: list[Begun] = field(default_factory=list[Begun])
    until: Place | None = None
    cut: bool = False
    enough: int | None = None
    found: int = 0

    @property
    def begins(self) -> dict[int, Begun]:
        """Where it begins, by partition."""
        if self.mark.begins is None:
            return {number: Begun(number) for number in range(self.reads.partitions)}
        known = range(self.reads.partitions)
        return {place[0]: Begun(*place) for place in self.mark.begins if place[0] in known}

    def within(
        self, numbers: Iterable[int], entries: Callable[[Seen], Iterable[T]]
    ) -> Iterator[tuple[Seen, T]]:
        """What `entries` finds in the wanted runs of these partitions, which are open here, until
        so many rows of a run were read for it.
        """
        self.ended_at, self.cut, self.until = [], False, self.mark.until
        begins, specs = self.begins, dict[tuple[str, int], WfSpec | None]()
        share = max(1, ROWS_PER_WINDOW_MAX // max(1, len(begins)))
        if self.until is not None:
            share *= GROWN  # there may be more of it than when its end was found
        for number in sorted(begins.keys() & set(numbers)):
            left = share
            view, before, self.found = self.reads.view(number), None, 0
            for place, run in self._runs(view, begins[number]):
                if not self.has(place.place):
                    break
                if before is not None and self._has_enough():
                    self._end_at(before)
                    break
                before = place
                left -= 1
                name = (run.wf_spec, run.version)
                if name not in specs:
                    specs[name] = self._spec(view, *name)
                spec = specs[name]
                if spec is not None and self.asked.wants_run(run, spec):
                    reader = CountedReader(view.view, ROWS_OF_RUN_MAX)
                    seen = Seen(Rows(reader), run, spec, number, self.now_ms)
                    try:
                        for one in entries(seen):
                            yield seen, one
                    except Enough:
                        self.cut = True
                    left -= reader.read
                    reader.most = None  # what was found is shown later
                if left <= 0:
                    self._end_at(place)
                    break

    def has(self, place: Place) -> bool:
        """Whether a run is none of those that come after the window's end, as far as is known."""
        return self.until is None or place <= self.until

    def _has_enough(self) -> bool:
        fresh = self.mark.last is None and self.mark.until is None
        return fresh and self.enough is not None and self.found >= self.enough

    def _end_at(self, place: Begun) -> None:
        self.ended_at.append(place)
        if self.ordered:
            self.until = place.place

    def _runs(self, view: View, begins: Begun) -> Iterator[tuple[Begun, WfRun]]:
        """The runs of a partition from a place on, the newest first, each with its own place."""
        tenant, prefix = self.caller.tenant, RunBegun.key(self.caller.tenant)
        start = prefix if begins.after == "" else RunBegun.key(tenant, *begins[1:]) + b"\x00"
        if self.asked.end_ms is not None:
            start = max(start, RunBegun.key(tenant, ahead_of(self.asked.end_ms - 1)))
        for _, row in view.rows.range(RunBegun, start, after_prefix(prefix)):
            run = view.rows.peek(WfRun, tenant, row.wf_run_id)
            if run is not None:
                yield Begun(begins.number, row.ahead_ms, row.wf_run_id), run

    def _spec(self, view: View, name: str, version: int) -> WfSpec | None:
        """The spec of runs that the caller may read; of others there is nothing to be found."""
        if not self.caller.sees(Resource.WORKFLOW, name):
            return None
        return view.rows.peek(WfSpec, self.caller.tenant, name, version)

    def ends(self) -> list[Json]:
        """Where it ends, and if it is cut, for who puts it together."""
        ends: list[Json] = [{"ended": list(place)} for place in self.ended_at]
        return [*ends, {"cut": True}] if self.cut else ends


class Found(NamedTuple):
    """Something that was looked for, and how it is shown."""

    key: Key
    of: Place
    as_json: Callable[[], Json]


def newest(window: Window[Any], found: Iterable[Found], limit: int) -> list[Json]:
    """The newest that a window has in some partitions, from behind the last one that was given: one
    more than a page has, and up to where all is there; and where the window ends there.
    """
    last = window.mark.last
    every = [*found]  # only then it is known where the window ends
    behind = [one for one in every if last is None or _rank(one.key) < _rank(last)]
    first = nlargest(limit + 1, (one for one in behind if window.has(one.of)), _rank_of_found)
    page, told = Filling(limit + 1), list[Json]()
    for one in first:
        if page.left:
            page.add(one.as_json())
            told.append({"key": one.key, "of": one.of, "item": page.items[-1]})
    if len(first) > limit or len(told) < len(first):
        told.append({"known": told[-1]["key"]})
    return told + window.ends()


def page_of(found: list[Json], window: Window[Any], limit: int) -> tuple[list[Raw], str | None]:
    """A page of what all partitions have found, newest first; and the cursor of the next page."""
    mark, until = window.mark, _end_of(found, window.mark)
    keyed = [one for one in found if "key" in one and (until is None or Place(*one["of"]) <= until)]
    first = nlargest(limit + 1, keyed, key=_rank_of_told)
    # Who has more than it has told may have told what comes after the window's end in its stead.
    known = max((tuple(one["known"]) for one in found if "known" in one), key=_rank, default=None)
    if known is not None:
        first = [one for one in first if _rank_of_told(one) >= _rank(known)]
    page = Filling(limit)
    for one in first:
        if page.left:
            page.add(one["item"])
    shown = len(page.items)
    last = tuple(first[shown - 1]["key"]) if len(first) > shown else known
    if last is not None:
        return page.items, Mark(mark.begins, last=last, until=until).text
    if until is None:
        return page.items, None
    return page.items, Mark(tuple(Begun(number, *until) for number in window.begins)).text


def next_window(found: list[Json]) -> str | None:
    """The cursor of the next window, if there is one, of what is only added up."""
    ends = sorted(_ends_in(found))
    return Mark(tuple(ends)).text if ends else None


def is_whole(found: list[Json], mark: Mark) -> bool:
    """Whether a window was all there is."""
    first = mark.begins is None and mark.until is None
    return first and not any("ended" in one or "cut" in one for one in found)


def _end_of(found: list[Json], mark: Mark) -> Place | None:
    """The run with which a window ends everywhere; None if there is nothing behind it."""
    ends = [ended.place for ended in _ends_in(found)]
    return min(ends if mark.until is None else [*ends, mark.until], default=None)


def _ends_in(found: list[Json]) -> list[Begun]:
    return [Begun(*one["ended"]) for one in found if "ended" in one]


def _rank(key: Key) -> tuple[int, tuple[int, ...], str]:
    """The greatest comes first. Of runs that began together the order is that in which they are
    read, by their ids: a window may end between two of them.
    """
    at_ms, wf_run_id, where = key
    return at_ms, (*(-byte for byte in wf_run_id.encode()), 1), where


def _rank_of_found(one: Found) -> tuple[int, tuple[int, ...], str]:
    return _rank(one.key)


def _rank_of_told(one: Json) -> tuple[int, tuple[int, ...], str]:
    return _rank(tuple(one["key"]))


def _is_place(place: Begun) -> bool:
    number, ahead_ms, after = place
    return 0 <= number < 10**6 and 0 <= ahead_ms <= DATE_MS_MAX and "\x00" not in after
