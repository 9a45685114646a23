"""What stands on a partition by itself, and belongs to no run: schedules, and events under keys.
None that is to do something is without what will move it on, and nothing lies around that belongs
to nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from penstock.core.definitions.quotas import ALL_OF_IT
from penstock.core.definitions.wf_spec import LatestWfSpec, WfSpec
from penstock.core.ids import partition_of
from penstock.core.schedules.schedules import CronAsk, Schedule, ScheduleState, ScheduleStatus
from penstock.core.state.correlation_rows import CorrelatedEvent, EventMarker, RunMarker
from penstock.core.state.partition_state import DeletedRun, Deleting, LiveRuns, PartitionState
from penstock.core.state.place_rows import LimitState, PlaceHolder, PlaceStatus, QueuedRun
from penstock.core.state.run import ThreadRun, WfRun
from penstock.core.state.search_rows import IndexedVariable, VariableOf
from penstock.core.state.thread_rows import RunWaiter
from penstock.core.state.timers import Timer, TimerKind
from penstock.core.state.transitions import THREAD_LIVE, ThreadStatus
from tests.sim.tables import Tables

Mark = tuple[str, str, str, int, str, int, int]

OF_EVENTS: Final = (TimerKind.EXPIRE_EVENT, TimerKind.OFFER_EVENT)


def standing_problems(tables: Tables) -> list[str]:
    """Every fault of what belongs to no run."""
    return [
        *(*_schedules(tables), *_events(tables), *_limits(tables)),
        *(*_counts(tables), *_deleted_runs(tables), *_searched(tables)),
    ]


def _schedules(tables: Tables) -> Iterator[str]:
    """One that is ACTIVE waits for a time or an answer, any other for nothing."""
    timers = {timer.detail for timer in tables.of(Timer) if timer.kind is TimerKind.SCHEDULE}
    asks = {ask.schedule_id: ask.number for ask in tables.of(CronAsk)}
    known = {row.schedule_id for row in tables.of(Schedule)}
    for state in tables.of(ScheduleState):
        timed, asked = state.schedule_id in timers, asks.get(state.schedule_id)
        if (state.ask, state.timer is not None) != (asked, timed):
            yield f"a schedule does not know what it waits for: {state}"
        if (state.status is ScheduleStatus.ACTIVE) != (timed or asked is not None):
            yield f"a schedule is {state.status}: {state}"
        if timed and asked is not None:
            yield f"a schedule waits for a time and an answer: {state}"
    states = {state.schedule_id for state in tables.of(ScheduleState)}
    if states != known or not (timers | asks.keys()) <= known:
        yield f"rows of no schedule: {known}, {states}, {timers}, {asks}"


def _events(tables: Tables) -> Iterator[str]:
    """An event has the timer of its end, and each timer an event, unless that went before."""
    timers = {
        (timer.kind, timer.detail, timer.number)
        for timer in tables.of(Timer)
        if timer.kind in OF_EVENTS
    }
    for event in tables.of(CorrelatedEvent):
        detail = f"{event.event_def}/{event.event_key}"
        expires = (TimerKind.EXPIRE_EVENT, detail, event.serial) in timers
        if expires != (event.expires_ms is not None):
            yield f"an event has lost its end, or has one too many: {event}"
        going_on = (TimerKind.OFFER_EVENT, detail, event.serial) in timers
        if (event.reached is not None) != going_on:
            yield f"an event is offered to some, and nobody goes on: {event}"
        timers.discard((TimerKind.EXPIRE_EVENT, detail, event.serial))
    for kind, detail, number in sorted(timers):
        if kind is TimerKind.EXPIRE_EVENT:
            yield f"the end of an event that is not there: {detail}, {number}"


def _limits(tables: Tables) -> Iterator[str]:
    """What a limit has counted is so, and its queue is of those who wait."""
    counted = {_limit(row): row.granted for row in tables.of(LimitState)}
    holders = {limit: list[PlaceHolder]() for limit in counted}
    for row in tables.of(PlaceHolder):
        holders.setdefault(_limit(row), []).append(row)
    for limit, rows in holders.items():
        granted = sum(row.granted for row in rows)
        if counted.get(limit) != granted or not rows:
            yield f"limit {limit} counts {counted.get(limit)}, not {granted} of {len(rows)}"
    wanted = {
        (*_limit(row), row.number, row.wf_run_id)
        for row in tables.of(PlaceHolder)
        if not row.granted
    }
    if wanted != {(*_limit(row), row.number, row.wf_run_id) for row in tables.of(QueuedRun)}:
        yield f"a queue is not of those who wait: {wanted}, {tables.of(QueuedRun)}"


def _limit(row: LimitState | PlaceHolder | QueuedRun) -> tuple[str, str, str]:
    return row.tenant, row.wf_spec, row.limit_key


def _counts(tables: Tables) -> Iterator[str]:
    """What the partition has counted is so."""
    for state in tables.of(PartitionState):
        counted = (state.open_asks, state.deleting)
        there = (len(tables.of(CronAsk)), len(tables.of(Deleting)))
        if counted != there:
            yield f"the partition counts asks and deletions {counted}, not {there}"
    live = Counter(
        (run.tenant, whose)
        for run in tables.of(WfRun)
        if run.status in THREAD_LIVE
        for whose in {ALL_OF_IT, run.charged_to}
    )
    for row in tables.of(LiveRuns):
        if row.runs != live.pop((row.tenant, row.principal), 0):
            yield f"live runs are not as many as are counted: {row}"
    if live:
        yield f"live runs that nobody has counted: {live}"


def _deleted_runs(tables: Tables) -> Iterator[str]:
    """What is kept of a deleted run will be forgotten; nothing is while there is such a run."""
    forgetting = [timer for timer in tables.of(Timer) if timer.kind is TimerKind.FORGET_RUN]
    timers = {(timer.tenant, timer.detail) for timer in forgetting}
    kept = {(row.tenant, row.wf_run_id) for row in tables.of(DeletedRun)}
    there = {(row.tenant, row.wf_run_id) for row in tables.of(WfRun)}
    for run in sorted((kept ^ timers) | (kept & there)):
        yield f"the answer to a start and its timer, or its run, do not go together: {run}"


def _searched(tables: Tables) -> Iterator[str]:
    """A variable is found by what it is noted to be found by, and by nothing else."""
    found = {
        (row.tenant, row.wf_spec, row.name, row.digest, row.wf_run_id, row.thread)
        for row in tables.of(VariableOf)
    }
    noted = {
        (row.tenant, row.wf_spec, row.name, digest, row.wf_run_id, row.thread)
        for row in tables.of(IndexedVariable)
        for digest in row.digests
    }
    for one in sorted(found ^ noted):
        yield f"a variable is found by what it is not noted to be, or not found: {one}"


# --- at rest --------------------------------------------------------------------------------------


def keys_at_rest(partitions: Sequence[Tables]) -> list[str]:
    """Faults between partitions when nothing is on its way: who waits for a key is known where the
    key lives, and no event lies there that one of them would take."""
    count = len(partitions)
    wanted = [
        (partition_of(row.event_key.encode(), count), _mark(row))
        for tables in partitions
        for row in tables.of(RunMarker)
    ]
    known = [
        (number, _mark(row))
        for number, tables in enumerate(partitions)
        for row in tables.of(EventMarker)
    ]
    different = set(wanted) ^ set(known)
    found = [f"who waits for keys is not who is known to: {one}" for one in sorted(different)]
    return found + [problem for tables in partitions for problem in _not_taken(tables)]


def places_at_rest(partitions: Sequence[Tables]) -> list[str]:
    """Live runs and limits agree on who has a place and who waits, and nobody waits for nothing."""
    holding = (PlaceStatus.ASKED, PlaceStatus.GRANTED)
    runs = {
        (row.tenant, row.wf_spec, row.place.limit_key, row.wf_run_id, not row.held)
        for tables in partitions
        for row in tables.of(WfRun)
        if row.status in THREAD_LIVE and row.place is not None and row.place.status in holding
    }
    holders = {
        (*_limit(row), row.wf_run_id, row.granted)
        for tables in partitions
        for row in tables.of(PlaceHolder)
    }
    found = [f"run and limit do not agree: {one}" for one in sorted(runs ^ holders)]
    for tables in partitions:
        waited_for = {_limit(row) for row in tables.of(QueuedRun)}
        for state in tables.of(LimitState):
            most = _most(tables, state)
            if _limit(state) in waited_for and (most is None or state.granted < most):
                found.append(f"there is a place, and it is waited for: {state}")
    return found


def _most(tables: Tables, state: LimitState) -> int | None:
    """How many places the newest version of the spec has."""
    of_spec = (state.tenant, state.wf_spec)
    newest = [row.version for row in tables.of(LatestWfSpec) if (row.tenant, row.name) == of_spec]
    for spec in tables.of(WfSpec):
        if (spec.tenant, spec.name, [spec.version]) == (*of_spec, newest):
            return None if spec.body.limit is None else spec.body.limit.most
    return None


def waits_at_rest(partitions: Sequence[Tables]) -> list[str]:
    """Threads that wait for a run stand there, and are halted if the run has ended."""
    found: list[str] = []
    for tables in partitions:
        runs = {(row.tenant, row.wf_run_id): row for row in tables.of(WfRun)}
        threads = {(row.tenant, row.wf_run_id, row.number): row for row in tables.of(ThreadRun)}
        for row in tables.of(RunWaiter):
            waiter = threads.get((row.tenant, row.waiter, row.thread))
            over = runs[row.tenant, row.wf_run_id].status not in THREAD_LIVE
            if waiter is None or waiter.status not in THREAD_LIVE:
                found.append(f"nobody waits for the run any more: {row}")
            elif over and waiter.status is ThreadStatus.RUNNING:
                found.append(f"it has not noticed that the run has ended: {row}")
    return found


def _mark(row: RunMarker | EventMarker) -> Mark:
    return (
        *(row.tenant, row.event_def, row.event_key, row.since_ms),
        *(row.wf_run_id, row.thread, row.position),
    )


def _not_taken(tables: Tables) -> Iterator[str]:
    events = {(row.tenant, row.event_def, row.event_key): row for row in tables.of(CorrelatedEvent)}
    for row in tables.of(EventMarker):
        event = events.get((row.tenant, row.event_def, row.event_key))
        if row.offered is not None:
            yield f"an offer has no answer: {row}"
        if event is not None and row.after < event.serial:
            yield f"an event is there and not offered: {event}, {row}"
    for event in events.values():
        if event.offered:
            yield f"an offer has no answer: {event}"
        if event.unanswered is not None:
            yield f"an event is not kept, and is there: {event}"
