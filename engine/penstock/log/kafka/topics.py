"""Topics on Kafka: what is there, and how what is missing is made.

The admin client's stubs are partial and its names are not exported: this file alone knows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Final

from confluent_kafka import (
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
    Uuid,
)
from confluent_kafka import admin as _admin
from msgspec import Struct

from penstock.contracts.topics import TopicSettings
from penstock.log.kafka.clients import (
    HOPELESS,
    NO_TOPIC,
    REQUEST_TIMEOUT_S,
    Entry,
    as_log_errors,
    client_settings,
    error_of,
    log_error,
    patiently,
    refusal_code,
)
from penstock.log.kafka.committed import Committed
from penstock.log.kafka.groups import CONSUMER_ID, KafkaGroups
from penstock.log.port import LogError, LogFatal, LogUnavailable
from penstock.log.readers import Reading

admin: Any = _admin
OnDemand = Callable[[str], TopicSettings | None]
NEW_TOPIC_TIMEOUT_S: Final = 15.0
NEW_TOPIC_PAUSE_S: Final = 0.01
_URL_SAFE: Final = str.maketrans("+/", "-_")


class TopicFound(Struct, frozen=True):
    """A topic as the brokers describe it."""

    topic_id: str
    partitions: int
    has_leaders: bool  # of all partitions, so that it can be written and read
    replicas: int = 1  # of the partition that has fewest


class KafkaTopics:
    """Topics as the brokers have them. Any thread may ask."""

    def __init__(
        self, bootstrap: str, settings: Mapping[str, str], on_demand: OnDemand | None
    ) -> None:
        self._entry = Entry()
        self._settings = client_settings(bootstrap, settings)
        self._settings["error_cb"] = self._entry.heard
        self._on_demand = on_demand
        self._known: set[str] = set()
        self._made: set[str] = set()
        self._making = Lock()
        self._groups = KafkaGroups(bootstrap, settings)
        self._committed = Committed(bootstrap, settings)
        self._admin_client: Any = None

    @property
    def _admin(self) -> Any:
        client = self._admin_client
        if client is None:
            client = self._admin_client = admin.AdminClient(self._settings)
        return client

    def refusal(self, topic: str, timeout_s: float = REQUEST_TIMEOUT_S) -> tuple[str, str] | None:
        """Code and reason if nothing can be sent to a topic; it is made if it may be."""
        if topic in self._known:
            return None
        with self._making:
            described = self.describe([topic], timeout_s)[topic]
            if isinstance(described, KafkaError) and described.code() in NO_TOPIC:
                made = None if self._on_demand is None else self._on_demand(topic)
                if made is None:
                    return "NO_TOPIC", f"there is no topic {topic}"
                described = self.make(made)
        if isinstance(described, KafkaError):
            return _topic_refusal(topic, described)
        self._known.add(topic)
        return None

    def is_there(self, topic: str) -> bool:
        """Whether there is a topic; of one that was seen nobody is asked again."""
        if topic in self._known:
            return True
        found = self.describe([topic])[topic]
        if isinstance(found, KafkaError) and found.code() not in NO_TOPIC:
            raise log_error(f"reading {topic}", found)
        return not isinstance(found, KafkaError)

    def was_made_here(self, topic: str) -> bool:
        """Whether it was this client that made a topic: of several that try, one does."""
        return topic in self._made

    def forget(self, topic: str) -> None:
        """It may have been deleted: ask again before the next message."""
        self._known.discard(topic)

    def partitions_of(self, name: str) -> int | None:
        """How many partitions a topic has, if there is one."""
        found = self.describe([name])[name]
        return found.partitions if isinstance(found, TopicFound) else None

    def need(self, topic: str) -> None:
        """Raise LogFatal if it is not there, and can not be made."""
        refusal = self.refusal(topic)
        if refusal is not None:
            raise LogFatal(refusal[1])

    def checked_id(self, wanted: TopicSettings) -> str:
        """The id of a topic; raises LogFatal if it is not there, or has other settings."""
        found = self.describe([wanted.name])[wanted.name]
        if isinstance(found, KafkaError):
            raise LogFatal(f"topic {wanted.name}: {found.str()}")
        self.check(wanted, found)
        return found.topic_id

    def describe(
        self, topics: Sequence[str], timeout_s: float = REQUEST_TIMEOUT_S
    ) -> dict[str, TopicFound | KafkaError]:
        """What the brokers know about topics. Unlike a metadata request it makes none."""
        wanted = TopicCollection(list(topics))
        found = self._answers(
            "asking for topics",
            lambda client: client.describe_topics(wanted, request_timeout=timeout_s),
        )
        return {name: _found(one) for name, one in found.items()}

    def config(self, topic: str) -> dict[str, str]:
        """All settings of a topic that exists."""
        resource = admin.ConfigResource(admin.ResourceType.TOPIC, topic)

        client = self._admin

        def ask() -> Mapping[str, Any]:
            asked = client.describe_configs([resource], request_timeout=REQUEST_TIMEOUT_S)
            return asked[resource].result()

        try:  # of several brokers one may not have heard yet of a topic that was just made
            entries = patiently(f"the settings of {topic}", ask, NO_TOPIC)
        except LogError:
            self._drop(client)
            raise
        return {name: entry.value or "" for name, entry in entries.items()}

    def truncate(self, topic: str, partition: int, before: int) -> None:
        """Delete the records of a partition before an offset."""
        asked = TopicPartition(topic, partition, before)
        what = f"truncating {topic} {partition}"
        answers = self._answers(
            what,
            lambda client: client.delete_records([asked], request_timeout=REQUEST_TIMEOUT_S),
        )
        for answer in answers.values():
            if isinstance(answer, KafkaError):
                raise log_error(what, answer)

    def make(self, settings: TopicSettings) -> TopicFound | KafkaError:
        """Make a topic and wait until the brokers show it with all its leaders."""
        new = admin.NewTopic(
            settings.name,
            num_partitions=settings.partitions,
            replication_factor=-1,  # the brokers' default
            config=dict(settings.config),
        )
        made = self._answers(
            f"making {settings.name}",
            lambda client: client.create_topics([new], request_timeout=REQUEST_TIMEOUT_S),
        )[settings.name]
        if not isinstance(made, KafkaError):
            self._made.add(settings.name)
        elif made.code() != KafkaError.TOPIC_ALREADY_EXISTS:
            return made
        deadline = time.monotonic() + NEW_TOPIC_TIMEOUT_S
        while time.monotonic() < deadline:
            described = self.describe([settings.name])[settings.name]
            if not isinstance(described, KafkaError) and described.has_leaders:
                return described
            time.sleep(NEW_TOPIC_PAUSE_S)
        raise LogUnavailable(f"the new topic {settings.name} has no leaders yet")

    def ensure(self, topics: Sequence[TopicSettings]) -> None:
        """Make what is missing; raise LogFatal naming what is otherwise than asked for."""
        if not topics:
            return
        described = self.describe([settings.name for settings in topics])
        wrong: list[str] = []
        for settings in topics:
            found = described[settings.name]
            if isinstance(found, KafkaError) and found.code() in NO_TOPIC:
                found = self.make(settings)
            if isinstance(found, KafkaError):
                raise log_error(f"topic {settings.name}", found)
            wrong += self.problems(settings, found)
            self._known.add(settings.name)
        if wrong:
            raise LogFatal("; ".join(wrong))

    def check(self, settings: TopicSettings, found: TopicFound) -> None:
        """Raise LogFatal if a topic is not what these settings say."""
        wrong = self.problems(settings, found)
        if wrong:
            raise LogFatal("; ".join(wrong))

    def problems(self, settings: TopicSettings, found: TopicFound) -> list[str]:
        """All in which a topic is not what these settings say."""
        wrong: list[str] = []
        if found.partitions != settings.partitions:
            wrong.append(
                f"topic {settings.name} has {found.partitions} partitions, not"
                f" {settings.partitions}; their number is fixed when the cluster is made"
            )
        has = self.config(settings.name) if settings.config else {}
        for name, value in settings.config.items():
            if has.get(name) != value:
                wrong.append(f"topic {settings.name} has {name}={has.get(name)}, not {value}")
        return wrong

    def _answers(
        self, what: str, ask: Callable[[Any], Mapping[Any, Any]]
    ) -> dict[Any, Any | KafkaError]:
        """The answer to each part of a question. Whoever waits for one holds the client: with the
        last who does it goes, and what it was asked is answered no more.
        """
        with as_log_errors(what):
            client = self._admin
        try:
            found = {of: _result(future) for of, future in ask(client).items()}
            self._entry.granted()
            return found
        except KafkaException as raised:
            self._drop(client)
            client.poll(0)  # what it has to tell of itself
            raise self._entry.error(what, error_of(raised)) from raised

    def _drop(self, client: Any) -> None:
        """The next one to ask has a new client: this one may wait for a controller that is gone,
        since it hears of another one every few minutes only.
        """
        if self._admin_client is client:
            self._admin_client = None

    def group_offsets(self, group: str, topic: str, partitions: int) -> dict[int, int]:
        """How far a group has come; partitions of which it has said nothing are left out."""
        return self._committed.of(group, topic, partitions, REQUEST_TIMEOUT_S)

    def close(self) -> None:
        """Let go of what it has kept to ask with."""
        self._committed.close()

    def workers(self, group: str) -> list[Reading]:
        """The members of a group, but for those of engines."""
        return [
            Reading(one.client_id, one.host, len(one.assignment.topic_partitions))
            for one in self._groups.members(group, REQUEST_TIMEOUT_S)
            if one.client_id != CONSUMER_ID
        ]


def _result(future: Any) -> Any:
    """What a request about one topic gave: its result, or the error that is about this topic."""
    try:
        return future.result()
    except KafkaException as raised:
        error = error_of(raised)
        if refusal_code(error) or error.code() in HOPELESS | {KafkaError.TOPIC_ALREADY_EXISTS}:
            return error
        raise


def _found(described: Any) -> TopicFound | KafkaError:
    if isinstance(described, KafkaError):
        return described
    partitions: list[Any] = described.partitions
    has_leaders = bool(partitions) and all(one.leader is not None for one in partitions)
    replicas = min((len(one.replicas) for one in partitions), default=0)
    return TopicFound(topic_id_of(described.topic_id), len(partitions), has_leaders, replicas)


def topic_id_of(uuid: Uuid) -> str:
    """A topic's id as Kafka's own tools write it. The client writes it with / and +, which may be
    in no name of a folder.
    """
    return str(uuid).translate(_URL_SAFE)


def _topic_refusal(topic: str, error: KafkaError) -> tuple[str, str]:
    code = "DENIED" if refusal_code(error) == "DENIED" else "NO_TOPIC"
    return code, f"{topic}: {error.str()} ({error.name()})"
