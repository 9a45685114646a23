"""The lean bare loop: the goals were set by one (goals.py). It carries a workflow of one task from
a client to a loop, a worker, the loop and the client again, in records of the same Avro, and does
nothing else: no headers, no event but the last, no structs, only what fastavro reads and writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from io import BytesIO
from itertools import count
from typing import Any, Final, NamedTuple

from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import parse_schema

from penstock.contracts.avro import HEAD_BYTES, Avro
from penstock.contracts.records import RECORD_TYPES
from penstock.contracts.topics import Topics
from penstock.contracts.wire import Sent, outgoing
from penstock.server.tuning import tune
from tests.bench.ceiling import outputs_of
from tests.bench.client import IN_FLIGHT
from tests.bench.process import READY, BenchError, Parent, within
from tests.bench.transport import LINGER_MS, RawSink, RawSource
from tests.bench.workflows import TASK_DEF, TENANT, WF1, report_of

POLL_S: Final = 0.2
NO_HEADERS: Final[dict[str, bytes]] = {}


class Form:
    """Records of one kind that differ in their run alone."""

    def __init__(self, value: bytes, kind: type) -> None:
        [record_type] = [one for one in RECORD_TYPES if one.kind is kind]
        self.head = value[:HEAD_BYTES]
        self._schema: Any = parse_schema(record_type.schema())
        self._fields = self._read(value)

    def of_run(self, wf_run_id: str) -> bytes:
        """The record of this run."""
        out = BytesIO()
        out.write(self.head)
        schemaless_writer(out, self._schema, {**self._fields, "wf_run_id": wf_run_id})
        return out.getvalue()

    def run_of(self, value: bytes) -> str:
        """Which run's it is; all of it is read."""
        return self._read(value)["wf_run_id"]

    def _read(self, value: bytes) -> dict[str, Any]:
        stream = BytesIO(value)
        stream.seek(HEAD_BYTES)
        fields: Any = schemaless_reader(stream, self._schema, None)
        return fields


class Forms(NamedTuple):
    """The four hops of a workflow."""

    started: Form
    task: Form
    report: Form
    ended: Form


def forms() -> Forms:
    """As the clients of ours write them."""
    avro, wf_run_id = Avro(), WF1.id_of("")

    def sent(command: Any) -> Form:
        out = outgoing(avro, Sent(command=command, principal="bench"), None)
        return Form(out.value, type(command))

    [start] = WF1.commands(wf_run_id)
    _, task = outputs_of(start)
    _, ended = outputs_of(report_of(task))
    return Forms(
        started=sent(start),
        task=Form(avro.encode(task), type(task)),
        report=sent(report_of(task)),
        ended=Form(avro.encode(ended, TENANT), type(ended)),
    )


class _Moves:
    """What comes by one topic is answered on others."""

    def __init__(self, bootstrap: str, linger_ms: float) -> None:
        self.forms = forms()
        self._sink = RawSink(bootstrap, linger_ms)

    def answer(self, values: list[bytes], answers: dict[bytes, tuple[Form, Form, str]]) -> None:
        """By what a record begins with: its form, that of the answer, and the answer's topic."""
        for value in values:
            asked, answer, topic = answers[value[:HEAD_BYTES]]
            wf_run_id = asked.run_of(value)
            data = answer.of_run(wf_run_id)
            self._sink.append(topic, wf_run_id.encode(), data, NO_HEADERS, None)
        self._sink.sent()

    def close(self) -> None:
        self._sink.close()


class _Loop(_Moves):
    def __init__(self, bootstrap: str, topics: Topics, linger_ms: float) -> None:
        super().__init__(bootstrap, linger_ms)
        started, task, report, ended = self.forms
        self._answers = {
            started.head: (started, task, topics.task(TENANT, TASK_DEF)),
            report.head: (report, ended, topics.events),
        }

    def take(self, values: list[bytes]) -> None:
        """A start gives a task, and a report an end."""
        self.answer(values, self._answers)


def run_lean_loop(
    parent: Parent, bootstrap: str, cluster: str, partitions: int, linger_ms: float
) -> None:
    """In the engine's place, until told to stop."""
    topics = Topics(cluster, partitions)
    loop = _Loop(bootstrap, topics, linger_ms)
    source = RawSource(bootstrap, topics.commands, partitions)
    _until_stopped(parent, source, loop.take)
    loop.close()


def run_lean_worker(
    parent: Parent, bootstrap: str, cluster: str, partitions: int, linger_ms: float
) -> None:
    """In the worker's place, until told to stop."""
    topics = Topics(cluster, partitions)
    moves = _Moves(bootstrap, linger_ms)
    task, report = moves.forms.task, moves.forms.report
    answers = {task.head: (task, report, topics.commands)}
    source = RawSource(bootstrap, topics.task(TENANT, TASK_DEF), partitions)
    _until_stopped(parent, source, lambda values: moves.answer(values, answers))
    moves.close()


def _until_stopped(parent: Parent, source: RawSource, take: Callable[[list[bytes]], None]) -> None:
    tune()
    parent.tell(READY)
    while not parent.stop.is_set():
        take(source.poll(POLL_S))
    source.close()


def run_lean_loop_alone(bootstrap: str, cluster: str, partitions: int, runs: int) -> float:
    """CPU seconds of a loop that has all its commands before it, and nobody beside it."""
    topics = Topics(cluster, partitions)
    loop = _Loop(bootstrap, topics, LINGER_MS)
    sink = RawSink(bootstrap, LINGER_MS)
    for form in (loop.forms.started, loop.forms.report):
        for wf_run_id in map(WF1.id_of, map(str, range(runs))):
            key = wf_run_id.encode()
            sink.append(topics.commands, key, form.of_run(wf_run_id), NO_HEADERS, None)
            sink.sent()
    sink.close()
    begun_s = time.process_time()
    source = RawSource(bootstrap, topics.commands, partitions, from_start=True)
    left, check = 2 * runs, within(POLL_S * runs, "the bare loop alone")
    while left:
        check()
        values = source.poll(POLL_S)
        loop.take(values)
        left -= len(values)
    loop.close()
    source.close()
    return time.process_time() - begun_s


class LeanClient:
    """Starts runs, and sees their ends."""

    def __init__(self, bootstrap: str, topics: Topics, linger_ms: float) -> None:
        self._forms = forms()
        self._topics = topics
        self._sink = RawSink(bootstrap, linger_ms)
        self._source = RawSource(bootstrap, topics.events, topics.partitions)
        self._numbers = count()

    def close(self) -> None:
        """Let go."""
        self._source.close()
        self._sink.close()

    def pipelined(self, runs: int, timeout_s: float) -> float:
        """Run this many, so many in flight; the seconds that it took."""
        check = within(timeout_s, f"{runs} runs of the bare loop")
        begun_s = time.monotonic()
        started = ended = 0
        while ended < runs:
            check()
            while started < runs and started - ended < IN_FLIGHT:
                self._start()
                started += 1
            ended += len(self._ended())
        return time.monotonic() - begun_s

    def one_by_one(self, runs: int, timeout_s: float) -> list[float]:
        """Run this many, one after the other; the milliseconds of each."""
        check = within(timeout_s, f"{runs} single runs of the bare loop")
        took_ms: list[float] = []
        for _ in range(runs):
            begun_s = time.monotonic()
            wf_run_id = self._start()
            while not (ended := self._ended()):
                check()
            if ended != [wf_run_id]:
                raise BenchError(f"{ended} have ended, and not {wf_run_id}")
            took_ms.append((time.monotonic() - begun_s) * 1_000)
        return took_ms

    def _start(self) -> str:
        wf_run_id = WF1.id_of(str(next(self._numbers)))
        value = self._forms.started.of_run(wf_run_id)
        self._sink.append(self._topics.commands, wf_run_id.encode(), value, NO_HEADERS, None)
        return wf_run_id

    def _ended(self) -> list[str]:
        self._sink.sent()
        return [self._forms.ended.run_of(value) for value in self._source.poll(POLL_S)]
