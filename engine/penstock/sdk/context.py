"""What a task's function may ask of the attempt that it is: its ids, whether it is to stop, what
attempts before it have put aside, and a place for its log and for what it measures.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from threading import Event, Lock
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar, overload

import msgspec

from penstock.core.limits import (
    ATTEMPT_LOGS_CHARS_MAX,
    ATTEMPT_METRIC_SERIES_MAX,
    METRIC_TEXT_CHARS_MAX,
    PROGRESS_BYTES_MAX,
)
from penstock.core.state.task_rows import Metric, MetricKind
from penstock.core.values.types import ValueProblem, ValueTooLarge
from penstock.core.values.value import Value, value_bytes
from penstock.sdk import hints
from penstock.sdk.checkpoints import Checkpoints, Saved, keep_here

T = TypeVar("T")

_CUT: Final = "\n... (cut)"
_Series = tuple[str, MetricKind, tuple[tuple[str, str], ...]]
_NO_TAGS: Final[Mapping[str, str]] = MappingProxyType({})


class Words(NamedTuple):
    """What an attempt has logged and measured since the last time; a heartbeat's have a number."""

    logs: str
    metrics: tuple[Metric, ...]
    piece: int = 0


NO_WORDS: Final = Words("", ())


class TaskContext:
    """One attempt. A task's function gets it in the parameter that is annotated with this class.

    `idempotency_key` is the same in every retry of the same task: pass it to what must not happen
    twice. A sync function that takes long looks at `cancelled`, or sleeps in `wait`; an async one
    is cancelled as asyncio does it.

    >>> @task
    ... def pack(ctx: TaskContext, item: str) -> str:
    ...     ctx.log(f"attempt {ctx.attempt}")
    ...     return f"a box with {item}"
    >>> pack("a book")
    'a box with a book'
    """

    __slots__ = (
        *("_asked", "_chars", "_known", "_lines", "_lock", "_pieces", "_pulse", "_series"),
        *("_taken", "_woken", "attempt", "checkpoints", "guid", "hide_in", "max_attempts"),
        *("unheard", "wf_run_id"),
    )

    def __init__(
        self,
        wf_run_id: str = "local",
        guid: str = "local",
        attempt: int = 1,
        max_attempts: int = 1,
        checkpoint: Value = None,
    ) -> None:
        self.wf_run_id = wf_run_id
        self.guid = guid
        self.attempt = attempt
        self.max_attempts = max_attempts
        self.checkpoints = Checkpoints(keep_here, newest=checkpoint)
        self.hide_in = _as_it_is
        """For the worker, to set: takes secrets out of a value. Only then is that cut: a part of a
        secret is not found."""
        self._asked: str | None = None
        self._woken: Event | None = None
        self._pulse: tuple[Value] | None = None
        self._lines: list[str] = []
        self._chars = 0
        self._taken = 0  # characters of the log
        self._pieces = 0
        self.unheard: Words | None = None  # what a heartbeat may have brought, or not
        self._series: dict[_Series, float] = {}
        self._known: set[_Series] = set()  # those that were taken, too
        self._lock = Lock()

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this task, and for no other task.

        >>> TaskContext(guid="us1Bp1", attempt=2).idempotency_key
        'us1Bp1'
        """
        return self.guid

    @property
    def stop(self) -> str | None:
        """Why the attempt is to end: "cancel", "shutdown", "restart", or "over" if it has ended
        for the engine already; None while it is to go on.
        """
        return self._asked

    @property
    def cancelled(self) -> bool:
        """Whether the attempt is to end soon. What it returns then still counts; if it raises, it
        has stopped.

        >>> @task
        ... def copy(ctx: TaskContext, pages: int) -> int:
        ...     for page in range(pages):
        ...         if ctx.cancelled:
        ...             raise RuntimeError(f"{ctx.stop} was asked for at page {page}")
        ...     return pages
        >>> copy(3)
        3
        """
        return self._asked is not None

    def wait(self, seconds: float) -> bool:
        """Sleep, but no longer than until the attempt is to end; whether it is.

        >>> TaskContext().wait(0.01)
        False
        """
        self._woken = woken = self._woken or Event()
        # Made before the look: who asks looks for it after having asked.
        return self._asked is not None or woken.wait(seconds)

    def heartbeat(self, progress: Value = None) -> None:
        """Give a sign of life, soon: without a heartbeat time-out, `timeout` runs anew from it.
        `progress` is shown to whoever looks, if it has 4 KiB at most. With one, the worker gives
        them by itself.

        >>> TaskContext().heartbeat({"page": 3})
        """
        try:
            plain = self.hide_in(msgspec.to_builtins(hints.to_json(progress, None)))
        except ValueTooLarge:
            plain = None
        except ValueProblem as problem:
            raise ValueError(f"progress: {problem}") from None
        # Were it too large, the engine would refuse it, and the sign of life with it.
        self._pulse = (plain if value_bytes(plain) <= PROGRESS_BYTES_MAX else None,)

    def checkpoint(self, value: object) -> Saved:
        """Put a value aside, so that an attempt that follows need not work for it again; `timeout`
        runs anew from it. It is kept when this returns, or in an async function when it is awaited:
        `await ctx.checkpoint(...)`. A task may have 1,000 of them, and 8 MiB. Over HTTP an attempt
        that is over gets Conflict, ATTEMPT_ENDED.

        >>> @task(max_attempts=3)
        ... def print_all(ctx: TaskContext, pages: int) -> int:
        ...     for page in range(ctx.last_checkpoint(int) or 0, pages):
        ...         ctx.checkpoint(page + 1)
        ...     return pages
        >>> print_all(3)
        3
        """
        return self.checkpoints.put(value)

    @overload
    def last_checkpoint(self) -> Any: ...
    @overload
    def last_checkpoint(self, kind: type[T]) -> T | None: ...
    def last_checkpoint(self, kind: Any = hints.UNKNOWN) -> Any:
        """What the task has put aside last, in this attempt or one before; None if there is
        nothing. With a `kind` it is made one of these; ValueError if it is none.

        >>> TaskContext(attempt=2, checkpoint={"page": 3}).last_checkpoint()
        {'page': 3}
        """
        newest = self.checkpoints.newest
        try:
            return None if newest is None else hints.from_json(newest, kind)
        except ValueProblem as problem:
            raise ValueError(f"a checkpoint is no {hints.shown(kind)}: {problem}") from None

    def ask_to_stop(self, why: str) -> bool:
        """For the worker: the attempt is to end. False if that was asked before."""
        first = self._asked is None
        self._asked = why
        if self._woken is not None:
            self._woken.set()
        return first

    def take_pulse(self) -> tuple[Value] | None:
        """For the worker: the sign of life that is to be given."""
        pulse, self._pulse = self._pulse, None
        return pulse

    def log(self, text: object) -> None:
        """Add a line to the attempt's log, which travels with heartbeats and the report; what
        exceeds 64 KiB is dropped.

        >>> ctx = TaskContext()
        >>> ctx.log("page 3 is printed")
        >>> ctx.logs
        'page 3 is printed'
        """
        line = str(text)
        with self._lock:
            if self._chars <= ATTEMPT_LOGS_CHARS_MAX:
                self._lines.append(line)
                self._chars += len(line) + 1

    def counter(self, name: str, value: float = 1.0, tags: Mapping[str, str] = _NO_TAGS) -> None:
        """Count something; it travels as the log does. Name and tags name a series, which adds up:
        at most 100 an attempt, what exceeds them is dropped, and what is no finite number.

        >>> TaskContext().counter("pages", 3, {"printer": "east"})
        """
        self._measure(MetricKind.COUNTER, name, value, tags)

    def timer(self, name: str, seconds: float, tags: Mapping[str, str] = _NO_TAGS) -> None:
        """Say how long something took; else as `counter`.

        >>> TaskContext().timer("printing", 1.5)
        """
        self._measure(MetricKind.TIMER, name, seconds * 1_000, tags)

    def _measure(self, kind: MetricKind, name: str, value: float, tags: Mapping[str, str]) -> None:
        texts = sorted((self._metric_text(tag), self._metric_text(tags[tag])) for tag in tags)
        key = self._metric_text(name), kind, tuple(texts)
        with self._lock:
            if key in self._known or len(self._known) < ATTEMPT_METRIC_SERIES_MAX:
                added = self._series.get(key, 0.0) + float(value)  # not of a class of the user's
                if isfinite(added):
                    self._known.add(key)
                    self._series[key] = added

    def _metric_text(self, word: object) -> str:
        """A number may be a tag, too."""
        return plain_text(self.hide_in(str(word)))[:METRIC_TEXT_CHARS_MAX]

    @property
    def has_words(self) -> bool:
        """Whether anything was logged or measured of which it is not known that it was heard."""
        return bool(self._lines or self._series or self.unheard)

    def take_words(self) -> Words:
        """For the worker: what is to be sent, once."""
        with self._lock:
            words = Words(self.logs, self.metrics)
            self._taken += len(words.logs) + 1 if self._lines else 0
            self._lines.clear()
            self._series.clear()
        return words

    def take_piece(self) -> Words:
        """For the worker: what a heartbeat is to bring. The same again, until it is known what has
        become of it.
        """
        if self.unheard is None and self.has_words:
            self._pieces += 1
            self.unheard = self.take_words()._replace(piece=self._pieces)
        return self.unheard or NO_WORDS

    def heard(self, words: Words) -> None:
        """For the worker: a heartbeat has brought them."""
        if self.unheard is words:
            self.unheard = None

    def give_back(self, words: Words) -> None:
        """For the worker: a heartbeat has not brought them, for certain."""
        self.heard(words)
        with self._lock:
            if words.logs:
                self._lines.insert(0, words.logs)
                self._taken -= len(words.logs) + 1
            for one in words.metrics:
                key = one.name, one.kind, tuple(sorted(one.tags.items()))
                self._series[key] = self._series.get(key, 0.0) + one.value

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All that was measured and not taken, each series once."""
        return tuple(
            Metric(name, kind, value, dict(tags))
            for (name, kind, tags), value in self._series.items()
        )

    @property
    def logs(self) -> str:
        """All that was logged and not taken, bounded."""
        if not self._lines:
            return ""
        text: str = self.hide_in("\n".join(self._lines))
        room = ATTEMPT_LOGS_CHARS_MAX - self._taken
        return text if len(text) <= room else text[: max(0, room - len(_CUT))] + _CUT


def plain_text(text: str) -> str:
    """Text that every part of the engine takes: no NUL, no half characters."""
    return text.replace("\x00", "\\0").encode("utf-8", "replace").decode()


def _as_it_is(value: Any) -> Any:
    return value
