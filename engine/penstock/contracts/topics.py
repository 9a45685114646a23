"""Topics: one TOML file each in topics/, and the names they have in a cluster."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec import Struct

from penstock.contracts.locate import contract_folder

NAME_CHARS_MAX: Final = 249


class TopicSettings(Struct, frozen=True):
    """How a topic is made when it does not exist; `config` has Kafka's names
    (`message.timestamp.type`, ...).
    """

    name: str
    partitions: int
    config: Mapping[str, str] = {}


class TopicFile(Struct, frozen=True, forbid_unknown_fields=True):
    """What a file in topics/ says. `partitions` 0 stands for as many as `commands` has."""

    name: str
    about: str
    key: str
    schemas: tuple[str, ...]
    partitions: int
    config: dict[str, str] = {}


class Topics:
    """The topics of one cluster."""

    def __init__(self, cluster: str, partitions: int) -> None:
        self.cluster = cluster
        self.partitions = partitions
        self._files = topic_files()
        self.commands = self._name("commands")
        self.events = self._name("events")
        self.verdicts = self._name("verdicts")
        self.dead_letters = self._name("dead-letters")
        self.worker_signals = self._name("worker-signals")
        self._tasks_prefix = f"{cluster}.tasks."

    def task(self, tenant: str, task_def: str) -> str:
        """The topic of a TaskDef's tasks."""
        return task_topic(self.cluster, tenant, task_def)

    def fixed(self) -> list[TopicSettings]:
        """The topics that every cluster has."""
        return [self._settings(name, self._name(name)) for name in self._files if name != "tasks"]

    def on_demand(self, topic: str) -> TopicSettings | None:
        """The settings of a topic that is made when it is first needed, or None if it is not one of
        these.
        """
        return self._settings("tasks", topic) if topic.startswith(self._tasks_prefix) else None

    def _settings(self, name: str, topic: str) -> TopicSettings:
        file = self._files[name]
        return TopicSettings(topic, file.partitions or self.partitions, file.config)

    def _name(self, name: str) -> str:
        return self._files[name].name.format(cluster=self.cluster)


def topic_files() -> dict[str, TopicFile]:
    """The files of topics/, by their names."""
    return {
        path.stem: msgspec.convert(tomllib.loads(path.read_text()), TopicFile)
        for path in sorted(contract_folder("topics").glob("*.toml"))
    }


@lru_cache(maxsize=4_096)
def task_topic(cluster: str, tenant: str, task_def: str) -> str:
    """A topic name for each TaskDef, no two the same.

    Kafka takes `a.b` and `a_b` for a collision, so '.' becomes '.d' and '_' becomes '.u'; a name
    that gets too long is cut and told apart by its hash, after '.h'.
    """
    escaped = re.sub(r"[._]", lambda found: ".d" if found[0] == "." else ".u", task_def)
    topic = f"{cluster}.tasks.{tenant}.{escaped}"
    if len(topic) <= NAME_CHARS_MAX:
        return topic
    digest = blake2b(topic.encode(), digest_size=16).hexdigest()
    return f"{topic[: NAME_CHARS_MAX - len(digest) - 2]}.h{digest}"


def task_group(topics: Topics, tenant: str, task_def: str) -> str:
    """The group of a TaskDef's workers, over Kafka and over HTTP; its name is the topic's."""
    return topics.task(tenant, task_def)
