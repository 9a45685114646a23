"""Search of runs by values of variables: `wf_spec`, and `variable=<name>:<value>` for each; for a
variable with `json_indexes` the name is followed by the path of one of them. And among these by the
filters of all runs.

How the text of a value is read says the newest version of the WfSpec, or the one that the filters
of versions name. What the index finds is looked at once more in its row.

Each value is a list of runs in order of their ids; those that are in all lists are found by going
on, in each, to the greatest id that another one stands at. So what it costs goes by the shortest of
them, and a page ends after so many looks, wherever it stands then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct
from starlette.datastructures import QueryParams

from penstock.contracts.filters import VariableFilters
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.flow.variable_filter import (
    Condition,
    Wanted,
    WhichVersion,
    has_values,
    wanted_value,
)
from penstock.core.limits import SEARCH_VARIABLES_MAX
from penstock.core.state.keys import after_prefix
from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.core.values.types import ValueProblem
from penstock.core.views.filling import Filling
from penstock.core.views.seen import Json
from penstock.gateway.cursors import cursor_bytes, cursor_text
from penstock.gateway.errors import bad_request
from penstock.gateway.filters import filters_in
from penstock.gateway.index_scan import ENTRIES_PER_PAGE_MAX, has_read_much, place_of
from penstock.gateway.newest_runs import RunSearch
from penstock.gateway.reads import Reads, View, check_part

STEPS_BEFORE_A_SEEK: Final = 8  # to step on is cheaper than to begin a scan anew


class Search(Struct, frozen=True):
    """What is looked for."""

    wf_spec: str
    conditions: tuple[Condition, ...]
    among: RunSearch = RunSearch()

    @classmethod
    def of(cls, params: QueryParams) -> Search | None:
        """The search that the parameters of a query ask for; None if they ask for none."""
        texts = filters_in(params, VariableFilters).get("variable", ())
        if not texts:
            return None
        if "order" in params:
            raise bad_request("parameter `order` does not go with `variable`")
        if len(texts) > SEARCH_VARIABLES_MAX:
            raise bad_request(f"parameter `variable` may be given {SEARCH_VARIABLES_MAX} times")
        conditions = tuple(map(_condition, dict.fromkeys(texts)))
        wf_spec = params.get("wf_spec")
        if wf_spec is None:
            raise bad_request("parameter `wf_spec` says whose variable it is")
        return cls(check_part("wf_spec", wf_spec), conditions, RunSearch.of(params))


def search(
    reads: Reads,
    tenant: str,
    asked: Search,
    show: Callable[[View, WfRun], Json],
    *,
    page: Filling,
    cursor: str | None,
    end: int,
) -> str | None:
    """Fill a page with runs, by partition and id, before the partition `end`; the next one's
    cursor.
    """
    number, after = place_of(cursor)
    wanted = _wanted(reads, tenant, asked)
    looks = Looks(ENTRIES_PER_PAGE_MAX)
    while number < end:
        view = reads.view(number)
        for run, goes_on in _found(view, tenant, wanted, asked.among, after, looks):
            if run is not None:
                page.add(show(view, run))
            if not page.left or looks.left <= 0 or has_read_much(view):
                return cursor_text(f"{number}:".encode() + goes_on)
        number, after = number + 1, b""
    return None


def count_in(
    reads: Reads, tenant: str, asked: Search, begins: Mapping[int, str], numbers: Iterable[int]
) -> list[Json]:
    """How many there are in some partitions, from where each begins on; and where it goes on in one
    that has more than its share of the looks.
    """
    wanted = _wanted(reads, tenant, asked)
    told: list[Json] = []
    for number in sorted(begins.keys() & set(numbers)):
        looks = Looks(max(1, ENTRIES_PER_PAGE_MAX // len(begins)))
        view, count = reads.view(number), 0
        begin = begins[number].encode()
        for run, goes_on in _found(view, tenant, wanted, asked.among, begin, looks):
            count += run is not None
            if looks.left <= 0:
                told.append({"goes_on": [number, goes_on.decode(errors="replace")]})
                break
        told.append({"count": count})
    return told


def begins_of(cursor: str | None, partitions: int) -> dict[int, str]:
    """Where a count begins, by partition."""
    if cursor is None:
        return dict.fromkeys(range(partitions), "")
    try:
        places = msgspec.json.decode(cursor_bytes(cursor), type=list[tuple[int, str]])
    except msgspec.DecodeError as error:
        raise bad_request("parameter `cursor` is not one that was given here") from error
    return {number: begin for number, begin in places if number in range(partitions)}


def _found(
    view: View, tenant: str, wanted: list[Wanted], among: RunSearch, begin: bytes, looks: Looks
) -> Iterator[tuple[WfRun | None, bytes]]:
    """The runs of a partition, each with where to go on behind it; None where there is but that."""
    lists = [RunsWith(view, one.prefix, begin, looks) for one in wanted]
    for wf_run_id, goes_on in in_all(lists, looks):
        run = None if wf_run_id is None else view.rows.peek(WfRun, tenant, wf_run_id)
        is_one = run is not None and _is_one(view.rows, run, wanted, among, looks)
        yield run if is_one else None, goes_on


class Looks:
    """How many more entries of the index may be looked at for a page."""

    def __init__(self, left: int) -> None:
        self.left = left

    def one(self) -> None:
        """One was."""
        self.left -= 1


class RunsWith:
    """The ids of the runs that have a value, in order, as bytes; `at` is the one at hand."""

    def __init__(self, view: View, prefix: bytes, begin: bytes, looks: Looks) -> None:
        self._view = view
        self._prefix = prefix
        self._looks = looks
        self.at: bytes | None = None
        self._seek(begin)

    def go_to(self, wf_run_id: bytes) -> None:
        """Go on to the first that is not below this one."""
        for _ in range(STEPS_BEFORE_A_SEEK):
            if self.at is None or self.at >= wf_run_id:
                return
            self._step()
        if self.at is not None and self.at < wf_run_id:
            self._seek(wf_run_id)

    def _seek(self, begin: bytes) -> None:
        start, end = self._prefix + begin, after_prefix(self._prefix)
        self._keys = self._view.view.keys(start, end)
        self._step()

    def _step(self) -> None:
        self._looks.left -= 1
        key = next(self._keys, None)
        self.at = None if key is None else key[len(self._prefix) :].partition(b"\x00")[0]


def in_all(lists: list[RunsWith], looks: Looks) -> Iterator[tuple[str | None, bytes]]:
    """The runs that are in all lists, each with where to go on behind it; and where to go on if
    there may be no more looks.
    """
    while (ids := [one.at for one in lists if one.at is not None]) and len(ids) == len(lists):
        greatest = max(ids)
        if min(ids) == greatest:
            behind = greatest + b"\x01"  # ids have only greater characters
            yield greatest.decode(), behind
            greatest = behind
        elif looks.left <= 0:
            yield None, greatest
        for one in lists:
            one.go_to(greatest)


def _is_one(rows: Rows, run: WfRun, wanted: list[Wanted], among: RunSearch, looks: Looks) -> bool:
    """Whether the other filters let a run pass, and it has the values."""
    spec = rows.peek(WfSpec, run.tenant, run.wf_spec, run.version)
    if spec is None or not among.wants_run(run, spec) or not among.wants(run):
        return False
    return has_values(rows, run, wanted, looks.one)


def _condition(text: str) -> Condition:
    try:
        condition = Condition.of(text)
    except ValueProblem as problem:
        raise bad_request(f"parameter `variable` {problem}") from problem
    check_part("variable", condition.name)
    return condition


def _wanted(reads: Reads, tenant: str, asked: Search) -> list[Wanted]:
    """The values, as a partition that is open here knows how the variables are declared."""
    among = asked.among
    which = WhichVersion(asked.wf_spec, among.version, among.major, among.revision)
    views = (reads.view(number) for number in range(reads.partitions) if reads.is_open(number))
    known = ((view.rows, which.find(view.rows, tenant)) for view in views)
    rows, spec = next((found for found in known if found[1] is not None), (None, None))
    if rows is None or spec is None:
        which.refuse_unknown()
    try:
        return [wanted_value(rows, tenant, spec, one) for one in asked.conditions]
    except ValueProblem as problem:
        raise bad_request(f"parameter `variable`: {problem}") from problem
