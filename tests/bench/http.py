"""Latency through HTTP: one client, one request at a time, on a connection that stays open."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection
from itertools import count
from types import TracebackType
from typing import Any, Final
from urllib.parse import urlsplit

from tests.bench.cluster import Running
from tests.bench.figures import Figures
from tests.bench.latency import WARM_UP_RUNS, add_latency
from tests.bench.plan import Plan
from tests.bench.process import BenchError
from tests.bench.workflows import INPUT, WF0

KEY: Final = "latency0_http"
TIMEOUT_S: Final = 30.0
ERRORS_FROM: Final = 400
_number = count()


class Http:
    """A connection to a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)

    def __enter__(self) -> Http:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._connection.close()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """GET a path, or POST a body to it; what is answered."""
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}
        self._connection.request("GET" if data is None else "POST", path, data, headers)
        answer = self._connection.getresponse()
        said = answer.read()
        if answer.status >= ERRORS_FROM:
            raise BenchError(f"{path}: {answer.status} {said[:200]!r}")
        return json.loads(said)


def measure_http(figures: Figures, running: Running, plan: Plan) -> None:
    """A run without a task: it has ended when its start is answered."""
    try:
        with Http(running.url) as http:
            _timed(http, WARM_UP_RUNS)
            samples = [_timed(http, plan.latency_runs) for _ in range(plan.repetitions)]
    except (BenchError, OSError) as error:
        figures.fail(f"{KEY}_ms_p50", error)
    else:
        add_latency(figures, KEY, samples)


def _timed(http: Http, runs: int) -> list[float]:
    took_ms: list[float] = []
    wf_run_id = ""
    for _ in range(runs):
        wf_run_id = f"http-{next(_number)}"
        body = {"wf_spec": WF0.name, "wf_run_id": wf_run_id, "variables": {"text": INPUT}}
        begun_s = time.monotonic()
        http.ask("/v1/wf-runs", body)
        took_ms.append((time.monotonic() - begun_s) * 1_000)
    status = http.ask(f"/v1/wf-runs/{wf_run_id}")["status"]
    if status != "COMPLETED":
        raise BenchError(f"{wf_run_id} was answered, and is {status}")
    return took_ms
