"""Which runs a bulk job is about: what a filter may say, and how its runs are found.

Rows of all kinds of a run lie together, so the runs of a partition are gone through by one seek a
run, behind the last row of the one before, however many rows that has.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

from penstock.core.bulk.rows import BulkFilter, BulkPart
from penstock.core.definitions.wf_spec import WfSpec
from penstock.core.errors import Code, Reject, refuse
from penstock.core.flow.run_filter import RunFilter, as_looked_for
from penstock.core.flow.variable_filter import (
    Condition,
    Wanted,
    WhichVersion,
    has_values,
    wanted_value,
)
from penstock.core.ids import check_definition_name, check_family_id, root_of
from penstock.core.limits import BULK_IDS_MAX, DATE_MS_MAX, SEARCH_VARIABLES_MAX
from penstock.core.state.ends import counted_end
from penstock.core.state.keys import (
    after_prefix,
    behind_child_runs,
    behind_run,
    run_id_of,
    runs_prefix,
)
from penstock.core.state.rows import Rows
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from penstock.core.values.types import ValueProblem

_NOTHING_SAID = BulkFilter()
_ANY = RunFilter()
_GOES_WITH = (
    *(("version", "wf_spec"), ("major", "wf_spec"), ("revision", "major")),
    ("variable", "wf_spec"),
)
_NUMBERS = ("version", "major", "revision")
_TIMES = ("started_after_ms", "started_before_ms", "ended_after_ms", "ended_before_ms")


def check_filter(rows: Rows, tenant: str, wanted: BulkFilter) -> None:
    """Refuse a filter that says nothing, or what can not be meant."""
    _check_that_it_says_something(wanted)
    if len(wanted.wf_run_ids) > BULK_IDS_MAX:
        count = len(wanted.wf_run_ids)
        refuse(Code.LIMIT, f"{count} wf_run_ids: a filter may have {BULK_IDS_MAX}")
    for wf_run_id in wanted.wf_run_ids:
        check_family_id(wf_run_id)
    if wanted.q == "":
        refuse(Code.BAD_FILTER, "q: no text is in all of them")
    if wanted.wf_spec is not None:
        check_definition_name("wf_spec", wanted.wf_spec)
    for name, needed in _GOES_WITH:
        if getattr(wanted, name) not in (None, ()) and getattr(wanted, needed) is None:
            refuse(Code.BAD_FILTER, f"a {name} is one of a {needed}: name that, too")
    for name in _NUMBERS:
        number: int | None = getattr(wanted, name)
        if number is not None and number < 0:
            refuse(Code.BAD_FILTER, f"{name}: {number} is below 0")
    _check_variables(rows, tenant, wanted)
    for name in _TIMES:
        at_ms: int | None = getattr(wanted, name)
        if at_ms is not None and not 0 <= at_ms <= DATE_MS_MAX:
            name = name.removesuffix("_ms")
            refuse(Code.BAD_FILTER, f"{name}, in ms: {at_ms} is not between 0 and {DATE_MS_MAX}")


def _check_variables(rows: Rows, tenant: str, wanted: BulkFilter) -> None:
    """The values can be read as the spec has its variables."""
    if len(wanted.variable) > SEARCH_VARIABLES_MAX:
        refuse(
            Code.LIMIT,
            f"{len(wanted.variable)} variables: a filter may have {SEARCH_VARIABLES_MAX}",
        )
    if wanted.variable:
        which = _which_version(wanted)
        spec = which.find(rows, tenant)
        if spec is None:
            which.refuse_unknown()
        try:
            for text in wanted.variable:
                wanted_value(rows, tenant, spec, Condition.of(text))
        except ValueProblem as problem:
            refuse(Code.BAD_FILTER, f"variable: {problem}")


def _check_that_it_says_something(wanted: BulkFilter) -> None:
    """All runs are meant only by who says so."""
    criteria = BulkFilter(
        wf_run_ids=wanted.wf_run_ids,
        wf_spec=wanted.wf_spec,
        version=wanted.version,
        status=wanted.status,
        ends=wanted.ends,
        labels=wanted.labels,
        started_after_ms=wanted.started_after_ms,
        started_before_ms=wanted.started_before_ms,
        ended_after_ms=wanted.ended_after_ms,
        ended_before_ms=wanted.ended_before_ms,
        q=wanted.q,
        namespace=wanted.namespace,
        trigger_wf_run_id=wanted.trigger_wf_run_id,
    )
    if (criteria == _NOTHING_SAID) != wanted.all:
        refuse(
            Code.BAD_FILTER,
            "give at least one criterion (wf_run_ids, wf_spec, namespace, status, ends, labels, q,"
            " trigger_wf_run_id, started or ended times), or `all: true` and none",
        )


def is_passed_over(wanted: BulkFilter, wf_run_id: str) -> bool:
    """Whether it is a run below another one, of which nobody has spoken."""
    below = "." in wf_run_id and not wanted.children and not wanted.wf_run_ids
    return below and not wanted.child


def next_run_id(turn: Turn, part: BulkPart, after: str) -> str | None:
    """The id of the next run to be looked at; it may be one that is not there, or is passed over
    with all that lie below the same root.
    """
    if part.filter.wf_run_ids:
        ids = part.filter.wf_run_ids
        at = bisect_right(ids, after)
        return ids[at] if at < len(ids) else None
    tenant = part.tenant
    if not after:
        start = runs_prefix(tenant)
    elif is_passed_over(part.filter, after):
        start = behind_child_runs(tenant, root_of(after))
    else:
        start = behind_run(tenant, after)
    key = next(turn.rows.keys_of_runs(start, after_prefix(runs_prefix(tenant))), None)
    return None if key is None else run_id_of(key)


class Meant:
    """The runs that a part of a job is about, for all that one turn looks at: what the filter says
    is read once.
    """

    def __init__(self, turn: Turn, part: BulkPart) -> None:
        self._turn = turn
        self._part = part
        wanted = part.filter
        among = RunFilter(
            namespace=wanted.namespace,
            major=wanted.major,
            revision=wanted.revision,
            parent=wanted.trigger_wf_run_id,
            child=wanted.child,
            text=as_looked_for(wanted.q),
        )
        self._among = None if among == _ANY and not wanted.variable else among

    def has(self, run: WfRun) -> bool:
        """Whether a run meets the filter. One that was started since the job began does not, or a
        job might never end.
        """
        part, wanted = self._part, self._part.filter
        return (
            run.born_offset < part.offset
            and run.started_ms <= part.asked_ms
            and wanted.wf_spec in (None, run.wf_spec)
            and wanted.version in (None, run.version)
            and (not wanted.status or run.status in wanted.status)
            and wanted.labels.items() <= run.labels.items()
            and _is_within(run.started_ms, wanted.started_after_ms, wanted.started_before_ms)
            and _is_within(run.ended_ms, wanted.ended_after_ms, wanted.ended_before_ms)
            and (not wanted.ends or counted_end(self._turn.rows, run) in wanted.ends)
            and (self._among is None or self._is_among(self._among, run))
            and (not wanted.variable or self._has_values(run))
        )

    def _is_among(self, among: RunFilter, run: WfRun) -> bool:
        """Whether a search by words, or by what its spec says, finds it."""
        spec = self._turn.rows.peek(WfSpec, run.tenant, run.wf_spec, run.version)
        return spec is not None and among.wants_run(run, spec) and among.wants(run)

    def _has_values(self, run: WfRun) -> bool:
        """Whether it has the values; each look costs the turn."""
        turn, values = self._turn, self._values

        def looked() -> None:
            turn.nodes_left -= min(turn.nodes_left, 1)

        return values is not None and has_values(turn.rows, run, values, looked)

    @cached_property
    def _values(self) -> list[Wanted] | None:
        """The values that are asked for, as the spec has its variables by now; None if it has them
        no more: it was another version when the job was asked for.
        """
        rows, tenant, wanted = self._turn.rows, self._part.tenant, self._part.filter
        spec = _which_version(wanted).find(rows, tenant)
        if spec is None:
            return None
        try:
            asked = (Condition.of(text) for text in wanted.variable)
            return [wanted_value(rows, tenant, spec, one) for one in asked]
        except (ValueProblem, Reject):
            return None


def _which_version(wanted: BulkFilter) -> WhichVersion:
    wf_spec = wanted.wf_spec or ""
    return WhichVersion(wf_spec, wanted.version, wanted.major, wanted.revision)


def _is_within(at_ms: int | None, after_ms: int | None, before_ms: int | None) -> bool:
    if after_ms is None and before_ms is None:
        return True
    if at_ms is None:
        return False
    return (after_ms is None or at_ms >= after_ms) and (before_ms is None or at_ms < before_ms)
