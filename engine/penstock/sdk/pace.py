"""How far ahead a worker over Kafka takes tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from penstock.sdk.runner import Runner

AHEAD_MAX: Final = 4_000
AHEAD_S: Final = 0.5


class Pace:
    """How many more tasks to take: what the slots finish in half a second, and at least two for
    each slot. Of the ends that the log has not acknowledged (`unheard`), as many as there are slots
    take up no room; each further one takes that of a task, so that there is an end to them.
    """

    def __init__(self, runner: Runner, unheard: Callable[[], int]) -> None:
        self._runner = runner
        self._unheard = unheard
        self._ahead = 2 * runner.slots
        self._looked_s = time.monotonic()
        self._finished = 0
        self._polled_s = self._looked_s

    @property
    def full_s(self) -> float:
        """How long ago the last poll was."""
        return time.monotonic() - self._polled_s

    def polled(self) -> None:
        """There was a poll."""
        self._polled_s = time.monotonic()

    def room(self) -> int:
        """How many tasks may be taken now."""
        at_s = time.monotonic()
        if at_s - self._looked_s >= AHEAD_S / 4:
            finished = self._runner.finished
            rate = (finished - self._finished) / (at_s - self._looked_s)
            self._ahead = min(AHEAD_MAX, max(2 * self._runner.slots, int(2 * rate * AHEAD_S)))
            self._looked_s, self._finished = at_s, finished
        unheard = max(0, self._unheard() - self._runner.slots)
        return self._ahead - self._runner.unfinished - unheard
