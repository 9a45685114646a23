"""Reads of the partitions that are open here: each from one snapshot, which names its position
(I6).

A token is `partition:offset`, the position of a record; `at_least` has a read wait until that
record is folded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, TypeVar

from penstock.core.definitions.metadata import DECIDING_PARTITION
from penstock.core.errors import Code, refuse
from penstock.core.ids import check_wf_run_id, partition_of_run
from penstock.core.state.rows import Rows
from penstock.gateway.errors import ApiError, EdgeCode, NotHere
from penstock.gateway.sampler import Sampler
from penstock.gateway.watch import Watch
from penstock.log.port import Position
from penstock.processor.processor import Processor
from penstock.store.rowstore import RowView

T = TypeVar("T")

_LATE: Final = (
    "all partitions on this node are far behind their log, so it can not tell whether the"
    " credential is still good; try again soon"
)

LATE_MAX_S: Final = 10.0
"""A partition that is later than this may not have heard that a key is revoked."""

_TOKEN: Final = re.compile(r"(\d{1,6}):(-1|\d{1,18})")


@dataclass(frozen=True, slots=True)
class View:
    """Rows of one partition as of one moment. `position` is that of the last record folded. A
    standby says by how many records of the log it is `behind`.
    """

    view: RowView
    rows: Rows
    position: Position
    behind: int | None = None


class Reads:
    """Views of partitions, by number, by run, and as new as a token asks for."""

    def __init__(
        self, *, processor: Processor, watch: Watch, sampler: Sampler, partitions: int
    ) -> None:
        self.partitions = partitions
        self.watch = watch
        self._processor = processor
        self._sampler = sampler

    def number_of(self, wf_run_id: str) -> int:
        """The partition of a run; refuses what can be no run's id."""
        for part in wf_run_id.split("."):
            check_wf_run_id(part)
        return partition_of_run(wf_run_id, self.partitions)

    def is_open(self, number: int) -> bool:
        """Whether a partition can be read here."""
        is_there = self._processor.position(number) is not None
        return is_there and not self._processor.is_opening(number)

    def share(self) -> float:
        """Which part of all partitions is here; one of them, if they are only being opened."""
        return max(1, sum(map(self.is_open, range(self.partitions)))) / self.partitions

    def is_stopped(self, number: int) -> bool:
        """Whether a partition is here and does not go on."""
        return number in self._processor.stopped

    def open_until(self, number: int) -> int:
        """The first partition, from this one on, that can not be read here."""
        while number < self.partitions and self.is_open(number):
            number += 1
        return number

    def any_open(self, otherwise: int = DECIDING_PARTITION) -> int:
        """A partition that can be read here, the deciding one if possible: for what all have."""
        numbers = range(DECIDING_PARTITION, self.partitions)
        return next((number for number in numbers if self.is_open(number)), otherwise)

    def of_callers(self) -> View:
        """The partition here that is least behind, to look up in who may come in. Raises NotHere if
        there is none, or all are late.
        """
        numbers = [number for number in range(self.partitions) if self.is_open(number)]
        if not numbers:
            raise self.why_not(DECIDING_PARTITION)
        best = min(numbers, key=self._sampler.late_s)
        if self._sampler.late_s(best) > LATE_MAX_S:
            raise NotHere(best, opening=True, message=_LATE)
        return self.view(best)

    def check_takes(self, number: int) -> None:
        """Say why a partition can not be given a command here."""
        if self._processor.position(number) is None:
            raise self.why_not(number)

    def check_served(self, number: int) -> None:
        """Say why a partition can not be read here."""
        if not self.is_open(number):
            raise self.why_not(number)

    def check_not_stopped(self, number: int) -> None:
        """Say why a partition is stopped, if it is so here."""
        if self.is_stopped(number):
            raise self.why_not(number)

    def view(self, number: int) -> View:
        """A partition as it stands."""
        view = self._processor.view(number)
        if view is None or self._processor.is_opening(number):
            raise self.why_not(number)
        if self._processor.is_stale:
            raise ApiError(
                EdgeCode.STALE_OWNER,
                f"this node has not heard from the log for long: another one may own partition"
                f" {number} by now; try again soon",
            )
        return View(view, Rows(view), Position(number, view.position().next_offset - 1))

    def view_of_any(self, number: int) -> View:
        """A partition as it stands at its owner, if that is here, or at its standby."""
        if self.is_open(number) and not self._processor.is_stale:
            return self.view(number)
        standbys = self._processor.standbys
        view = None if standbys is None else standbys.view(number)
        end = self._sampler.ends.get(number)
        if view is None or end is None:  # it would have to guess how far it is behind
            raise NotHere(number, any_reader=True)
        next_offset = view.position().next_offset
        behind = max(0, end - next_offset)
        return View(view, Rows(view), Position(number, next_offset - 1), behind)

    async def view_at(
        self,
        number: int,
        at_least: str | None,
        timeout_s: float,
        waiting: AbstractContextManager[None],
        *,
        of_any: bool = False,
    ) -> View:
        """A partition once it has folded the record that `at_least` names; of its owner, or also of
        a standby. `waiting` is entered if that is to be waited for.
        """
        offset = -1 if at_least is None else self._offset(number, at_least)
        take = self.view_of_any if of_any else self.view
        view = take(number)
        if view.position.offset >= offset:
            return view

        def look() -> View | None:
            view = take(number)
            return view if view.position.offset >= offset else None

        with waiting:
            found = await self.watch.until(number, look, timeout_s)
        if found is None:
            reached = take(number).position
            raise ApiError(
                EdgeCode.POSITION_TIMEOUT,
                f"partition {number} has come to {reached}, not to {at_least}; ask again",
                position=reached,
            )
        return found

    async def until(
        self, number: int, key: bytes, look: Callable[[View], T | None], timeout_s: float
    ) -> T | None:
        """What `look` finds, asked again whenever the row with this key has been written."""
        return await self.watch.until(key, lambda: look(self.view(number)), timeout_s)

    def definitions(self) -> View:
        """The partition on which definitions are decided."""
        return self.view(DECIDING_PARTITION)

    def _offset(self, number: int, token: str) -> int:
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise ApiError(EdgeCode.BAD_TOKEN, f"{token[:40]!r} is no token; one looks like 3:1234")
        if int(found[1]) != number:
            raise ApiError(
                EdgeCode.BAD_TOKEN, f"the token is of partition {found[1]}, this is on {number}"
            )
        return int(found[2])

    def why_not(self, number: int) -> ApiError:
        """Why a partition can not be asked here."""
        stopped = self._processor.stopped.get(number)
        if stopped is not None:
            return ApiError(stopped.cause, f"partition {number} is stopped: {stopped.message}")
        return NotHere(number, opening=self._processor.is_opening(number))


class NewerTurns:
    """Turns that have written to a region since it was asked last: whoever waits for a run need not
    look at it for what others write to its partition.
    """

    def __init__(self, reads: Reads, view: View, region: bytes) -> None:
        self._reads = reads
        self._number, self._told = view.position.partition, view.position.offset
        self._region = region

    def look(self) -> View | None:
        """The partition as it stands, if there is one."""
        view = self._reads.view(self._number)
        turn = next(iter(view.view.turns_of(self._region, self._told + 1)), None)
        self._told = view.position.offset
        return None if turn is None else view


def check_part(what: str, text: str) -> str:
    """Refuse text from a path that could not be part of a key."""
    if not text or "\x00" in text or len(text) > 256:
        refuse(Code.BAD_ID, f"{what} {text[:40]!r}: use 1-256 characters, none of them a NUL")
    return text
