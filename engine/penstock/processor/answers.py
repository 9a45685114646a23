"""Answers: who waits for which command, told once the command's batch is written (I6)."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock

from msgspec import Struct

from penstock.core.state.outputs import Answer
from penstock.log.port import Position


class Answered(Struct, frozen=True):
    """An answer and where its command stands; the position is the token for reads."""

    answer: Answer
    position: Position


Key = tuple[str, str]  # tenant, command id


class Waiters:
    """Futures by (tenant, command id). Used from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[Key, list[Future[Answered]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def expect(self, key: Key) -> Future[Answered]:
        """A future that gets the answer; to be called before the command is appended."""
        future: Future[Answered] = Future()
        with self._lock:
            self._waiting.setdefault(key, []).append(future)
        return future

    def forget(self, key: Key, future: Future[Answered]) -> None:
        """Nobody waits any more."""
        with self._lock:
            futures = self._waiting.get(key, [])
            if future in futures:
                futures.remove(future)
            if not futures:
                self._waiting.pop(key, None)

    def tell(self, answered: Sequence[tuple[Key, Answered]]) -> None:
        """Tell those who wait."""
        if not self._waiting:
            return
        for key, answer in answered:
            with self._lock:
                futures = self._waiting.pop(key, [])
            for future in futures:
                if future.set_running_or_notify_cancel():
                    future.set_result(answer)
