"""Counts, kept where the work is done and read by who asks for metrics.

Rules
- One thread writes a tally; any may read a copy. A note is one look into a dict: no lock, no
  library.
- The fold's thread notes a batch, not a record, and only once it is written: what is folded again
  is counted once.
- Labels come from the engine's own names (commands, codes, timers, routes): their number is
  bounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from typing import Final

TIME_BOUNDS_S: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
)
TURN_BOUNDS_S: Final = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.01, 0.1)
RECORD_BOUNDS: Final = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0)
LATE_BOUNDS_S: Final = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 3_600.0)

ACCEPTED: Final = "accepted"
REPEATED: Final = "repeated"
DROPPED: Final = "dropped"  # of another partition: a repeat, or a gap
UNREADABLE: Final = "unreadable"  # in place of a command's name

Outcome = tuple[str, str]  # the command, and what came of it


class Histogram:
    """How often a value was at or below each bound, and the sum of all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def note(self, value: float, times: int = 1) -> None:
        """A value came, so many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def buckets(self) -> list[tuple[str, float]]:
        """Upper bounds as text, each with the count of all that is at or below."""
        bounds = [*map(str, self.bounds), "+Inf"]
        return list(zip(bounds, map(float, accumulate(self.counts)), strict=True))


class FoldTally:
    """What the thread that folds has done since the process began."""

    def __init__(self) -> None:
        self.commands: dict[Outcome, int] = {}
        self.lateness: dict[str, Histogram] = {}
        self.dead_letters: dict[str, int] = {}
        self.verdicts = 0
        self.turns = Histogram(TURN_BOUNDS_S)
        self.records = Histogram(RECORD_BOUNDS)
        self.phases = {name: Histogram(TIME_BOUNDS_S) for name in ("fold", "deliver", "write")}

    def batch(self, *, records: int, fold_s: float, deliver_s: float, write_s: float) -> None:
        """A batch is written. Its turns are noted with their mean: the sum is exact."""
        self.records.note(records)
        self.turns.note(fold_s / records, records)
        self.phases["fold"].note(fold_s)
        self.phases["deliver"].note(deliver_s)
        self.phases["write"].note(write_s)

    def outcomes(self, outcomes: Mapping[Outcome, int]) -> None:
        """The commands of a batch, and what came of them."""
        add(self.commands, outcomes)

    def fired(self, kind: str, late_s: float) -> None:
        """A timer fired."""
        histogram = self.lateness.get(kind)
        if histogram is None:
            histogram = self.lateness[kind] = Histogram(LATE_BOUNDS_S)
        histogram.note(max(0.0, late_s))

    def dead(self, code: str) -> None:
        """A dead letter was written."""
        self.dead_letters[code] = self.dead_letters.get(code, 0) + 1


class HttpTally:
    """Requests, by method, route and status. Written on the event loop."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.requests: dict[tuple[str, str, int], int] = {}
        self.latency: dict[tuple[str, str], Histogram] = {}

    def ended(self, method: str, route: str, status: int, took_s: float) -> None:
        """A request was answered."""
        request = (method, route, status)
        self.requests[request] = self.requests.get(request, 0) + 1
        histogram = self.latency.get(request[:2])
        if histogram is None:
            histogram = self.latency[request[:2]] = Histogram(TIME_BOUNDS_S)
        histogram.note(took_s)


def add(to: dict[Outcome, int], counts: Mapping[Outcome, int]) -> None:
    """Add counts to others."""
    for key, count in counts.items():
        to[key] = to.get(key, 0) + count
