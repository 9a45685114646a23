"""Backoff: how long a retry waits."""

from typing import Final

from msgspec import Struct

from penstock.core.ids import fraction_of

GROWTHS_MAX: Final = 1_000
"""A backoff grows for as many retries: a multiplier little above 1 would be worked at for ever."""


class Backoff(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The delay before retry n: base * multiplier^(n-1), at most max; a multiplier of 1 is a
    constant delay. Of the delay, up to the fraction `jitter` is taken off, so that what failed
    together does not come back together.
    """

    base_ms: int
    multiplier: float = 1.0
    max_ms: int = 24 * 3_600_000
    jitter: float = 0.0

    def delay_ms(self, retry: int, guid: str = "", attempt: int = 0) -> int:
        """The delay before the given retry (the first is 1) of this attempt; what is taken off
        is a function of both ids, never chance (I1).
        """
        delay_ms = self._whole_delay_ms(retry)
        if self.jitter == 0.0:
            return delay_ms
        return delay_ms - int(delay_ms * self.jitter * fraction_of(guid, attempt))

    def _whole_delay_ms(self, retry: int) -> int:
        """Multiplied step by step: a power may differ in its last bit from one machine to
        another.
        """
        delay = float(self.base_ms)
        for _ in range(min(retry - 1, GROWTHS_MAX)):
            delay *= self.multiplier
            if delay >= self.max_ms:
                return self.max_ms
        return min(int(delay), self.max_ms)
