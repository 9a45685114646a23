"""A worker over Kafka, and nobody else: its tasks are put to their topic, and what it says of them
is read from `commands`. So a test has that log refuse what it likes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics, TopicSettings, task_group
from penstock.contracts.wire import TENANT_DEFAULT
from penstock.core.commands.report_task import ReportTask
from penstock.core.limits import COMMAND_BYTES_MAX
from penstock.core.state.outputs import ScheduledTask
from penstock.core.values.value import Value
from penstock.log.kafka import KafkaProducer
from penstock.log.kafka.consume import KafkaReads
from penstock.log.kafka.topics import KafkaTopics
from penstock.log.port import Message
from penstock.sdk.task import TaskDef

READ_MAX = 10_000


class Tasks:
    """The topics of a cluster with one partition, and one TaskDef."""

    def __init__(self, bootstrap: str, cluster: str, of: TaskDef[..., Any]) -> None:
        names = Topics(cluster, 1)
        self.url = f"kafka://{bootstrap}/{cluster}"
        self.commands = names.commands
        self._topic = names.task(TENANT_DEFAULT, of.name)
        self._group = task_group(names, TENANT_DEFAULT, of.name)
        self._of = of
        self._avro = Avro()
        self._topics = KafkaTopics(bootstrap, {}, None)
        self._reads = KafkaReads(bootstrap, f"{cluster}.reads", {})
        self._producer = KafkaProducer(bootstrap)
        self._count = 0
        self._topics.make(TopicSettings(self._topic, 1))
        self._topics.make(TopicSettings(names.worker_signals, 1))

    def make_commands(self, **config: str) -> None:
        """Before that there are none."""
        settings = {name.replace("_", "."): value for name, value in config.items()}
        self._topics.make(TopicSettings(self.commands, 1, settings))

    def put(self, *inputs: dict[str, Value]) -> None:
        """A task for each of these inputs; its guid is how many there were before."""
        for given in inputs:
            scheduled = ScheduledTask(
                tenant=TENANT_DEFAULT, wf_run_id="run", guid=str(self._count), attempt=1,
                task_def=self._of.name, inputs=given, wf_spec="wf", version=1, node="1-n",
                thread=0, scheduled_at_ms=0, timeout_ms=60_000, max_attempts=3,
                report_partition=0,
            )  # fmt: skip
            self._producer.append(Message(self._topic, b"run", self._avro.encode(scheduled)))
            self._count += 1
        self._producer.flush()

    def reports(self) -> dict[str, ReportTask]:
        """What was reported, by guid."""
        records = self._reads.read(self.commands, 0, 0, READ_MAX)
        said = [self._avro.decode(one.value or b"", COMMAND_BYTES_MAX)[0] for one in records]
        return {one.guid: one for one in said if isinstance(one, ReportTask)}

    def mark(self) -> int:
        """How many tasks the worker has done with, as the group knows it. To be asked when it has
        reported one: a new broker's coordinator of the group is there by then.
        """
        return self._topics.group_offsets(self._group, self._topic, 1).get(0, 0)

    def close(self) -> None:
        """Let go."""
        self._producer.close()
        self._reads.close()
        self._topics.close()


@contextmanager
def tasks_of(bootstrap: str, cluster: str, of: TaskDef[..., Any]) -> Iterator[Tasks]:
    tasks = Tasks(bootstrap, cluster, of)
    try:
        yield tasks
    finally:
        tasks.close()
