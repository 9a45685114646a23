"""How far groups have come, asked by consumers that join none.

The admin client would be one for all groups. But librdkafka (2.16) ends the process in it once a
broker answers that it does not coordinate the group, as one does that has just started, or is about
to stop: it has the coordinator looked for in the client's own group, and that client has none (its
issue 5040). A consumer has one, which costs a client and a connection a group: some are kept.

Whoever looks at all queues looks at them in turn, again and again. So where as many are kept as may
be, a new one goes at once, unless one that is kept has not been used for long: were it always the
eldest that goes, none would ever be found again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Lock, Thread
from typing import Any, Final

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaException, TopicPartition
from msgspec import Struct

from penstock.log.kafka.clients import Entry, client_settings, error_of, log_error, making
from penstock.log.port import LogFatal, LogUnavailable

KEPT_MAX: Final = 64
UNUSED_S: Final = 60.0
TRY_S: Final = 3.0
SAID_MAX: Final = 1_000  # of itself, by a client, since it was last used


class _Kept(Struct):
    client: Any
    since_s: float


class Committed:
    """Any thread may ask."""

    def __init__(self, bootstrap: str, settings: Mapping[str, str]) -> None:
        self._entry = Entry()
        self._settings = {
            **client_settings(bootstrap, settings),
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",  # what was committed, whether it may be undone
            "error_cb": self._entry.heard,
        }
        self._kept: dict[str, _Kept] = {}  # the one that was used last is last
        self._closed = False
        self._lock = Lock()

    def of(self, group: str, topic: str, partitions: int, timeout_s: float) -> dict[int, int]:
        """By partition; those of which the group has said nothing are left out. Raises a LogError
        if there is no answer in time. A client that was kept may wait for a broker that was gone
        and is back, so another one is asked then.
        """
        until_s = time.monotonic() + timeout_s
        wanted = [TopicPartition(topic, number) for number in range(partitions)]
        with self._lock:
            kept = self._kept.pop(group, None)
        if kept is not None:
            try:
                return self._asked(kept.client, group, wanted, min(TRY_S, timeout_s))
            except LogUnavailable:
                if time.monotonic() >= until_s:
                    raise
        if self._closed:
            raise LogFatal("the log is closed")
        with making("a client that asks for offsets"):
            client = Client({**self._settings, "group.id": group})
        return self._asked(client, group, wanted, max(until_s - time.monotonic(), 0.0))

    def _asked(
        self, client: Any, group: str, wanted: list[TopicPartition], timeout_s: float
    ) -> dict[int, int]:
        """What this client is told. Nobody else has it meanwhile; if it fails, it is let go of."""
        what, gone = f"asking for the offsets of {group}", [client]
        try:
            found: list[TopicPartition] = client.committed(wanted, timeout=timeout_s)
            for one in found:
                if one.error is not None:
                    raise log_error(what, one.error)
            self._entry.granted()
            gone = self._keep(group, client)
            return {one.partition: one.offset for one in found if one.offset >= 0}
        except KafkaException as raised:
            _hear(client)
            raise self._entry.error(what, error_of(raised)) from raised
        finally:
            _let_go(gone)

    def _keep(self, group: str, client: Any) -> list[Any]:
        """Keep a client for who asks next; returns those that go."""
        _hear(client)
        now_s, gone = time.monotonic(), list[Any]()
        with self._lock:
            for of, kept in list(self._kept.items()):
                if now_s - kept.since_s < UNUSED_S:
                    break
                gone.append(self._kept.pop(of).client)
            if self._closed or group in self._kept or len(self._kept) >= KEPT_MAX:
                return [*gone, client]
            self._kept[group] = _Kept(client, now_s)
        return gone

    def close(self) -> None:
        """Let go of those that are kept; of one that is in use whoever uses it does."""
        with self._lock:
            self._closed = True
            gone, self._kept = [kept.client for kept in self._kept.values()], {}
        for client in gone:
            client.close()


def _hear(client: Any) -> None:
    """What it has to tell of itself; of a long outage that is much."""
    for _ in range(SAID_MAX):
        if client.poll(0) is None:
            return


def _let_go(clients: list[Any]) -> None:
    """It waits for the threads of each, and whoever asked need not."""
    for client in clients:
        Thread(target=client.close, name="penstock-close", daemon=True).start()
