"""Growth: the first figure again, with many finished runs in the store, and searches among them.
What begins is found by what it was given, as what is there can be, and lies anywhere among that.

All engines stand beside each other, and are measured in turn: what the machine does meanwhile hits
all of them alike.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from penstock.store.port import Identity, StorePosition
from tests.bench.cluster import Kafka, Running
from tests.bench.engine import kafka_log
from tests.bench.figures import Figures, percentile
from tests.bench.grown import VALUES, adopt, grown, text_of
from tests.bench.http import Http
from tests.bench.plan import RUN_S_MAX, Plan
from tests.bench.process import BenchError
from tests.bench.throughput import count_for
from tests.bench.workflows import FOUND

KEY: Final = "growth_1m_ratio"
RUNS_PATH: Final = "/v1/wf-runs?"
STRIDE: Final = 37  # values are asked for in no order that a cache would like


def measure_growth(figures: Figures, kafka: Kafka, data: Path, partitions: int, plan: Plan) -> None:
    """Fill the stores, unless they are kept from the last time, and compare."""
    try:
        for count in filter(None, dict(plan.grown).values()):
            grown(count, partitions)  # before anything waits for it
        with ExitStack() as closing:
            engines = {
                name: closing.enter_context(
                    _running(kafka, data / f"grown{name}", f"grown{name}", count, partitions)
                )
                for name, count in plan.grown
            }
            _compare(figures, engines, plan)
            _search(figures, engines[plan.grown[-1][0]], plan)
            for name, running in engines.items():
                figures.add(f"growth_{name}_engine_rss_mb", "MB", running.peak_mb)
    except (BenchError, OSError) as error:
        figures.fail(KEY, error)


def _running(kafka: Kafka, data: Path, cluster: str, count: int, partitions: int) -> Running:
    """An engine on a new log, and on a store with so many runs."""
    if count:
        kept = grown(count, partitions)
        log, _ = kafka_log(kafka.bootstrap, cluster, partitions)
        log.close()
        for number in range(partitions):
            identity = Identity(log.topic_id, number, partitions)
            adopt(kept, data / "stores", identity, StorePosition(0))
    return Running(kafka, data, partitions=partitions, cluster=cluster)


def _compare(figures: Figures, engines: dict[str, Running], plan: Plan) -> None:
    """In turn, each as often first as last."""
    counts = {name: count_for(one.client, FOUND, plan) for name, one in engines.items()}
    order = deque(engines)
    for _ in range(plan.turns):
        rates = {
            name: counts[name] / engines[name].client.pipelined(FOUND, counts[name], RUN_S_MAX)
            for name in order
        }
        order.rotate()
        for name in engines:
            figures.add(f"growth_{name}_per_s", "1/s", rates[name])
            if name != "0":
                figures.add(f"growth_{name}_ratio", "", rates[name] / rates["0"])


def _search(figures: Figures, running: Running, plan: Plan) -> None:
    """Pages by value, pages of all runs one after the other, and pages of the newest runs."""
    with Http(running.url) as http:
        for repetition in range(plan.repetitions):
            for key, paths in {
                "search_page": _by_value(repetition * plan.pages, plan.pages),
                "list_page": _all(http, plan.pages),
                "newest_page": iter([f"{RUNS_PATH}order=newest"] * plan.pages),
            }.items():
                took_ms = _timed(http, paths)
                for percent in (50, 99):
                    figures.add(f"{key}_ms_p{percent}", "ms", percentile(took_ms, percent))


def _by_value(begin: int, pages: int) -> Iterator[str]:
    for number in range(begin, begin + pages):
        value = f"text:{text_of(number * STRIDE % VALUES)}"
        yield RUNS_PATH + urlencode({"wf_spec": FOUND.name, "variable": value})


def _all(http: Http, pages: int) -> Iterator[str]:
    cursor = ""
    for _ in range(pages):
        path = RUNS_PATH + urlencode({"cursor": cursor} if cursor else {})
        yield path
        cursor = http.ask(path)["cursor"] or ""


def _timed(http: Http, paths: Iterator[str]) -> list[float]:
    took_ms: list[float] = []
    for path in paths:
        begun_s = time.monotonic()
        found = http.ask(path)
        took_ms.append((time.monotonic() - begun_s) * 1_000)
        if not found["items"]:
            raise BenchError(f"{path} finds nothing")
    return took_ms
