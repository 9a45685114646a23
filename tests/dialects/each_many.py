"""A for-each over very many values with real workers, on a real store: to its end, or killed at
half, and what it has left then.

`python -m tests.dialects.each_many --values 10000` (or `make each`) does both on the embedded log,
with `--kafka` on a broker of its own, and prints what a value has cost at the beginning and at the
end. The time is that of the CPU, of server and workers together: they are one process here.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from penstock.cli import main as penstock
from penstock.contracts.topics import task_group
from penstock.core.ids import partition_of_run
from penstock.core.state.run import NodeRun, TaskRun, ThreadRun, WfRun
from penstock.core.state.timers import Timer
from penstock.core.state.transitions import NODE_LIVE, TASK_LIVE, THREAD_LIVE, TaskStatus
from penstock.sdk.context import TaskContext
from penstock.sdk.task import TaskDef, task
from penstock.sdk.worker import Worker
from tests.dialects.bench import task_def_of
from tests.gateway.served import Served, serving
from tests.kafka_broker import running_kafka
from tests.sim.liveness import problems
from tests.sim.tables import Tables

AT_ONCE: Final = 50
SLOTS: Final = 40
"""Fewer than are at work at once, so that at any time some tasks lie in the queue."""
SAMPLES: Final = 10
"""In so many pieces a tenth of the values is measured; their median counts."""
RATIO_MAX: Final = 1.3
"""Of the cost of a value at the end to that at the beginning, by the CPU's time."""
HELD_S: Final = 300.0

FLOW: Final = f"""
id: %s
namespace: company.team
inputs: [{{id: all, type: ARRAY}}]
tasks:
  - id: each
    type: for-each
    values: "{{{{ inputs.all }}}}"
    concurrencyLimit: {AT_ONCE}
    tasks:
      - {{id: one, type: task, taskDef: %s, inputs: {{value: "{{{{ taskrun.value }}}}"}}}}
"""


@dataclass
class Work:
    """What workers do: each value's task is done at once; from one on, they are held until they are
    told to stop. Delivery is at least once, so what is done is counted by values.
    """

    hold_from: int | None = None
    mark_every: int = 100
    begun: int = 0
    values: set[str] = field(default_factory=set[str])
    held: set[str] = field(default_factory=set[str])
    told: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    marks: list[float] = field(default_factory=list[float])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def one(self, context: TaskContext, value: str) -> str:
        """Do one."""
        with self._lock:
            self.begun += 1
            if self.hold_from is not None and self.begun > self.hold_from:
                self.held.add(context.guid)
        if context.guid in self.held:
            context.wait(HELD_S)
            self.told[context.guid] = context.stop
            raise RuntimeError("it was to stop")
        with self._lock:
            known = value in self.values
            self.values.add(value)
            if not known and self.done % self.mark_every == 0:
                self.marks.append(time.process_time())
        return value

    @property
    def done(self) -> int:
        """How many values are."""
        return len(self.values)

    def costs_ms(self) -> tuple[float, float]:
        """Of a value, in the first tenth and in the last."""
        each = [
            (now - was) / self.mark_every * 1e3
            for was, now in zip(self.marks, self.marks[1:], strict=False)
        ]
        return statistics.median(each[:SAMPLES]), statistics.median(each[-SAMPLES:])


@dataclass
class Each:
    """A run over so many values, on a server with workers."""

    served: Served
    name: str
    work: Work
    run_id: str = ""

    def start(self, folder: Path, values: int) -> None:
        """Deploy the flow and run it."""
        path = folder / f"{self.name}.yaml"
        path.write_text(FLOW % (self.name, self.task_def))
        assert penstock(["deploy", str(path), "--url", self.served.url]) == 0
        given = {"all": [*range(values)]}
        self.run_id = self.served.run(f"company.team.{self.name}", variables=given)

    @property
    def task_def(self) -> str:
        """What workers do."""
        return f"{self.name}-one"

    def tasks(self) -> TaskDef[..., Any]:
        """The function."""
        return task(name=self.task_def)(self._one)

    def _one(self, context: TaskContext, value: str) -> str:
        return self.work.one(context, value)

    def kill(self) -> None:
        """As an operator does."""
        self.served.good("POST", f"/v1/wf-runs/{self.run_id}/actions/kill", {})

    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.run().status not in THREAD_LIVE

    def run(self) -> WfRun:
        """Its row."""
        [found] = self._rows(WfRun)
        return found

    def running(self) -> set[str]:
        """The tasks of which the engine knows that a worker runs them."""
        return {row.guid for row in self._rows(TaskRun) if row.status is TaskStatus.TASK_RUNNING}

    def assert_nothing_is_open(self) -> None:
        """No thread, node, task or timer, and nothing in the queue; nor does a row of any partition
        belong to nothing.
        """
        assert [row for row in self._rows(ThreadRun) if row.status in THREAD_LIVE] == []
        assert [row for row in self._rows(NodeRun) if row.status in NODE_LIVE] == []
        assert [row for row in self._rows(TaskRun) if row.status in TASK_LIVE] == []
        for tables in self._partitions():
            timers = [row for row in tables.rows.values() if isinstance(row, Timer)]
            assert [timer for timer in timers if timer.wf_run_id == self.run_id] == []
            assert problems(tables) == []
        assert self.is_empty()

    def is_empty(self) -> bool:
        """Whether workers have been through all that was in their queue."""
        made = self.served.made
        topic = made.topics.task("default", self.task_def)
        group = task_group(made.topics, "default", self.task_def)
        return made.log.backlog(topic, group).records == 0

    def _rows(self, kind: type[Any]) -> list[Any]:
        number = partition_of_run(self.run_id, self.served.made.topics.partitions)
        view = self.served.made.processor.view(number)
        assert view is not None
        start = kind.key("default", self.run_id)
        return [row for _, row in view.scan(kind, start, start + b"\xff")]

    def _partitions(self) -> Iterator[Tables]:
        for number in self.served.made.processor.owned():
            view = self.served.made.processor.view(number)
            assert view is not None
            yield Tables(view._view)


@contextmanager
def each(folder: Path, values: int, kafka: str | None, cluster: str, work: Work) -> Iterator[Each]:
    """A run that is at its first values, and the workers that do them."""
    config = {} if kafka is None else {"kafka": kafka, "cluster": cluster}
    with serving(folder / "data", **config) as served:
        made = Each(served, "each-many", work)
        url = served.url if kafka is None else f"kafka://{kafka}/{cluster}"
        function = made.tasks()
        fields: dict[str, Any] = msgspec.to_builtins(task_def_of(function))
        served.a_task_def(fields.pop("name"), **fields)
        with Worker(function, url=url, slots=SLOTS):
            made.start(folder, values)
            yield made


def wait_for(holds: Callable[[], bool], within_s: float = 900.0) -> None:
    """Wait for a fact."""
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)


def to_its_end(folder: Path, values: int, kafka: str | None = None, cluster: str = "each") -> Work:
    """All values are done, and nothing is left open."""
    work = Work(mark_every=max(1, values // 10 // SAMPLES))
    with each(folder, values, kafka, cluster, work) as run:
        wait_for(run.is_over)
        assert run.run().status == "COMPLETED"
        assert work.done == values
        wait_for(run.is_empty)
        run.assert_nothing_is_open()
    return work


def killed_at_half(
    folder: Path, values: int, kafka: str | None = None, cluster: str = "each"
) -> Work:
    """When half are done workers run as many as they can, and others lie in the queue: who runs one
    is told to stop, and the run ends when the last has. Who takes one of the others after that, as
    he may on Kafka, is told as well (what lies in a queue is signalled, too, since the engine can
    not know who has it by now), or learns that it is over.
    """
    work = Work(hold_from=values // 2)
    with each(folder, values, kafka, cluster, work) as run:
        wait_for(lambda: len(work.held) == SLOTS and work.done == values // 2)
        wait_for(lambda: len(run.running()) == SLOTS)
        at_work = run.running()
        assert at_work == work.held
        run.kill()
        wait_for(run.is_over)
        assert run.run().status == "ERROR"
        wait_for(run.is_empty)
        wait_for(lambda: work.told.keys() == work.held)
        assert {work.told[guid] for guid in at_work} == {"cancel"}
        assert {work.told[guid] for guid in work.held - at_work} <= {"cancel", "over"}
        run.assert_nothing_is_open()
        assert work.done == values // 2
        assert run.run().threads == 1 + values // 2 + AT_ONCE
    return work


def main() -> int:
    """Print the figures; 1 if a value at the end costs more."""
    parser = argparse.ArgumentParser(prog="python -m tests.dialects.each_many")
    parser.add_argument("--values", type=int, default=10_000)
    parser.add_argument("--kafka", action="store_true", help="on a broker of its own")
    asked = parser.parse_args()
    if not asked.kafka:
        return _both(asked.values, None)
    with running_kafka() as bootstrap:
        return _both(asked.values, bootstrap)


def _both(values: int, kafka: str | None) -> int:
    where = "the embedded log" if kafka is None else "Kafka"
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.monotonic()
        first, last = to_its_end(Path(folder) / "end", values, kafka, "end").costs_ms()
        took_s = time.monotonic() - began_s
    print(
        f"{values} values, {AT_ONCE} at once, on {where}: {took_s:.0f} s in all; CPU of a value"
        f" {first:.2f} ms at the beginning, {last:.2f} ms at the end ({last / first:.2f})"
    )
    with tempfile.TemporaryDirectory() as folder:
        began_s = time.monotonic()
        work = killed_at_half(Path(folder) / "half", values, kafka, "half")
        took_s = time.monotonic() - began_s
    print(
        f"killed at half, after {work.done}: {len(work.held)} were at work and told to stop,"
        f" nothing was open afterwards ({took_s:.0f} s in all)"
    )
    return int(last > first * RATIO_MAX)


if __name__ == "__main__":
    sys.exit(main())
