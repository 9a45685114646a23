"""`python -m tests.bench [--quick] [--only GROUP ...]`: measure, print a table, write a JSON file."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
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
GROUPS: Final = ("fold", "embedded", "latency", "timers", "throughput", "growth", "rebuild")
ON_KAFKA: Final = frozenset(GROUPS[2:])
NOT_YET: Final = {
    "fanout20_tasks_per_s": "not yet: there is no fan-out",
    "user_task_per_s": "not yet: there is no USER_TASK",
    "growth_1m_ratio": "not yet: the Performance issue's",
    "search_page_ms_p99": "not yet: there is no search",
    "snapshot_s_per_gb": "not yet: there are no snapshots",
    "restore_s_per_gb": "not yet: there are no snapshots",
    "wf1_two_engines_per_s": "not yet: the Performance issue's",
}


def main() -> int:
    """Measure what is asked for."""
    options = _options()
    plan = QUICK if options.quick else LONG
    groups = set(options.only or GROUPS)
    figures, begun_s = Figures(), time.monotonic()
    try:
        if "fold" in groups:
            _say("the fold alone")
            measure_folding(figures, plan)
        if "embedded" in groups:
            _say("embedded")
            measure_embedded(figures, options.partitions, plan)
        if groups & ON_KAFKA:
            _measure_on_kafka(figures, groups, options, plan)
    finally:
        for key, why in NOT_YET.items():
            figures.miss(key, why)
        took_s = time.monotonic() - begun_s
        print(f"\n{figures.table()}\n\nin {took_s:.0f} s", flush=True)
        figures.write(options.output, _facts(options, took_s))
        print(f"written to {options.output}", flush=True)
    return 0


def _measure_on_kafka(
    figures: Figures, groups: set[str], options: argparse.Namespace, plan: Plan
) -> None:
    partitions: int = options.partitions
    with ExitStack() as closing:
        data = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="penstock-bench-")))
        _say("starting Kafka, the engine, a worker")
        kafka = closing.enter_context(Kafka())
        running = closing.enter_context(
            Running(
                kafka,
                data / "engine",
                partitions=partitions,
                bare=options.engine == "bare",
                profile=options.profile,
            )
        )
        if "latency" in groups:
            _say("latency on Kafka")
            with Ceiling(kafka, "prompt", partitions=partitions, linger_ms=0) as prompt:
                measure_latency(figures, running, prompt, plan)
        if "timers" in groups:
            _say("timers on Kafka")
            measure_timers(figures, running.client, plan)
        if groups & {"throughput", "growth"}:
            _say("throughput, and the ceiling")
            with Ceiling(kafka, "bare", partitions=partitions, linger_ms=LINGER_MS) as bare:
                measure_throughput(figures, running, bare, plan)
        if "growth" in groups and plan.growth_runs and figures.has("wf1_per_s"):
            _say(f"growth to {plan.growth_runs} finished runs")
            measure_growth(figures, running, plan)
        if "rebuild" in groups:
            _say("rebuild from Kafka")
            measure_rebuild(figures, running, plan)


def _facts(options: argparse.Namespace, took_s: float) -> dict[str, Any]:
    return {
        "quick": options.quick,
        "engine": options.engine,
        "partitions": options.partitions,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "took_s": round(took_s),
    }


def _say(what: str) -> None:
    print(f"bench: {what}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="roughly, in under a minute")
    parser.add_argument("--only", nargs="+", choices=GROUPS, help="these groups only")
    parser.add_argument(
        "--engine", choices=("server", "bare"), default="server", help="bare: without HTTP"
    )
    parser.add_argument("--partitions", type=int, default=4, help="of the commands topic")
    parser.add_argument(
        "--profile", type=Path, metavar="FILE", help="cProfile of the (bare) engine's fold thread"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
