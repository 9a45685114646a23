"""What librdkafka logs, less often: while a broker is away each client says so at each try, forty
times a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 10.0
KINDS_MAX: Final = 1_000


class Seldom(logging.Filter):
    """Of lines that say the same of the same broker, one in EVERY_S; it says how many were left
    out since the last one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, tuple[float, int]] = {}  # of a kind: when, and how many since

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        now_s, kind = self._clock(), _kind_of(record.getMessage())
        said_s, left_out = self._said.get(kind, (-EVERY_S, 0))
        if now_s - said_s < EVERY_S:
            self._said[kind] = said_s, left_out + 1
            return False
        if len(self._said) >= KINDS_MAX:
            self._said.clear()
        self._said[kind] = now_s, 0
        if left_out:
            record.msg, record.args = f"{record.getMessage()}; {left_out} like it before", None
        return True


def _kind_of(message: str) -> str:
    """Without which client and thread of it says so, and how long that took."""
    return message.rpartition("]: ")[2].partition(" (after ")[0]
