"""Which runs a bulk job is about: what a filter may say, and how its runs are found.

Rows of all kinds of a run lie together, so the runs of a partition are gone through by one seek a
run, behind the last row of the one before, however many rows that has.
"""

from __future__ import annotations

from bisect import bisect_right

from penstock.core.bulk.rows import BulkFilter, BulkPart
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_definition_name, check_family_id, root_of
from penstock.core.limits import BULK_IDS_MAX, DATE_MS_MAX
from penstock.core.state.ends import counted_end
from penstock.core.state.keys import (
    after_prefix,
    behind_child_runs,
    behind_run,
    run_id_of,
    runs_prefix,
)
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn

_NOTHING_SAID = BulkFilter()
_TIMES = ("started_after_ms", "started_before_ms", "ended_after_ms", "ended_before_ms")


def check_filter(wanted: BulkFilter) -> None:
    """Refuse a filter that says nothing, or what can not be meant."""
    _check_that_it_says_something(wanted)
    if len(wanted.wf_run_ids) > BULK_IDS_MAX:
        count = len(wanted.wf_run_ids)
        refuse(Code.LIMIT, f"{count} wf_run_ids: a filter may have {BULK_IDS_MAX}")
    for wf_run_id in wanted.wf_run_ids:
        check_family_id(wf_run_id)
    if wanted.wf_spec is not None:
        check_definition_name("wf_spec", wanted.wf_spec)
    elif wanted.version is not None:
        refuse(Code.BAD_FILTER, "a version is one of a WfSpec: name wf_spec, too")
    for name in _TIMES:
        at_ms: int | None = getattr(wanted, name)
        if at_ms is not None and not 0 <= at_ms <= DATE_MS_MAX:
            name = name.removesuffix("_ms")
            refuse(Code.BAD_FILTER, f"{name}, in ms: {at_ms} is not between 0 and {DATE_MS_MAX}")


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
    )
    if (criteria == _NOTHING_SAID) != wanted.all:
        refuse(
            Code.BAD_FILTER,
            "give at least one criterion (wf_run_ids, wf_spec, status, ends, labels, started or"
            " ended times), or `all: true` and none",
        )


def is_passed_over(wanted: BulkFilter, wf_run_id: str) -> bool:
    """Whether it is a run below another one, of which nobody has spoken."""
    return "." in wf_run_id and not wanted.children and not wanted.wf_run_ids


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


def is_meant(turn: Turn, part: BulkPart, run: WfRun) -> bool:
    """Whether a run meets the filter. One that was started since the job began does not, or a job
    might never end.
    """
    wanted = part.filter
    return (
        run.born_offset < part.offset
        and run.started_ms <= part.asked_ms
        and wanted.wf_spec in (None, run.wf_spec)
        and wanted.version in (None, run.version)
        and (not wanted.status or run.status in wanted.status)
        and wanted.labels.items() <= run.labels.items()
        and _is_within(run.started_ms, wanted.started_after_ms, wanted.started_before_ms)
        and _is_within(run.ended_ms, wanted.ended_after_ms, wanted.ended_before_ms)
        and (not wanted.ends or counted_end(turn.rows, run) in wanted.ends)
    )


def _is_within(at_ms: int | None, after_ms: int | None, before_ms: int | None) -> bool:
    if after_ms is None and before_ms is None:
        return True
    if at_ms is None:
        return False
    return (after_ms is None or at_ms >= after_ms) and (before_ms is None or at_ms < before_ms)
