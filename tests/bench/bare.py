"""The speed of this machine: the bare loop that the goals were set by (goals.py), one task a run;
with linger under load, and without it for one in flight; and the loop alone, with nobody beside it.
No engine is at work meanwhile.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Final

from penstock.contracts.topics import Topics
from tests.bench.cluster import START_S, Kafka, Usage, make_topics
from tests.bench.figures import Figures, percentile
from tests.bench.latency import WARM_UP_RUNS as LATENCY_WARM_UP_RUNS
from tests.bench.lean import LeanClient, run_lean_loop, run_lean_loop_alone, run_lean_worker
from tests.bench.plan import RUN_S_MAX, Plan, runs_for
from tests.bench.process import BenchError, Child, cpu_s, in_child
from tests.bench.throughput import WARM_UP_RUNS, settled, spent_us
from tests.bench.transport import LINGER_MS

KEY: Final = "bare_per_s"
ALONE_S: Final = 300.0


def measure_bare(figures: Figures, kafka: Kafka, partitions: int, plan: Plan) -> None:
    """What the goals here are stretched by."""
    try:
        with _Bare(kafka, "bare", partitions, LINGER_MS) as loop:
            until_s = time.monotonic() + plan.warm_up_s
            while (took_s := loop.client.pipelined(WARM_UP_RUNS, RUN_S_MAX)) and (
                time.monotonic() < until_s
            ):
                pass
            count = runs_for(WARM_UP_RUNS / took_s, plan)
            for _ in range(plan.repetitions):
                before = loop.usage()
                figures.add(KEY, "1/s", count / loop.client.pipelined(count, RUN_S_MAX))
                for process, cost_us in spent_us(before, settled(loop.usage), count).items():
                    figures.add(f"bare_{process}_cpu_us", "us a run", cost_us)
        for repetition in range(plan.repetitions):
            where = (kafka.bootstrap, f"alone{repetition}", partitions)
            make_topics(kafka.bootstrap, Topics(*where[1:]))
            spent_s: float = in_child(run_lean_loop_alone, *where, count, timeout_s=ALONE_S)
            figures.add("bare_loop_alone_cpu_us", "us a run", spent_s / count * 1e6)
        with _Bare(kafka, "bare0", partitions, 0) as prompt:
            prompt.client.one_by_one(LATENCY_WARM_UP_RUNS, RUN_S_MAX)
            for _ in range(plan.repetitions):
                took_ms = prompt.client.one_by_one(plan.latency_runs, RUN_S_MAX)
                for percent in (50, 99):
                    figures.add(f"bare_latency_ms_p{percent}", "ms", percentile(took_ms, percent))
    except BenchError as error:
        figures.fail(KEY, error)


class _Bare:
    """Loop, worker and client, on topics of their own."""

    def __init__(self, kafka: Kafka, name: str, partitions: int, linger_ms: float) -> None:
        self._kafka = kafka
        self._topics = Topics(name, partitions)
        self._where = (kafka.bootstrap, name, partitions, linger_ms)
        self._linger_ms = linger_ms
        self._closing = ExitStack()

    def __enter__(self) -> _Bare:
        with ExitStack() as closing:
            make_topics(self._kafka.bootstrap, self._topics)
            self._loop = Child(run_lean_loop, *self._where)
            closing.callback(self._loop.stop)
            self._worker = Child(run_lean_worker, *self._where)
            closing.callback(self._worker.stop)
            self._loop.wait(START_S)
            self._worker.wait(START_S)
            self.client = LeanClient(self._kafka.bootstrap, self._topics, self._linger_ms)
            closing.callback(self.client.close)
            self._closing = closing.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._closing.close()

    def usage(self) -> Usage:
        """CPU seconds of each process."""
        return {
            "loop": cpu_s(self._loop.pid),
            "worker": cpu_s(self._worker.pid),
            "broker": cpu_s(self._kafka.pid),
            "client": cpu_s(os.getpid()),
        }
