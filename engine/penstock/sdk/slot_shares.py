"""How the polls of a worker share its slots.

Rules
- Over HTTP a task that is given is started. So no poll may bring more than there is room for: each
  holds, until it is answered, as many slots as it asks for.
- Who waits for room gets it in turn.
- Of the reports that wait for the server, as many as there are slots take up no room; each further
  one takes a slot's, so that there is an end to them.
- A TaskDef whose last poll brought nothing is idle, and asks for one task. Where slots are few, it
  asks only now and then, so that it holds none while others have work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from penstock.sdk.runner import Runner

TASKS_MAX: Final = 100  # of one poll; the server's bound
WAIT_FIRST_S: Final = 0.5
WAIT_MAX_S: Final = 10.0
WAIT_FEW_S: Final = 1.0  # where idle polls would hold more than a quarter of the slots
WAIT_TURN_S: Final = 0.25  # while others wait for room, or may soon
WAIT_ASIDE_S: Final = 0.1  # of an idle TaskDef, while others have work
PAUSE_ASIDE_S: Final = 0.3  # after it
LOOK_S: Final = 0.1  # an end is told a moment before its slot is free


@dataclass(frozen=True, slots=True)
class Share:
    """What a poll may ask for, how long it may wait, and the pause after it if it is empty."""

    tasks_max: int
    wait_s: float
    pause_s: float = 0.0


class SlotShares:
    """Used on one event loop. Each TaskDef has one poll at a time, between `take` and `leave`."""

    def __init__(
        self, runner: Runner, names: Iterable[str], late: Callable[[], int] = lambda: 0
    ) -> None:
        self._runner = runner
        self._late = late
        self._waits_s = dict.fromkeys(names, WAIT_FIRST_S)
        self._held: dict[str, int] = {}
        self._busy: set[str] = set()
        self._line: list[str] = []
        self._changed = asyncio.Event()
        few = runner.slots < 4 * len(self._waits_s) and len(self._waits_s) > 1
        self._wait_max_s = WAIT_FEW_S if few else WAIT_MAX_S
        self._stopping = False

    @property
    def room(self) -> int:
        """How many slots are neither taken nor held, nor taken up by reports that wait."""
        slots = self._runner.slots
        late = max(0, self._late() - slots)
        return slots - self._runner.unfinished - sum(self._held.values()) - late

    def changed(self) -> None:
        """There may be room."""
        self._changed.set()

    def stop(self) -> None:
        """No poll gets a share any more."""
        self._stopping = True
        self.changed()

    async def take(self, name: str) -> Share | None:
        """The share of a TaskDef's next poll, as soon as there is room; None when all ends."""
        self._line.append(name)
        try:
            while not self._stopping and (self._line[0] != name or self.room < 1):
                self._changed.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._changed.wait()
        finally:
            self._line.remove(name)
            self.changed()
        return None if self._stopping else self._share(name)

    def leave(self, name: str, brought: int) -> None:
        """The poll has ended; what it brought is the runner's before anything else happens."""
        del self._held[name]
        if brought:
            self._busy.add(name)
            self._waits_s[name] = WAIT_FIRST_S
        else:
            self._busy.discard(name)
            self._waits_s[name] = min(self._wait_max_s, self._waits_s[name] * 2)
        self.changed()

    def _share(self, name: str) -> Share:
        others = [other for other in self._waits_s if other != name]
        tasks_max = self._tasks_max(name, others)
        self._held[name] = tasks_max
        is_full = self.room < 1
        if name not in self._busy and is_full and self._busy:
            return Share(tasks_max, WAIT_ASIDE_S, PAUSE_ASIDE_S)
        if others and (name in self._busy or self._line):
            return Share(tasks_max, WAIT_TURN_S)
        return Share(tasks_max, self._waits_s[name])

    def _tasks_max(self, name: str, others: list[str]) -> int:
        """All that is free for the only TaskDef; else one for each that is idle, and the rest in
        equal parts for those that have work.
        """
        room = min(TASKS_MAX, self.room)
        if not others:
            return room
        if name not in self._busy:
            return 1
        to_come = [other for other in others if other not in self._held]
        busy = sum(1 for other in to_come if other in self._busy)
        return max(1, (room - (len(to_come) - busy)) // (busy + 1))
