"""What the attempts of a run have said: the lines of their logs, and what they have measured.

A line tells its level by its first word, as the engine's own tasks write it; a line that tells none
is INFO, and a Python traceback, which ends a log, is ERROR.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct
from starlette.datastructures import QueryParams

from penstock.contracts.filters import SeriesFilters
from penstock.core.state.task_rows import AttemptLog, AttemptMetrics, Series
from penstock.core.views.filling import PAGE_BYTES_MAX
from penstock.core.views.seen import LogLine, Seen, SeenAttempt
from penstock.core.views.shown import shown_series
from penstock.gateway.dialects import Dialect
from penstock.gateway.filters import filters_in, pairs_of

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
LINES_MAX: Final = 10_000
TRACEBACK: Final = "Traceback (most recent call last)"

Place = tuple[str, int, int]
"""Of a piece of a log: task, attempt and number."""


class Asked(Struct, frozen=True):
    """Which words; None is all. An attempt has the number by which the view counts it."""

    min_level: str = LEVELS[0]
    task_run: str | None = None
    attempt: int | None = None
    task: str | None = None
    task_def: str | None = None

    def wants_attempt(self, of: SeenAttempt) -> bool:
        """Whether an attempt is one of those."""
        return (
            self.attempt in (None, of.shown_number)
            and self.task in (None, of.task_id)
            and self.task_def in (None, of.task.task_def)
        )

    def wants_level(self, level: str) -> bool:
        """Whether a line of this level is one of those."""
        return LEVELS.index(level) >= LEVELS.index(self.min_level)


class Measure(Struct, frozen=True):
    """Which of what was measured; None, and no tags, are all."""

    name: str | None = None
    tags: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, params: QueryParams) -> Measure:
        """What the parameters of a query ask for."""
        asked = filters_in(params, SeriesFilters)
        return cls(name=asked.get("name"), tags=pairs_of("tag", asked.get("tag", ())))

    def wants(self, series: Series) -> bool:
        """Whether a series, as it is shown, is one of those."""
        return self.name in (None, series.name) and all(
            series.tags.get(key) == value for key, value in self.tags
        )


def pieces_of(
    dialect: Dialect, seen: Seen, asked: Asked, told: set[Place] | None = None
) -> Iterator[tuple[Place, list[LogLine]]]:
    """The pieces of the logs, by attempt, with their lines; those that were told are left out."""
    known = told or set[Place]()
    for of in dialect.attempts(seen, asked.task_run):
        if not asked.wants_attempt(of):
            continue
        key = (seen.run.tenant, seen.run.wf_run_id, of.task.guid, of.number)
        for piece in seen.rows.scan(AttemptLog, *key):
            place = (piece.guid, piece.attempt, piece.piece)
            if place not in known:
                lines = _lines(of, piece)
                yield place, [line for line in lines if asked.wants_level(line.level)]


def lines_of(dialect: Dialect, seen: Seen, asked: Asked) -> tuple[list[LogLine], bool]:
    """The lines in the order of time, and whether these are all."""
    lines: list[LogLine] = []
    chars, whole = 0, True
    for _, more in pieces_of(dialect, seen, asked):
        if chars > PAGE_BYTES_MAX:
            whole = False
            break
        lines += more
        chars += sum(len(line.message) for line in more)
        if len(lines) > LINES_MAX:
            break
    whole = whole and len(lines) <= LINES_MAX
    return sorted(lines[:LINES_MAX], key=lambda line: line.at_ms), whole


def measures_of(
    dialect: Dialect, seen: Seen, task_run: str | None = None
) -> Iterator[tuple[SeenAttempt, list[Series]]]:
    """The attempts, each with what it has measured."""
    for of in dialect.attempts(seen, task_run):
        key = (seen.run.tenant, seen.run.wf_run_id, of.task.guid, of.number)
        row = seen.rows.peek(AttemptMetrics, *key)
        found = () if row is None else row.series
        yield of, [shown_series(seen.rows, of.task, series) for series in found]


def _lines(of: SeenAttempt, piece: AttemptLog) -> Iterator[LogLine]:
    at_ms = max(piece.at_ms, of.at_ms)
    failing = False
    for text in piece.text.removesuffix("\n").split("\n"):
        failing = failing or text.startswith(TRACEBACK)
        word, _, rest = text.partition(" ")
        if failing:
            yield LogLine(of, at_ms, "ERROR", text)
        elif word in LEVELS:
            yield LogLine(of, at_ms, word, rest)
        else:
            yield LogLine(of, at_ms, "INFO", text)
