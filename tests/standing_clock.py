"""Time that a test moves, in the place of a module's `time`."""

from __future__ import annotations

import time


class StandingClock:
    """Stands until it is moved. It begins at the machine's own time, which others may have seen."""

    def __init__(self) -> None:
        self.now_s = time.monotonic()

    def monotonic(self) -> float:
        """As in `time`."""
        return self.now_s
