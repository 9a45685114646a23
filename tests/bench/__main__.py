"""`python -m tests.bench [--quick] [--only GROUP ...]`: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.bench.cluster import Ceiling, Kafka, Running
from tests.bench.embedded import measure_embedded
from tests.bench.figures import Figures
from tests.bench.folding import measure_folding
from tests.bench.growth import measure_growth
from tests.bench.latency import measure_latency
from tests.bench.plan import LONG, QUICK, Plan
from tests.bench.rebuild import measure_rebuild
from tests.bench.throughput import measure_throughput
from tests.bench.timers import measure_timers
from tests.bench.transport import LINGER_MS

ROOT: Final = Path(__file__).resolve().parents[2]
GROUPS: Final = {  # in this order; with the key that stands for the group
    "fold": "fold_commands_per_s",
    "embedded": "latency1_embedded_ms_p50",
    "throughput": "wf1_per_s",
    "latency": "latency1_kafka_ms_p50",
    "timers": "timer_lateness_kafka_ms_p99",
    "growth": "growth_100k_ratio",
    "rebuild": "rebuild_commands_per_s",
}
BEGUN_S: Final = time.monotonic()
NOT_YET: Final = {
    "fanout20_tasks_per_s": "not yet: there is no fan-out",
    "user_task_per_s": "not yet: there is no USER_TASK",
    "growth_1m_ratio": "not yet: the Performance issue's",
    "search_page_ms_p99": "not yet: there is no search",
    "snapshot_s_per_gb": "not yet: there are no snapshots",
    "restore_s_per_gb": "not yet: there are no snapshots",
    "wf1_two_engines_per_s": "not yet: the Performance issue's",
}


class Bench:
    """One run of the bench."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.figures = Figures()
        self.plan: Plan = QUICK if options.quick else LONG
        self.groups = [group for group in GROUPS if group in (options.only or GROUPS)]
        self._options = options
        self._partitions: int = options.partitions

    def measure(self) -> None:
        """Measure what is asked for, as long as there is time."""
        if self._begins("fold", "the fold alone"):
            measure_folding(self.figures, self.plan)
        if self._begins("embedded", "embedded"):
            measure_embedded(self.figures, self._partitions, self.plan)
        if set(self.groups) - {"fold", "embedded"}:
            self._measure_on_kafka()

    def _measure_on_kafka(self) -> None:
        figures, plan, partitions = self.figures, self.plan, self._partitions
        with ExitStack() as closing:
            running = self._start(closing)
            kafka = running.kafka
            if self._begins("throughput", "throughput, and the ceiling"):
                with Ceiling(kafka, "bare", partitions=partitions, linger_ms=LINGER_MS) as bare:
                    measure_throughput(figures, running, bare, plan)
            if self._begins("latency", "latency on Kafka"):
                measure_latency(figures, "kafka", running.client, plan)
                if not plan.quick:  # a bare loop, without linger
                    with Ceiling(kafka, "prompt", partitions=partitions, linger_ms=0) as prompt:
                        measure_latency(figures, "ceiling", prompt.client, plan)
            if self._begins("timers", "timers on Kafka"):
                measure_timers(figures, running.client, plan)
            grows = figures.has("wf1_per_s") and plan.growth_runs > 0
            if grows and self._begins("growth", f"growth to {plan.growth_runs} finished runs"):
                measure_growth(figures, running, plan)
            if self._begins("rebuild", "rebuild from Kafka"):
                measure_rebuild(figures, running, plan)

    def _start(self, closing: ExitStack) -> Running:
        _say("starting Kafka, the engine, a worker")
        data = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="penstock-bench-")))
        return closing.enter_context(
            Running(
                closing.enter_context(Kafka()),
                data / "engine",
                partitions=self._partitions,
                bare_engine=self._options.engine == "bare",
                bare_worker=self._options.worker == "bare",
                profile=self._options.profile,
            )
        )

    def _begins(self, group: str, what: str) -> bool:
        """Whether a group is asked for and still has time."""
        if group not in self.groups:
            return False
        if time.monotonic() - BEGUN_S > self.plan.budget_s:
            self.figures.miss(GROUPS[group], "left out: the time is up")
            return False
        _say(what)
        return True


def main() -> int:
    """Measure, tell and write; 1 if something failed."""
    signal.signal(signal.SIGTERM, _interrupt)  # what we have started is ended too
    options = _options()
    load = os.getloadavg()[0]
    bench = Bench(options)
    try:
        bench.measure()
    finally:
        for key, why in NOT_YET.items():
            bench.figures.miss(key, why)
        took_s = time.monotonic() - BEGUN_S
        print(f"\n{bench.figures.table()}\n\nin {took_s:.0f} s, load before {load:.1f}", flush=True)
        bench.figures.write(options.output, _facts(options, took_s, load))
        print(f"written to {options.output}", flush=True)
    return 1 if bench.figures.failed else 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _facts(options: argparse.Namespace, took_s: float, load: float) -> dict[str, Any]:
    return {
        "quick": options.quick,
        "engine": options.engine,
        "worker": options.worker,
        "partitions": options.partitions,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "took_s": round(took_s),
        "load_before": round(load, 1),
    }


def _say(what: str) -> None:
    print(f"bench: {time.monotonic() - BEGUN_S:4.0f} s  {what}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="roughly, in under a minute")
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), help="these groups only")
    parser.add_argument(
        "--engine", choices=("server", "bare"), default="server", help="bare: without HTTP"
    )
    parser.add_argument(
        "--worker", choices=("sdk", "bare"), default="sdk", help="bare: a loop on the log port"
    )
    parser.add_argument("--partitions", type=int, default=4, help="of the commands topic")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="cProfile of the (bare) engine's fold thread"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
