"""Reading beside the owners: what the logs promise that several processes share (log/port.py)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from penstock.log.port import Followed, Follower, Gone, Mark, Record, Truncating
from tests.contract.logs import EmbeddedLogs, Logs, commands, owner, read, values

WAIT_S = 20.0


@pytest.fixture
def shared(logs: Logs) -> Logs:
    if isinstance(logs, EmbeddedLogs):
        pytest.skip("one process has it: nobody reads beside it")
    return logs


@pytest.fixture
def follower(shared: Logs) -> Iterator[Follower]:
    log = shared.open()
    assert isinstance(log, Followed)
    with closing(log.follower()) as made:
        yield made


def polled(follower: Follower, count: int) -> list[Record]:
    """So many records."""
    found: list[Record] = []
    _until(lambda: found.extend(follower.poll(100)) or len(found) >= count)
    return found


def _until(done: Callable[[], Any]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_follower_takes_nothing_from_the_owner(shared: Logs, follower: Follower) -> None:
    """Both read all; the one from where it asks to."""
    log = shared.open()
    for message in commands(shared, b"a", b"b", b"c", partition=1):
        log.append_and_wait(message)
    owner(log)
    follower.follow(1, 1)
    assert values(polled(follower, 2)) == [b"b", b"c"]
    assert values(read(log, 3)) == [b"a", b"b", b"c"]


def test_a_follower_goes_back_and_leaves(shared: Logs, follower: Follower) -> None:
    log = shared.open()
    for number in (0, 1):
        for message in commands(shared, b"a", b"b", partition=number):
            log.append_and_wait(message)
    follower.follow(0, 0)
    assert values(polled(follower, 2)) == [b"a", b"b"]
    follower.follow(0, 0)
    assert values(polled(follower, 2)) == [b"a", b"b"]
    follower.leave(0)
    follower.leave(0)
    follower.follow(1, 1)
    log.append_and_wait(commands(shared, b"c", partition=0)[0])
    assert values(polled(follower, 1)) == [b"b"]
    assert follower.poll(100) == []


def test_a_follower_knows_the_marks_of_owners(shared: Logs, follower: Follower) -> None:
    log = shared.open()
    log.append_and_wait(commands(shared, b"a", partition=2)[0])
    assert follower.marks([2]) == {}
    owner(log)
    log.commit(2, Mark(1, "note"))
    assert follower.marks([0, 2]) == {2: Mark(1, "note")}


def test_a_follower_is_told_once_what_is_gone(shared: Logs, follower: Follower) -> None:
    """And reads the others on."""
    log = shared.open()
    assert isinstance(log, Truncating)
    for number in (0, 1):
        for message in commands(shared, b"a", b"b", partition=number):
            log.append_and_wait(message)
    log.truncate(0, 1)
    follower.follow(0, 0)
    found: list[Record] = []
    with pytest.raises(Gone) as gone:
        _until(lambda: found.extend(follower.poll(100)))
    assert gone.value.partition == 0
    follower.follow(1, 0)
    assert values(polled(follower, 2)) == [b"a", b"b"]
    follower.follow(0, 1)
    assert values(polled(follower, 1)) == [b"b"]
