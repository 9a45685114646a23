"""What a worker says of an attempt beside its end: signs of life, logs, metrics, progress. All of
it is bounded; logs and metrics that do not fit are dropped and counted, and fail nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from penstock.core.limits import (
    ATTEMPT_LOG_PIECES_MAX,
    ATTEMPT_LOGS_CHARS_MAX,
    ATTEMPT_METRIC_SERIES_MAX,
    METRIC_TAGS_MAX,
    METRIC_TEXT_CHARS_MAX,
)
from penstock.core.state.run import TaskRun
from penstock.core.state.task_rows import (
    AttemptLog,
    AttemptMetrics,
    Metric,
    MetricKind,
    Pulse,
    Repeated,
    Series,
)
from penstock.core.state.timers import Clock, clock_ms
from penstock.core.state.turn import Turn
from penstock.core.tasks.attempts import first_window_ms
from penstock.core.values.value import Value

SeriesKey = tuple[str, MetricKind, tuple[tuple[str, str], ...]]


def hear(
    turn: Turn,
    task: TaskRun,
    *,
    logs: str = "",
    progress: Value = None,
    checkpoint: bool = False,
    piece: int = 0,
) -> None:
    """The running attempt gives a sign of life; only its small row is written."""
    pulse = pulse_of(turn, task) or _first_pulse(task)
    pulse.heard_ms = clock_ms(turn, Clock.AWAKE)
    pulse.at_ms = turn.at_ms
    pulse.piece = max(pulse.piece, piece)
    if checkpoint:
        pulse.checkpoint_ms = pulse.heard_ms
    if progress is not None:
        pulse.progress = progress
    if logs:
        _add_logs(turn, task, pulse, logs)
    turn.rows.put(pulse)


def was_heard(turn: Turn, task: TaskRun, piece: int) -> bool:
    """Whether a piece of what the attempt says was taken before; one without a number was not."""
    place = (task.tenant, task.wf_run_id, task.guid, task.attempt.number)
    pulse = turn.rows.peek(Pulse, *place) if piece > 0 else None
    return pulse is not None and piece <= pulse.piece


def keep_last_words(
    turn: Turn, task: TaskRun, logs: str, metrics: tuple[Metric, ...], again: Repeated | None
) -> None:
    """What comes with the report, without what a heartbeat has brought after all."""
    if again is not None and was_heard(turn, task, again.piece):
        logs, metrics = logs[max(0, again.chars) :], metrics[max(0, again.metrics) :]
    _keep_last_logs(turn, task, logs)
    keep_metrics(turn, task, metrics)


def pulse_of(turn: Turn, task: TaskRun) -> Pulse | None:
    """The signs of life of the current attempt, to be changed."""
    return turn.rows.get(Pulse, task.tenant, task.wf_run_id, task.guid, task.attempt.number)


def keep_metrics(turn: Turn, task: TaskRun, metrics: Iterable[Metric]) -> None:
    """Add to the attempt's series."""
    number = task.attempt.number
    row: AttemptMetrics | None = None
    series: dict[SeriesKey, Series] = {}
    for metric in metrics:
        if row is None:
            row = turn.rows.get(AttemptMetrics, task.tenant, task.wf_run_id, task.guid, number)
            row = row or AttemptMetrics(task.tenant, task.wf_run_id, task.guid, number)
            series = {_key(one.name, one.kind, one.tags): one for one in row.series}
        key = _key(metric.name, metric.kind, metric.tags)
        known = series.get(key)
        value = metric.value + (0.0 if known is None else known.value)
        room = known is not None or len(series) < ATTEMPT_METRIC_SERIES_MAX
        if not room or not _is_good(metric) or not isfinite(value):
            row.dropped += 1
            continue
        count = 1 if known is None else known.count + 1
        series[key] = Series(metric.name, metric.kind, dict(key[2]), value, count)
    if row is not None:
        row.series = tuple(series.values())
        turn.rows.put(row)


def _first_pulse(task: TaskRun) -> Pulse:
    """Until now the attempt's timer stands where its start has put it."""
    timer = task.attempt.timer
    assert timer is not None, "an attempt that runs has a timer"
    begun_ms = timer.due_ms - first_window_ms(task)
    return Pulse(
        task.tenant, task.wf_run_id, task.guid, task.attempt.number, checkpoint_ms=begun_ms
    )


def _keep_last_logs(turn: Turn, task: TaskRun, logs: str) -> None:
    """The logs that come with the report: one row, unless nothing of them fits."""
    if not logs:
        return
    pulse = pulse_of(turn, task)
    if pulse is None:
        _put_piece(turn, task, 0, logs, ATTEMPT_LOGS_CHARS_MAX)
        return
    _add_logs(turn, task, pulse, logs)
    turn.rows.put(pulse)


def _add_logs(turn: Turn, task: TaskRun, pulse: Pulse, logs: str) -> None:
    room = ATTEMPT_LOGS_CHARS_MAX - pulse.log_chars
    if room <= 0 or pulse.log_pieces >= ATTEMPT_LOG_PIECES_MAX:
        pulse.log_chars_dropped += len(logs)
        return
    _put_piece(turn, task, pulse.log_pieces, logs, room)
    pulse.log_pieces += 1
    pulse.log_chars += min(len(logs), room)


def _put_piece(turn: Turn, task: TaskRun, piece: int, logs: str, room: int) -> None:
    turn.rows.put(
        AttemptLog(
            task.tenant,
            task.wf_run_id,
            task.guid,
            task.attempt.number,
            piece,
            logs[:room],
            max(0, len(logs) - room),
            turn.at_ms,
        )
    )


def _key(name: str, kind: MetricKind, tags: dict[str, str]) -> SeriesKey:
    return name, kind, tuple(sorted(tags.items()))


def _is_good(metric: Metric) -> bool:
    texts = (metric.name, *metric.tags, *metric.tags.values())
    return (
        metric.name != ""
        and len(metric.tags) <= METRIC_TAGS_MAX
        and all(len(text) <= METRIC_TEXT_CHARS_MAX for text in texts)
    )
