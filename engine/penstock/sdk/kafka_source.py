"""Tasks over Kafka: a consumer for each TaskDef, in the group that its gateways use too; reports go
to `commands`.

Rules
- A record is passed once the report of its attempt, or its TaskStarted, is acknowledged by the log;
many are under way in each partition, and the mark follows the first that is not done.
- What comes twice is run once, as far as memory goes.
- A partition that goes to another worker takes with it what has not begun. What has begun is said
to have, so that the mark passes it, before the other reads on from there. A worker that stops
leaves its groups at once, in this way, and finishes what runs.
- Signals are read by every worker, from where the topic ended when it began: what is not here is
passed by.
- About half a second's work is held ahead: enough to keep the slots busy, little to repeat
elsewhere. Reports that the log does not acknowledge take up that room, so that there is an end to
them (pace.py).
- A checkpoint is kept when the log has it. What the fold says of it nobody hears here. The SDK asks
for nothing that it refuses, but for one thing: what earlier attempts have used of the room.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from threading import Event, Lock, Thread
from typing import Any, Final, cast

from penstock.contracts.avro import Avro, Malformed
from penstock.contracts.topics import Topics, task_group
from penstock.core.commands.hand_back_task import HandBackTask
from penstock.core.commands.put_checkpoint import PutCheckpoint
from penstock.core.commands.report_task import ReportTask
from penstock.core.commands.task_started import TaskStarted
from penstock.core.state.outputs import ScheduledTask, WorkerSignal
from penstock.core.values.value import Value
from penstock.log.kafka import KafkaConsumer, KafkaProducer, KafkaTail
from penstock.log.port import LogError, Record
from penstock.observe.tracing import TRACEPARENT, sound
from penstock.sdk import api
from penstock.sdk.attempt import Attempt
from penstock.sdk.context import NO_WORDS
from penstock.sdk.errors import Unavailable
from penstock.sdk.kafka_reports import KafkaReports
from penstock.sdk.pace import Pace
from penstock.sdk.progress import Progress, Seen
from penstock.sdk.runner import Job, Runner
from penstock.sdk.task import TaskDef

RECORDS_MAX: Final = 500
POLL_S: Final = 0.1
SIGNALS_MAX: Final = 500
FULL_PAUSE_S: Final = 0.005
FULL_ATTEND_S: Final = 1.0  # without room for so long, it reads nothing, so that others may join
HAND_OVER_S: Final = 3.0
"""So long a partition that goes waits until the log has what is said of its tasks."""
HAND_OVER_LOOK_S: Final = 0.002
SESSION_TIMEOUT_MS: Final = 6_000
"""So long a worker that was killed keeps its partitions: brokers take no less if not told to. What
it had not begun, and what is sent to it meanwhile, goes elsewhere a moment later.
"""

logger = logging.getLogger("penstock.worker")


class KafkaSource:
    """See worker.Source."""

    def __init__(
        self,
        bootstrap: str,
        settings: Mapping[str, str],
        cluster: str,
        tenant: str,
        worker: str,
        tasks: Mapping[str, TaskDef[..., Any]],
        runner: Runner,
    ) -> None:
        self.stopping = Event()
        self.runner = runner
        self.worker = worker
        self.avro = Avro()
        self._bootstrap = bootstrap
        self._settings = settings
        self._tenant = tenant
        self._topics = Topics(cluster, 0)
        self._producer = KafkaProducer(bootstrap, settings=settings)
        self.reports = KafkaReports(self._producer, self.avro, self._topics.commands, worker)
        self._ended = Event()
        self._signals: Thread
        self._readers = [
            Reader(self, task, self._topics.task(tenant, task.name)) for task in tasks.values()
        ]

    def start(self) -> None:
        """Join the groups, and listen to signals. Raises a LogError if there can be no client, as
        with settings that are wrong.
        """
        with ExitStack() as made:
            made.callback(self._producer.close)
            self._producer.warm_up()
            tail = KafkaTail(self._bootstrap, self._topics.worker_signals, self._settings)
            made.callback(tail.close)
            for reader in self._readers:
                made.callback(reader.make().close)
            made.pop_all()
        listen = partial(self._listen, tail)
        self._signals = Thread(target=listen, name="penstock-signals", daemon=True)
        self._signals.start()
        for reader in self._readers:
            reader.thread.start()

    def stop_taking(self) -> None:
        """Poll no more; attempts that have not begun come to other workers."""
        self.stopping.set()
        self.runner.drop_waiting()

    def close(self, timeout_s: float) -> None:
        """Wait until the reports are acknowledged and the marks committed; leave the groups."""
        self.reports.settle(timeout_s)
        self._ended.set()
        for reader in self._readers:
            reader.ending.set()
        for reader in self._readers:
            reader.thread.join(timeout_s)
        self._signals.join(timeout_s)
        self.reports.close()

    def consumer(
        self,
        task: TaskDef[..., Any],
        topic: str,
        left: Callable[[KafkaConsumer, Sequence[int], bool], None],
    ) -> KafkaConsumer:
        """A member of the group of a TaskDef's workers."""
        group = task_group(self._topics, self._tenant, task.name)
        return KafkaConsumer(
            self._bootstrap,
            topic,
            group,
            settings=self._settings,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            client_id=self.worker,
            left=left,
        )

    def _listen(self, tail: KafkaTail) -> None:
        """Do what signals ask for, until the worker ends."""
        retry = 0
        try:
            while not self._ended.is_set():
                try:
                    for record in tail.poll(SIGNALS_MAX, POLL_S):
                        self._obey(record)
                    retry = 0
                except LogError as error:
                    logger.warning("signals can not be read: %s", error)
                    self._ended.wait(api.pause_s(retry))
                    retry += 1
        finally:
            tail.close()

    def _obey(self, record: Record) -> None:
        try:
            signal, _ = self.avro.decode(record.value or b"")
        except Malformed as malformed:
            logger.error("%s %d is no signal: %s", record.topic, record.offset, malformed)
            return
        if isinstance(signal, WorkerSignal) and signal.tenant == self._tenant:
            self.runner.ask_to_stop(signal.guid, signal.attempt, signal.stop)


class Reader:
    """Reads the tasks of one TaskDef, in a thread of its own, which alone knows how far all is
    done. Jobs tell it what becomes of them (see runner.Engine).
    """

    leases = False

    def __init__(self, source: KafkaSource, task: TaskDef[..., Any], topic: str) -> None:
        self.acked: deque[tuple[int, int]] = deque()
        self.ending = Event()
        self.thread = Thread(target=self._run, name=f"penstock-{task.name}", daemon=True)
        self._source = source
        self._reports = source.reports
        self._task = task
        self._topic = topic
        self._first: KafkaConsumer | None = None
        self._retry = 0
        self._progress: dict[int, Progress] = {}
        self._seen = Seen()
        self._pace = Pace(source.runner, lambda: source.reports.unheard)
        self._saying = Lock()

    def make(self) -> KafkaConsumer:
        """The first consumer, for the thread to read from."""
        self._first = self._source.consumer(self._task, self._topic, self._left)
        return self._first

    def _run(self) -> None:
        """Read, with a new consumer when one fails, until the worker stops; then see to it that
        what runs is told.
        """
        stopping = self._source.stopping
        while not stopping.is_set() or self._first is not None:
            try:
                self._read(stopping)
            except LogError as error:
                logger.warning("tasks of %s can not be read: %s", self._task.name, error)
                stopping.wait(api.pause_s(self._retry))
                self._retry += 1
        while not self.ending.wait(POLL_S):
            self._reports.send_again()

    def _read(self, stopping: Event) -> None:
        consumer = self._first or self.make()
        self._first = None
        try:
            while not stopping.is_set():
                self._step(consumer)
                self._retry = 0
        finally:
            self._commit(consumer)
            consumer.close()

    def _step(self, consumer: KafkaConsumer) -> None:
        """Commit what is done, and take what there is room for."""
        self._reports.send_again()
        self._commit(consumer)
        room = self._pace.room()
        if room > 0:
            records = consumer.poll(min(room, RECORDS_MAX), POLL_S)
            self._pace.polled()
            for record in records:
                self._take(record)
        else:
            if self._pace.full_s >= FULL_ATTEND_S:
                consumer.attend()
            self._source.stopping.wait(FULL_PAUSE_S)

    def _left(self, consumer: KafkaConsumer, partitions: Sequence[int], are_lost: bool) -> None:
        """Partitions go to another worker. What has not begun is forgotten here, and what has is
        said to have; the marks come behind that.
        """
        forgotten, begun = self._source.runner.take_back(self, frozenset(partitions))
        for job in forgotten:
            self._seen.forget(*job.key)
            self._progress[job.partition].drop(job.offset)
        for job in begun:
            if not job.said:
                job.said = True
                self.started(job)
        deadline = time.monotonic() + (0.0 if are_lost else HAND_OVER_S)
        gone = [self._progress[one] for one in partitions if one in self._progress]
        self._commit(consumer)
        while not all(one.is_through for one in gone) and time.monotonic() < deadline:
            time.sleep(HAND_OVER_LOOK_S)
            self._reports.send_again()
            self._commit(consumer)
        for partition in partitions:
            self._progress.pop(partition, None)

    def _take(self, record: Record) -> None:
        progress = self._progress.get(record.partition)
        if progress is None:
            progress = self._progress[record.partition] = Progress()
        if not progress.came(record.offset):
            return
        try:
            decoded, _ = self._source.avro.decode(record.value or b"")
        except Malformed as malformed:
            logger.error("%s %d is no task: %s", record.topic, record.offset, malformed)
            decoded = None
        scheduled = cast(ScheduledTask, decoded)
        is_task = isinstance(decoded, ScheduledTask)
        if not is_task or not self._seen.is_new(scheduled.guid, scheduled.attempt):
            self.acked.append((record.partition, record.offset))
            return
        attempt = Attempt(self._task, scheduled, self._source.worker, self._source.runner.secrets)
        attempt.trace = sound(record.headers.get(TRACEPARENT))
        self._source.runner.submit(Job(attempt, self, record.partition, record.offset))

    def report(self, job: Job, report: ReportTask) -> None:
        """The attempt has ended. Words that the log has not acknowledged may come behind it, which
        is too late: it has them, too.
        """
        with self._saying:
            self._reports.send(self.acked, job, job.attempt.with_rest(report))

    def started(self, job: Job) -> None:
        """The attempt runs for longer."""
        self._reports.send(self.acked, job, TaskStarted(**job.attempt.named))

    def beat(self, job: Job, progress: Value, with_words: bool) -> None:
        """The attempt lives. What it has said goes by itself: progress may be refused."""
        attempt = job.attempt
        with_words = with_words and attempt.context.unheard is None
        if progress is not None or not with_words:
            self._reports.send(self.acked, job, attempt.heartbeat(progress, NO_WORDS))
        if with_words:
            with self._saying:  # no report comes between
                words = attempt.context.take_piece()

                def told(error: LogError | None) -> None:
                    hear = attempt.context.heard if error is None else attempt.context.give_back
                    hear(words)

                if not self._reports.send(self.acked, job, attempt.heartbeat(None, words), told):
                    self._reports.send(self.acked, job, attempt.heartbeat(None, NO_WORDS))

    def keep(self, job: Job, checkpoint: PutCheckpoint, kept: Future[None]) -> None:
        """The attempt puts a value aside."""

        def told(error: LogError | None) -> None:
            if error is None:
                kept.set_result(None)
            else:
                kept.set_exception(Unavailable("LOG", f"checkpoint {checkpoint.number}: {error}"))

        self._reports.send(self.acked, job, checkpoint, told)

    def hand_back(self, job: Job) -> None:
        """The worker gives the attempt up."""
        self._reports.send(self.acked, job, HandBackTask(**job.attempt.named))

    def _commit(self, consumer: KafkaConsumer) -> None:
        """Move the marks to where all before is done."""
        marks: dict[int, int] = {}
        acked = self.acked
        while acked:
            partition, offset = acked.popleft()
            progress = self._progress.get(partition)
            mark = None if progress is None else progress.done(offset)
            if mark is not None:
                marks[partition] = mark
        for partition, mark in marks.items():
            consumer.commit(partition, mark)
