"""What a step costs in a long run: one partition on RocksDB, folded record by record, with no log
and no delivery; CPU of the thread that folds. Each length in a process of its own, for its memory.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Final

from penstock.store.rocks import RocksStores
from tests.bench.figures import Figures
from tests.bench.plan import Plan
from tests.bench.process import BenchError, in_child, peak_mb
from tests.sim.growth import Engine

CHILD_S: Final = 400.0
SAMPLE_STEPS: Final = 400
WINDOWS_MAX: Final = 5  # of a long run, the last ones: a repetition is a run of its own


def measure_steps(figures: Figures, plan: Plan) -> None:
    """Runs of each length."""
    for steps in plan.steps:
        key = f"step_of_{steps}_cpu_us"
        try:
            samples, memory_mb = in_child(run_steps, steps, plan.repetitions, timeout_s=CHILD_S)
        except BenchError as error:
            figures.fail(key, error)
            continue
        figures.add(key, "us", *samples)
        figures.add(f"step_of_{steps}_rss_mb", "MB", memory_mb)


def run_steps(steps: int, repetitions: int) -> tuple[list[float], float]:
    """Microseconds a step by repetition, and the memory in the end."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as directory:
        engine = Engine(RocksStores(Path(directory)).open(0))
        _run(engine, "warm", SAMPLE_STEPS)
        samples: list[float] = []
        while len(samples) < repetitions:
            short = [_run(engine, f"{len(samples)}-{n}", steps) for n in range(_runs_for(steps))]
            # of many short runs the mean; of a long one that of its last windows
            windows = [sum(one) / len(one) for one in zip(*short, strict=True)][-WINDOWS_MAX:]
            samples.append(sum(windows) / len(windows))
        memory_mb = peak_mb(os.getpid())
        engine.partition.close()
    return samples, memory_mb


def _runs_for(steps: int) -> int:
    return max(1, SAMPLE_STEPS // steps)


def _run(engine: Engine, wf_run_id: str, steps: int) -> list[float]:
    """Microseconds a step, of each window of a run, all alike; neither its start nor its end."""
    window = min(steps - 2, SAMPLE_STEPS)
    found: list[float] = []
    running = engine.steps(f"run-{wf_run_id}", steps)
    next(running)
    begun_s = time.thread_time()
    for done, _ in enumerate(running, 1):
        if done % window == 0 and done <= steps - 2:
            now_s = time.thread_time()
            found.append((now_s - begun_s) / window * 1e6)
            begun_s = now_s
    return found
