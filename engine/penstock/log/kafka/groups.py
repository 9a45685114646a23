"""Who is in a group, asked of its coordinator.

librdkafka (2.16) aborts the process when the time of such a question was over while the coordinator
was away, and the coordinator is found then: it looks at what it has freed. So their time is never
over. Whoever asks waits as long as they like; who asks the same meanwhile waits for that answer. If
none comes for long, its way may have been lost in silence: the client goes, with all it was asked.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import admin as _admin
from msgspec import Struct

from penstock.log.kafka.clients import as_log_errors, client_settings, error_of, log_error
from penstock.log.port import LogUnavailable

admin: Any = _admin
NEVER_S: Final = 3_600.0  # the longest that the client takes
GIVE_UP_S: Final = 60.0
CONSUMER_ID: Final = "penstock-gateway"
"""By this client id engines know their own among the members of workers' groups."""


class _Asked(Struct):
    """A question that is under way."""

    answer: Any
    since_s: float


class KafkaGroups:
    """Any thread may ask."""

    def __init__(
        self, bootstrap: str, settings: Mapping[str, str], give_up_s: float = GIVE_UP_S
    ) -> None:
        self._settings = client_settings(bootstrap, settings)
        self._give_up_s = give_up_s
        self._client: Any = None
        self._asked: dict[str, _Asked] = {}
        self._lock = Lock()

    def members(self, group: str, timeout_s: float) -> list[Any]:
        """The members of a group, as the client describes them; of one that is not there none.
        Raises LogUnavailable if there is no answer in time.
        """
        what = f"asking for the members of {group}"
        with as_log_errors(what):
            client, under_way = self._under_way(group)
        try:
            return under_way.result(timeout_s).members
        except TimeoutError as error:
            raise LogUnavailable(f"{what}: no answer in {timeout_s:g} s") from error
        except KafkaException as raised:
            error = error_of(raised)
            if error.code() == KafkaError.GROUP_ID_NOT_FOUND:
                return []
            if error.code() == KafkaError.NOT_COORDINATOR:
                self._look_anew(client)
            raise log_error(what, error) from raised

    def _look_anew(self, client: Any) -> None:
        """The client asks a broker that is not the coordinator, and would again."""
        with self._lock:
            if self._client is client:
                self._client, self._asked = None, {}

    def _under_way(self, group: str) -> tuple[Any, Any]:
        """The client, which stays while somebody waits for it, and its answer to come."""
        now_s, gone = time.monotonic(), None
        with self._lock:
            self._asked = {of: one for of, one in self._asked.items() if not one.answer.done()}
            if any(now_s - one.since_s > self._give_up_s for one in self._asked.values()):
                gone, self._client, self._asked = self._client, None, {}
            if group not in self._asked:
                if self._client is None:
                    self._client = admin.AdminClient(self._settings)
                asked = self._client.describe_consumer_groups([group], request_timeout=NEVER_S)
                self._asked[group] = _Asked(asked[group], now_s)
            under_way = self._client, self._asked[group].answer
        del gone  # which takes a while, and nobody else has to wait
        return under_way
