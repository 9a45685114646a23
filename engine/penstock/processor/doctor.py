"""Doctor: what is wrong with a cluster, named, with what mends it. It only looks.

The same checks serve a running server and a directory that no server has; what only a running one
can say (partitions that are stopped) is not there for the other.
"""

from __future__ import annotations

import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final

from msgspec import Struct

from penstock.contracts.avro import Avro, Malformed
from penstock.contracts.records import RETRIED, DeadRecord, Verdict
from penstock.contracts.topics import Topics
from penstock.core.definitions.defs import HeldTask
from penstock.core.definitions.principals import EVERYWHERE, ApiKey, Principal
from penstock.core.limits import FOLD_VERSION
from penstock.core.state.breaker_rows import Breaker, BreakerStatus
from penstock.core.state.partition_state import InChannel, OutChannel, PartitionState
from penstock.core.state.rows import Rows
from penstock.core.state.transitions import TaskStatus
from penstock.core.state.turn import FIRST_STAMP, stamp_order
from penstock.log.pages import in_pages
from penstock.log.port import EngineLog, LogError
from penstock.processor.errors import StopCause
from penstock.processor.lost_tasks import task_runs
from penstock.store.rowstore import RowView

LAG_RECORDS_MAX: Final = 10_000
GAP_S: Final = 2.0
LOOK_S: Final = 0.2
CLOCK_MS_MAX: Final = 30_000
DISK_FREE_MIN: Final = 0.05
DAY_MS: Final = 24 * 3_600 * 1_000
RECENT_MS: Final = 7 * DAY_MS
CERTIFICATE_DAYS_MIN: Final = 14
KEY_DAYS_MIN: Final = 14
UNSTARTED_MS: Final = 60_000
TASK_RUNS_MAX: Final = 50_000
REACH_S: Final = 2.0

MENDS: Final[Mapping[StopCause, str]] = {
    StopCause.BUILD: "run the build that has folded it before, or mend the defect that the message"
    " names",
    StopCause.INTEGRITY: "check that the server uses the right cluster and topic; if the topic was"
    " made anew, restore its log, or begin with an empty directory and group",
    StopCause.DATA_LOSS: "restore the records that the log has lost, or a newer store; set the"
    " retention of `commands` to unlimited",
    StopCause.NO_MARK: "if the stores here are the newest, start once with --adopt-log; if the"
    " cluster was down for long, set the brokers' offsets.retention.minutes higher",
    StopCause.LOCKED: "stop the other process that has the directory, or name another one",
}


class Finding(Struct, frozen=True):
    """Something that was looked at. What is wrong has a `mend`; `wrong` is false for a remark."""

    check: str
    wrong: bool
    what: str
    mend: str = ""


class Patient(Struct, frozen=True, kw_only=True):
    """What is looked at. `views` gives the stores as they are now; `stopped` says which partitions
    are, and why; `running` is false for a directory that no server has; `now_ms` is the wall clock.
    `certificate_ends_ms` is there for a server that listens with TLS. `snapshots` says of which
    partitions the snapshot that was tried last failed, and why.
    """

    log: EngineLog
    avro: Avro
    topics: Topics
    views: Callable[[], dict[int, RowView]]
    stopped: Mapping[int, tuple[StopCause, str]]
    data: Path | None
    running: bool
    now_ms: int
    certificate_ends_ms: int | None = None
    snapshots: Mapping[int, str] = {}


def examine(patient: Patient) -> list[Finding]:
    """All checks, in order. Without the log, those that need it are left out."""
    found = [*_of_disk(patient), *_of_certificate(patient), *_of_snapshots(patient)]
    try:
        patient.log.reach(REACH_S)
    except LogError as error:
        mend = "see that the brokers run and can be reached from here with these settings"
        return [Finding("LOG", True, f"the log does not answer: {error}", mend), *found]
    for check in (
        _topics,
        _partitions,
        _version,
        _gaps,
        _rows,
        _keys,
        _clock,
        _unstarted,
        _verdicts,
        _letters,
    ):
        try:
            found += check(patient)
        except LogError as error:
            mend = "see that the log answers, and ask again"
            found.append(Finding("LOG", True, f"it could not be looked at: {error}", mend))
    return found


def _of_disk(patient: Patient) -> Iterator[Finding]:
    if patient.data is None:
        return
    usage = shutil.disk_usage(patient.data)
    free = usage.free / usage.total
    what = f"{usage.free // 2**20} MiB of {patient.data} are free ({free:.0%})"
    yield Finding("DISK", free < DISK_FREE_MIN, what, "make room, or a larger disk")
    for path in sorted((patient.data / "stores").glob("partition-*.*")):
        what = f"the store {path} was set aside; another one was folded from the log"
        yield Finding("STORE_ASIDE", True, what, "look into why, then delete the directory")


def _of_certificate(patient: Patient) -> Iterator[Finding]:
    if patient.certificate_ends_ms is None:
        return
    left_ms = patient.certificate_ends_ms - patient.now_ms
    if left_ms <= 0:
        when = "has ended"
    else:
        days = left_ms // DAY_MS
        when = f"ends in {_many(days, 'day')}" if days else "ends in less than a day"
    mend = "put a new one in its place, then restart this node"
    wrong = left_ms < CERTIFICATE_DAYS_MIN * DAY_MS
    yield Finding("CERTIFICATE", wrong, f"the certificate that this node shows {when}", mend)


def _of_snapshots(patient: Patient) -> Iterator[Finding]:
    for number, why in sorted(patient.snapshots.items()):
        what = f"the newest try at a snapshot of partition {number} failed: {why[:300]}"
        mend = "see that the place answers, has room and may be written to; it is tried again"
        yield Finding("SNAPSHOT", True, what, mend)


def _topics(patient: Patient) -> Iterator[Finding]:
    if not patient.running:
        return
    try:
        patient.log.ensure_topics(patient.topics.fixed())
        yield Finding("TOPICS", False, "all topics are there, with the settings they need")
    except LogError as error:
        mend = "set the topic to what topics/ of this release says"
        yield Finding("TOPICS", True, str(error), mend)


def _partitions(patient: Patient) -> Iterator[Finding]:
    views = patient.views()
    for number in range(patient.topics.partitions):
        stopped, view = patient.stopped.get(number), views.get(number)
        if stopped is not None:
            cause, message = stopped
            what = f"partition {number} is stopped, {cause}: {message}"
            yield Finding(cause, True, what, MENDS[cause])
        elif view is None:
            what = f"partition {number} is not open here: another node has it, or none yet"
            yield Finding("NOT_OPEN", False, what, "see GET /v1/cluster for who has it")
        else:
            _, end = patient.log.bounds(number)
            lag = end - view.position().next_offset
            what = f"partition {number} has {_many(lag, 'record')} to fold, of {end}"
            mend = "wait; if it grows, the node is too slow or stuck: see its log"
            yield Finding("LAG", lag > LAG_RECORDS_MAX, what, mend)


def _version(patient: Patient) -> Iterator[Finding]:
    """Whether the log has moved to what this build knows (R9)."""
    states = [Rows(view).peek(PartitionState) for view in patient.views().values()]
    in_force = min((state.fold_version for state in states if state), default=FOLD_VERSION)
    what = f"fold version {in_force} is in force, this build knows {FOLD_VERSION}"
    if in_force < FOLD_VERSION:
        what += ": some node is of an older build, or --fold-version-max keeps it"
    yield Finding("FOLD_VERSION", False, what)


def _gaps(patient: Patient) -> Iterator[Finding]:
    """Commands between partitions that do not arrive (R4): what was sent last before now must have
    been taken after a while.
    """
    sent = {
        (source, row.target): row.last
        for source, view in patient.views().items()
        for row in Rows(view).scan(OutChannel)
    }
    deadline = time.monotonic() + (GAP_S if patient.running else 0)
    while True:
        views = {number: Rows(view) for number, view in patient.views().items()}
        open_ways = {
            way: last
            for way, last in sent.items()
            if way[1] in views and not _taken(views, way, last)
        }
        if not open_ways or time.monotonic() >= deadline:
            break
        time.sleep(LOOK_S)
    for (source, target), last in sorted(open_ways.items()):
        what = f"partition {target} has not taken the command {last} of partition {source}"
        mend = "see whether either is stopped or behind; if neither is, keep the logs and report it"
        yield Finding("GAP", patient.running, what, mend)


def _taken(views: Mapping[int, Rows], way: tuple[int, int], last: str) -> bool:
    row = views[way[1]].peek(InChannel, way[0])
    return stamp_order(row.last if row else FIRST_STAMP) >= stamp_order(last)


def _rows(patient: Patient) -> Iterator[Finding]:
    """Tasks that are held for want of a topic; breakers that are open."""
    held, opened = Counter[tuple[str, str]](), set[tuple[str, str]]()
    for view in patient.views().values():
        rows = Rows(view)
        held.update((row.tenant, row.task_def) for row in rows.scan(HeldTask))
        opened |= {
            (row.tenant, row.task_def)
            for row in rows.scan(Breaker)
            if row.status is not BreakerStatus.CLOSED
        }
    for (tenant, task_def), count in sorted(held.items()):
        topic = patient.topics.task(tenant, task_def)
        waiting = f"{_many(count, 'task')} of {task_def!r}"
        what = f"held, since the topic {topic} can not be written to: {waiting}"
        yield Finding("HELD_TASKS", True, what, "make the topic, or give the engine leave to")
    for tenant, task_def in sorted(opened):
        what = f"the breaker of {task_def!r} (tenant {tenant}) is open: its attempts keep failing"
        mend = (
            "mend what the tasks fail at; it closes by itself if it has a cool_down_ms, else by"
            f" POST /v1/task-queues/{task_def}/actions/close"
        )
        yield Finding("BREAKER_OPEN", True, what, mend)


def _keys(patient: Patient) -> Iterator[Finding]:
    """Principals whose last key is about to end. A definition is on every partition: one tells."""
    for view in islice(patient.views().values(), 1):
        rows, ends = Rows(view), dict[str, float]()
        for key in rows.scan(ApiKey, EVERYWHERE):
            owner = rows.peek(Principal, EVERYWHERE, key.owner)
            if owner is None or owner.deleted_ms or owner.born != key.born or key.revoked_ms:
                continue
            end_ms = math.inf if key.expires_at_ms is None else key.expires_at_ms
            ends[key.owner] = max(ends.get(key.owner, 0), end_ms)
        for name, end_ms in sorted(ends.items()):
            left_ms = end_ms - patient.now_ms
            if 0 < left_ms < KEY_DAYS_MIN * DAY_MS:
                what = f"the last key of {name!r} ends in {left_ms // DAY_MS:.0f} days"
                mend = "make another one and hand it out (penstock keys create)"
                yield Finding("KEY", True, what, mend)


def _clock(patient: Patient) -> Iterator[Finding]:
    """The log's clock against ours, by the newest record."""
    for number in range(patient.topics.partitions):
        _, end = patient.log.bounds(number)
        newest = patient.log.read_at(number, end - 1) if end else None
        if newest is not None:
            ahead_ms = newest.timestamp_ms - patient.now_ms
            if ahead_ms > CLOCK_MS_MAX:
                what = f"the log's clock is {ahead_ms // 1_000} s ahead of this machine's"
                yield Finding("CLOCK", True, what, "set the clocks of brokers and nodes by NTP")
                return


def _unstarted(patient: Patient) -> Iterator[Finding]:
    """TaskDefs whose tasks wait in their queues, and nobody starts them."""
    waiting, oldest = Counter[tuple[str, str]](), dict[tuple[str, str], int]()
    for view in patient.views().values():
        state = Rows(view).peek(PartitionState)
        now_ms = max(patient.now_ms if patient.running else 0, state.append_ms if state else 0)
        for task in islice(task_runs(view), TASK_RUNS_MAX):
            age_ms = now_ms - task.attempt.scheduled_ms
            if task.status is TaskStatus.TASK_SCHEDULED and age_ms > UNSTARTED_MS:
                of = task.tenant, task.task_def
                waiting[of] += 1
                oldest[of] = max(oldest.get(of, 0), age_ms)
    for of, count in sorted(waiting.items()):
        what = (
            f"tasks of {of[1]!r} (tenant {of[0]}) that wait to be started: {count}, the oldest for"
            f" {oldest[of] // 1_000} s"
        )
        yield Finding("NO_WORKER", True, what, "start workers of it, or more of them")


def _verdicts(patient: Patient) -> Iterator[Finding]:
    for record in patient.log.read_all(patient.topics.verdicts):
        recent = record.timestamp_ms > patient.now_ms - RECENT_MS
        try:
            verdict, _ = patient.avro.decode(record.value or b"")
        except Malformed:
            continue
        if isinstance(verdict, Verdict):
            what = (
                f"the fold of {verdict.partition}:{verdict.offset} ({verdict.part}) hit a defect"
                f" and was undone; the run it hit has ENGINE_DEFECT: {verdict.reason[:300]}"
            )
            mend = "report it with the record; with a build that mends it, rescue the run"
            yield Finding("VERDICT", recent, what, mend)


def _letters(patient: Patient) -> Iterator[Finding]:
    counts = Counter[str]()
    for record in in_pages(patient.log, patient.topics.dead_letters):
        if record.timestamp_ms > patient.now_ms - RECENT_MS:
            try:
                letter, _ = patient.avro.decode(record.value or b"")
            except Malformed:
                continue
            if isinstance(letter, DeadRecord) and letter.code != RETRIED:
                counts[letter.code] += 1
    for code, count in sorted(counts.items()):
        what = f"{_many(count, 'dead letter')} with {code} in the last seven days"
        yield Finding("DEAD_LETTERS", False, what, f"penstock dead-letters list --code {code}")


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
