"""What is asked beside the fold: no answer, whatever the reason, ends its thread."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from penstock.core.commands.barrier import Barrier
from penstock.core.limits import FOLD_VERSION
from penstock.log.port import Assigned, LogUnavailable
from penstock.processor import raising, standing
from penstock.processor.raising import Raiser
from penstock.processor.standing import Roster
from penstock.testing.node import Clock, Node

WAIT_S = 30.0


class Owners:
    """Answers once it was asked often enough."""

    def __init__(self, error: Exception) -> None:
        self.asked = 0
        self._error = error

    def ask(self) -> Assigned:
        self.asked += 1
        if self.asked == 1:
            raise self._error
        return Assigned({0: "other"}, frozenset({"other", "here"}))


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.005)


@pytest.mark.parametrize("error", [LogUnavailable("away"), RuntimeError("no thread can be made")])
def test_who_owns_what_is_asked_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "ASK_EVERY_S", 0.01)
    owners = Owners(error)
    roster = Roster(owners, "here", 1)
    try:
        until(lambda: roster.wanted() == {0})
        assert owners.asked > 1
    finally:
        roster.stop()


@pytest.mark.parametrize("error", [LogUnavailable("away"), RuntimeError("no thread can be made")])
def test_which_version_all_know_is_asked_again(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raising, "LOOK_S", 0.01)
    asked: list[int] = []

    def known() -> int:
        asked.append(1)
        if len(asked) == 1:
            raise error
        return FOLD_VERSION

    node, raiser = Node(Clock(1_000), 1), Raiser(known, settled_s=0.0)
    try:
        node.fold()
        partitions = {one.shard.partition: one for one in node.processor.partitions()}
        partitions[0].state.fold_version = FOLD_VERSION - 1
        found: list[Barrier | None] = []

        def is_raised() -> bool:
            found.append(raiser.barrier(partitions))
            return found[-1] is not None

        until(is_raised)
        assert found[-1] == Barrier(version=FOLD_VERSION)
    finally:
        raiser.close()
        node.close()
