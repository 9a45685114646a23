"""O4 while things happen: how far the group says that it has come never goes back."""

from __future__ import annotations

import threading
from contextlib import closing

from penstock.contracts.topics import Topics
from penstock.log.kafka import KafkaEngineLog
from penstock.log.port import LogError

EVERY_S = 0.25


def log_beside(kafka: str, topics: Topics, group: str | None = None) -> KafkaEngineLog:
    """The log, for who looks at it beside the servers and joins no group; its marks are those of
    the engine's group, or of another one.
    """
    return KafkaEngineLog(
        kafka,
        commands=topics.commands,
        partitions=topics.partitions,
        on_demand=topics.on_demand,
        group=group or f"{topics.cluster}.engine",
    )


class Marks:
    """Looked at from a thread of their own, a few times a second, whenever the broker answers."""

    def __init__(self, kafka: str, topics: Topics) -> None:
        self.looks = 0
        self._back: list[str] = []
        self._newest: dict[int, int] = {}
        self._kafka, self._topics = kafka, topics
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="marks", daemon=True)

    def look(self) -> None:
        """Look from now on."""
        if not self._thread.is_alive():
            self._thread.start()

    def check(self) -> None:
        """Look no more; none has gone back."""
        self._ending.set()
        self._thread.join(60)
        assert self.looks, "O4: the marks were never seen"
        assert not self._back, f"O4: marks have gone back: {self._back}"

    def _go_on(self) -> None:
        with closing(log_beside(self._kafka, self._topics)) as log:
            while not self._ending.wait(EVERY_S):
                for number in range(self._topics.partitions):
                    try:
                        self._note(log, number)
                    except LogError:  # no broker, or no coordinator, just now
                        continue

    def _note(self, log: KafkaEngineLog, number: int) -> None:
        mark = log.committed(number)
        if mark is not None:
            self.looks += 1
            before = self._newest.get(number, 0)
            if mark.next_offset < before:
                self._back.append(f"{number} from {before} to {mark.next_offset}")
            self._newest[number] = mark.next_offset
