"""The simulator: fifty seeds with every test run (`make sim SEEDS=n` for more), and a few engines
with a mistake in them, which it must find.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest import mock

import pytest

from penstock.core import fold
from penstock.core.tasks import attempts
from penstock.processor.delivery import Courier
from penstock.processor.partition import Partition
from penstock.processor.recovery import Opener
from tests.sim.__main__ import live

SEEDS_PER_TEST = 10
SEEDS_TO_FIND = 150


@pytest.mark.parametrize("first", range(0, 50, SEEDS_PER_TEST))
def test_worlds_come_to_rest(first: int) -> None:
    """Each seed is a world of its own."""
    lives = [live(seed) for seed in range(first, first + SEEDS_PER_TEST)]
    failures = [life.failure for life in lives if life.failure]
    assert not failures, "\n" + "\n".join(failures)
    assert sum(life.runs for life in lives) > SEEDS_PER_TEST
    assert sum(sum(life.crashes.values()) for life in lives) > SEEDS_PER_TEST / 2


def test_a_world_lives_the_same_way_again() -> None:
    """The seed is all that a failure needs."""
    assert live(7) == live(7)


def _takes_repeats() -> AbstractContextManager[Any]:
    """Commands of other partitions are taken whenever they come (R4)."""
    return mock.patch.object(fold, "_take", return_value=True)


def _forgets_timers() -> AbstractContextManager[Any]:
    """No timer of a task is set."""
    return mock.patch.object(attempts, "set_timer", return_value=None)


def _answers_twice() -> AbstractContextManager[Any]:
    """No answer is remembered (R12)."""
    return mock.patch.object(fold, "_known_answer", return_value=None)


@contextmanager
def _writes_first() -> Iterator[None]:
    """The store stands past outputs that were not delivered (I3)."""
    sound_fold, sound_write = Partition.fold, Partition.write

    def folding(self: Partition, records: Any) -> Any:
        batch = sound_fold(self, records)
        sound_write(self, batch)
        return batch

    with mock.patch.multiple(Partition, fold=folding, write=mock.Mock()):
        yield


def _mutes_too_much() -> AbstractContextManager[Any]:
    """The delivered mark is one too high (R14)."""
    sound = Opener._mark
    return mock.patch.object(
        Opener, "_mark", lambda self, number, position: sound(self, number, position) + 1
    )


def _loses_an_output() -> AbstractContextManager[Any]:
    """Of many outputs the last is not sent."""
    sound = Courier.deliver

    def deliver(self: Courier, turns: Any) -> None:
        turns = list(turns)
        sound(self, turns[:-1] if len(turns) > 5 else turns)

    return mock.patch.object(Courier, "deliver", deliver)


@contextmanager
def _sees_batches() -> Iterator[None]:
    """The fold knows how many records came at once (I1)."""
    sound = Partition.fold

    def folding(self: Partition, records: Any) -> Any:
        batch = sound(self, records)
        for row in batch.rows.changes().values():
            if row is not None and hasattr(row, "labels"):
                row.labels = {"batch": str(len(records))}
        return batch

    with mock.patch.object(Partition, "fold", folding):
        yield


@pytest.mark.parametrize(
    "mistake",
    [
        _takes_repeats,
        _forgets_timers,
        _answers_twice,
        _writes_first,
        _mutes_too_much,
        _loses_an_output,
        _sees_batches,
    ],
)
def test_a_mistake_is_found(mistake: Callable[[], AbstractContextManager[Any]]) -> None:
    """By one of the first seeds, and it says how to repeat it."""
    with mistake():
        for seed in range(SEEDS_TO_FIND):
            failure = live(seed).failure
            if failure:
                assert f"python -m tests.sim --seed {seed}" in failure
                return
    pytest.fail(f"{SEEDS_TO_FIND} worlds did not notice: {mistake.__doc__}")
