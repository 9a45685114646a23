"""What the tests of this folder have a server do, and what they read of its metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.controls import chain, output_of, task
from tests.crash.server import LOST, Server

DEADLINE_S = 30.0
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Metrics:
    """What one scrape said."""

    def __init__(self, text: str) -> None:
        self.series: Series = {}
        self.kinds: dict[str, str] = {}
        for family in text_string_to_metric_families(text):
            self.kinds[family.name] = family.type
            for sample in family.samples:
                key = (sample.name, frozenset(sample.labels.items()))
                assert key not in self.series, f"{key} is there twice"
                self.series[key] = sample.value

    def value(self, name: str, **labels: str) -> float:
        """One sample."""
        return self.series[f"penstock_{name}", frozenset(labels.items())]

    def total(self, name: str) -> float:
        """The sum of all samples of a name."""
        return sum(value for (of, _), value in self.series.items() if of == f"penstock_{name}")

    def labels(self) -> set[str]:
        """Every value of every label."""
        return {value for _, labels in self.series for _, value in labels}


def scraped(http: httpx.Client) -> Metrics:
    """Scrape."""
    response = http.get("/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain")
    return Metrics(response.text)


def register(server: Server) -> None:
    """A spec with one task."""
    spec = chain(task("work", timeout_ms=60_000), returns=output_of("n1"))
    server.accepted("PUT", "/v1/task-defs?wait=all", {"name": "work"})
    server.accepted("PUT", "/v1/wf-specs?wait=all", {"name": "work", "spec": spec})


def work_one(server: Server) -> None:
    """Take one task and report on it."""
    poll = {"worker": "w", "tasks_max": 1, "wait_ms": 20_000}
    [taken] = server.accepted("POST", "/v1/task-queues/work/poll", poll)["tasks"]
    report: dict[str, Any] = {name: taken[name] for name in ("wf_run_id", "guid", "attempt")}
    server.accepted("POST", "/v1/tasks/report", report | {"status": "TASK_SUCCESS"})


def until(holds: Callable[[], bool]) -> None:
    """Wait for what something else brings about."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


class Starters:
    """Threads that start runs as fast as they are answered, and note what they were told."""

    def __init__(self, server: Server, threads: int) -> None:
        self.accepted: set[str] = set()
        self.refused: list[httpx.Response] = []
        self.ending = threading.Event()
        self._server = server
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._start_runs, args=(number,)) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Wait until all threads have ended."""
        self.ending.set()
        for thread in self._threads:
            thread.join(DEADLINE_S)
            assert not thread.is_alive()

    def _start_runs(self, thread: int) -> None:
        url = f"http://127.0.0.1:{self._server.port}"
        count = 0
        with httpx.Client(base_url=url, timeout=20.0) as http:
            while not self.ending.is_set():
                count += 1
                run = f"run-{thread}-{count}"
                try:
                    response = http.post("/v1/wf-runs", json={"wf_spec": "work", "wf_run_id": run})
                except LOST:
                    self.ending.wait(0.05)
                    continue
                with self._lock:
                    if response.status_code == 201:
                        self.accepted.add(run)
                    else:
                        self.refused.append(response)
