"""Reports that the server has not taken yet: how many there are, and what the log says of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from penstock.sdk.errors import Forbidden, PenstockError

SAID_S: Final = 30.0  # between two lines in the log

logger = logging.getLogger("penstock.worker")


class LateReports:
    """Used on one event loop. `changed` is called when there are fewer."""

    def __init__(self, worker: str, changed: Callable[[], None]) -> None:
        self.count = 0
        self._worker = worker
        self._changed = changed
        self._said_s: float | None = None

    @contextmanager
    def one(self) -> Generator[Callable[[PenstockError], None]]:
        """While a report is sent: what is given is told of each try that has failed."""
        is_late = False

        def failed(error: PenstockError) -> None:
            nonlocal is_late
            self.count += not is_late
            is_late = True
            self._say(error)

        try:
            yield failed
        finally:
            if is_late:
                self._came_through()

    def _say(self, error: PenstockError) -> None:
        now_s = time.monotonic()
        if self._said_s is None or now_s - self._said_s >= SAID_S:
            self._said_s = now_s
            refused = " its credential is refused;" if isinstance(error, Forbidden) else ""
            told = "%s:%s reports that wait for the server: %d (%s)"
            logger.warning(told, self._worker, refused, self.count, error)

    def _came_through(self) -> None:
        self.count -= 1
        if self.count == 0:
            self._said_s = None
            logger.warning("%s: no report waits any more", self._worker)
        self._changed()
