"""`python -m tests.bench [--quick] [--only GROUP ...]`: measure, print a table, write JSON."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.bench.bare import KEY as BARE
from tests.bench.bare import measure_bare
from tests.bench.cluster import Ceiling, Kafka, Running
from tests.bench.embedded import measure_embedded
from tests.bench.engines import measure_engines
from tests.bench.figures import Figures
from tests.bench.folding import measure_folding
from tests.bench.growth import KEY as GROWTH
from tests.bench.growth import measure_growth
from tests.bench.http import measure_http
from tests.bench.latency import measure_latency
from tests.bench.plan import LONG, QUICK, Plan
from tests.bench.rebuild import measure_rebuild
from tests.bench.snapshots import KEY as SNAPSHOT
from tests.bench.snapshots import measure_snapshots
from tests.bench.steps import measure_steps
from tests.bench.throughput import WARM, measure_throughput, warm_up
from tests.bench.timers import measure_timers
from tests.bench.transport import LINGER_MS

ROOT: Final = Path(__file__).resolve().parents[2]
GROUPS: Final = {  # in this order; with the key that stands for the group
    "fold": "fold_commands_per_s",
    "embedded": "latency1_embedded_ms_p50",
    "steps": "step_of_10_cpu_us",
    "bare": BARE,
    "throughput": WARM,
    "latency": "latency1_kafka_ms_p50",
    "http": "latency0_http_ms_p50",
    "timers": "timer_lateness_kafka_ms_p99",
    "rebuild": "rebuild_commands_per_s",
    "engines": "wf1_two_engines_per_s",
    "growth": GROWTH,
    "snapshots": SNAPSHOT,
}
WITH_ONE_ENGINE: Final = ("throughput", "latency", "http", "timers")
LONG_ONLY: Final = {
    "engines": ("wf1_two_engines_per_s", "wf1_four_engines_per_s"),
    "growth": (GROWTH, "search_page_ms_p99"),
    "snapshots": (SNAPSHOT, "restore_s_per_gb"),
}
BEGUN_S: Final = time.monotonic()


class Bench:
    """One run of the bench."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.figures = Figures()
        self.plan: Plan = QUICK if options.quick else LONG
        self.groups = [group for group in GROUPS if group in (options.only or GROUPS)]
        self._options = options
        self._partitions: int = options.partitions
        for group in [one for one in self.groups if self.plan.quick and one in LONG_ONLY]:
            self.groups.remove(group)
            for key in LONG_ONLY[group]:
                self.figures.miss(key, "in the long bench only")

    def measure(self) -> None:
        """Measure what is asked for, as long as there is time."""
        if self._begins("fold", "the fold alone"):
            measure_folding(self.figures, self.plan)
        if self._begins("embedded", "embedded"):
            measure_embedded(self.figures, self._partitions, self.plan)
        if self._begins("steps", "steps of long runs"):
            measure_steps(self.figures, self.plan)
        if set(self.groups) - {"fold", "embedded", "steps", "snapshots"}:
            _say("starting Kafka")
            with ExitStack() as closing:
                directory = tempfile.TemporaryDirectory(prefix="penstock-bench-")
                data = Path(closing.enter_context(directory))
                self._measure_on_kafka(closing.enter_context(Kafka()), data)
        if self._begins("snapshots", "snapshots of a large store"):
            measure_snapshots(self.figures, self._partitions, self.plan)

    def _measure_on_kafka(self, kafka: Kafka, data: Path) -> None:
        figures, plan, partitions = self.figures, self.plan, self._partitions
        if self._begins("bare", "the bare loop"):
            measure_bare(figures, kafka, partitions, plan)
        if set(self.groups) & set(WITH_ONE_ENGINE):
            with self._start(kafka, data) as running:
                self._measure_one_engine(running)
        if self._begins("rebuild", "rebuild from Kafka, and from snapshots"):
            measure_rebuild(figures, kafka, data, partitions, plan)
        if self._begins("engines", "several engines"):
            measure_engines(figures, kafka, data, partitions, plan)
        if self._begins("growth", "growth (stores are made once, which takes minutes)"):
            measure_growth(figures, kafka, data, partitions, plan)

    def _measure_one_engine(self, running: Running) -> None:
        figures, plan, kafka, partitions = self.figures, self.plan, running.kafka, self._partitions
        if self._begins("throughput", "throughput, and the ceiling"):
            with Ceiling(kafka, "ceiling", partitions=partitions, linger_ms=LINGER_MS) as ceiling:
                measure_throughput(figures, running, ceiling, plan)
        elif not plan.quick:
            warm_up(plan, running.client)
        if self._begins("latency", "latency on Kafka"):
            measure_latency(figures, "kafka", running.client, plan)
            if not plan.quick:  # the ceiling, without linger
                with Ceiling(kafka, "prompt", partitions=partitions, linger_ms=0) as prompt:
                    measure_latency(figures, "ceiling", prompt.client, plan)
        if self._begins("http", "latency through HTTP"):
            measure_http(figures, running, plan)
        if self._begins("timers", "timers on Kafka"):
            measure_timers(figures, running.client, plan)

    def _start(self, kafka: Kafka, data: Path) -> Running:
        _say("starting the engine, a worker")
        return Running(
            kafka,
            data / "engine",
            partitions=self._partitions,
            bare_engine=self._options.engine == "bare",
            bare_worker=self._options.worker == "bare",
            profile=self._options.profile,
        )

    def _begins(self, group: str, what: str) -> bool:
        """Whether a group is asked for and, unless by its name, still has time."""
        if group not in self.groups:
            return False
        if not self._options.only and time.monotonic() - BEGUN_S > self.plan.budget_s:
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
        took_s = time.monotonic() - BEGUN_S
        table = f"{bench.figures.table()}\n\nin {took_s:.0f} s, load before {load:.1f}"
        table += f", {_build()}, Python {sys.version}"
        print(f"\n{table}", flush=True)
        output = options.output or ROOT / "build" / f"{_name(options)}.json"
        bench.figures.write(output, _facts(options, took_s, load))
        output.with_suffix(".txt").write_text(table + "\n")
        print(f"written to {output}", flush=True)
    return 1 if bench.figures.failed else 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _facts(options: argparse.Namespace, took_s: float, load: float) -> dict[str, Any]:
    return {
        "quick": options.quick,
        "of": _build(),
        "engine": options.engine,
        "worker": options.worker,
        "partitions": options.partitions,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": sys.version,  # how it was built counts, too
        "took_s": round(took_s),
        "load_before": round(load, 1),
    }


def _build() -> str:
    """What is measured, and when."""
    asked = ("git", "-C", str(ROOT), "describe", "--always", "--dirty")
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    return f"{told or 'no commit'} at {time.strftime('%Y-%m-%d %H:%M', time.gmtime())} UTC"


def _name(options: argparse.Namespace) -> str:
    """What is written is named by what was asked for: a part takes nothing from the whole."""
    return "-".join(["bench", *(["quick"] if options.quick else []), *sorted(options.only or ())])


def _say(what: str) -> None:
    print(f"bench: {time.monotonic() - BEGUN_S:4.0f} s  {what}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="roughly, in about a minute")
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
    parser.add_argument("--output", type=Path, help="a JSON file in build/, unless said")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
