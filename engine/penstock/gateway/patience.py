"""How long a request is tried that another node, or this one in a moment, may answer."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from penstock.gateway.errors import ApiError, EdgeCode

RESTORE_WAIT_S: Final = 3.0
PAUSE_MIN_S, PAUSE_MAX_S = 0.01, 0.1


class Patience:
    """How long it is tried, and the pauses between."""

    def __init__(self, timeout_s: float) -> None:
        self.tries = 0
        self._began_s = time.monotonic()
        self._timeout_s = timeout_s
        self._restoring_s: float | None = None

    @property
    def since_s(self) -> float:
        """How long it was tried."""
        return time.monotonic() - self._began_s

    async def pause(self, reason: ApiError) -> None:
        """Wait a little; raises the reason if it was tried long enough."""
        now_s = time.monotonic()
        if reason.code is EdgeCode.RESTORING and self._restoring_s is None:
            self._restoring_s = now_s
        began_s = self._restoring_s
        is_long = began_s is not None and now_s - began_s > RESTORE_WAIT_S
        if is_long or self.since_s > self._timeout_s:
            raise reason
        await asyncio.sleep(min(PAUSE_MAX_S, PAUSE_MIN_S * 2 ** min(self.tries, 8)))
        self.tries += 1
