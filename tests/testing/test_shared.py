"""What the processes of a test run share is started once, and stopped when nobody uses it. Threads
stand for processes: each has files, and so locks, of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier, Event

import pytest

from tests.shared import shared


class Server:
    """Counts its starts, and knows whether it runs."""

    def __init__(self) -> None:
        self.starts = 0
        self.runs = False

    @contextmanager
    def running(self) -> Iterator[str]:
        assert not self.runs, "one at a time"
        self.starts += 1
        self.runs = True
        try:
            yield f"address {self.starts}"
        finally:
            self.runs = False


def test_who_comes_together_has_the_same_one(tmp_path: Path) -> None:
    server, together = Server(), Barrier(4)

    def use() -> str:
        together.wait()
        with shared(tmp_path, server.running) as address:
            together.wait()
            assert server.runs
        return address

    with ExitStack() as stack:
        threads = stack.enter_context(ThreadPoolExecutor(4))
        used = [threads.submit(use) for _ in range(4)]
        assert {one.result(30) for one in used} == {"address 1"}
    assert (server.starts, server.runs) == (1, False)


def test_who_started_it_waits_for_the_others(tmp_path: Path) -> None:
    server, first_goes, has_come = Server(), Event(), Event()

    def first() -> None:
        with shared(tmp_path, server.running):
            has_come.set()
            assert first_goes.wait(30)

    with ThreadPoolExecutor(1) as thread:
        of_first: Future[None] = thread.submit(first)
        assert has_come.wait(30)
        with shared(tmp_path, server.running) as address:
            assert address == "address 1"
            first_goes.set()
            with pytest.raises(TimeoutError):
                of_first.result(0.3)
            assert server.runs
        of_first.result(30)
    assert not server.runs
    with shared(tmp_path, server.running) as address:
        assert address == "address 2"
    assert not server.runs


def test_one_that_does_not_start_is_tried_again(tmp_path: Path) -> None:
    @contextmanager
    def broken() -> Iterator[str]:
        raise OSError("no port")
        yield ""

    with pytest.raises(OSError, match="no port"), shared(tmp_path, broken):
        pass
    server = Server()
    with shared(tmp_path, server.running) as address:
        assert address == "address 1"
