"""`penstock bench`: how fast a server is with runs of one small task, as it is set up and seen from
here. It brings its own definitions and its own worker, and takes all of it away again.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from penstock.cli.asking import asking
from penstock.cli.shown import add_output, show
from penstock.cli.words import Verbs, count, duration_s
from penstock.sdk import api
from penstock.sdk.client import Client
from penstock.sdk.errors import Conflict, NotFound, PenstockError, Unavailable
from penstock.sdk.handle import RunHandle
from penstock.sdk.task import task
from penstock.sdk.worker import Worker

RUNS: Final = 200
AT_ONCE: Final = 16
RUN_TIMEOUT_S: Final = 60.0
GRACE_S: Final = 2.0


def add(verbs: Verbs) -> None:
    """bench."""
    parser = verbs.add_parser(
        "bench", help="measure a server with runs of one task; takes away what it has made"
    )
    parser.add_argument("--runs", type=count, default=RUNS, metavar="N", help="(%(default)s)")
    parser.add_argument(
        "--at-once",
        type=count,
        default=AT_ONCE,
        metavar="N",
        help="how many runs are under way together (%(default)s)",
    )
    parser.add_argument(
        "--timeout",
        type=duration_s,
        default=RUN_TIMEOUT_S,
        metavar="TIME",
        help=f"how long to wait for one run ({RUN_TIMEOUT_S:g}s)",
    )
    add_output(parser)
    asking(parser, _bench)


def _bench(options: argparse.Namespace, client: Client) -> None:
    name = f"bench-{secrets.token_hex(6)}"
    first, *ids = [f"{name}-{number}" for number in range(options.runs + 1)]

    @task(name=name)
    def work(number: int) -> int:
        return number

    def one(wf_run_id: str) -> float:
        began = time.perf_counter()
        client.run(name, {"number": 1}, wf_run_id=wf_run_id).result(timeout=options.timeout)
        return time.perf_counter() - began

    client.register(work)
    try:
        body = {"name": name, "spec": _spec(name)}
        client.call(api.command("PUT", "/v1/wf-specs?wait=all", body))
        worker = Worker(work, url=options.url, tenant=options.tenant, slots=options.at_once)
        worker.start()
        try:
            with ThreadPoolExecutor(options.at_once) as threads:
                one(first)  # definitions and connections are there: that is not measured
                began = time.perf_counter()
                took = sorted(threads.map(one, ids))
                seconds = time.perf_counter() - began
        finally:
            worker.stop(grace_s=GRACE_S)
    finally:
        left = _clean(client, name, [first, *ids])
    show(
        {
            "runs": options.runs,
            "at_once": options.at_once,
            "seconds": round(seconds, 3),
            "runs_per_second": round(len(took) / seconds, 1),
            "p50_ms": _ms(took, 0.50),
            "p99_ms": _ms(took, 0.99),
            "left_behind": left,
        },
        options.format,
    )


def _spec(task_def: str) -> dict[str, Any]:
    number = {"from": "VARIABLE", "name": "number"}
    nodes = {
        "start": {"type": "ENTRYPOINT", "edges": [{"to": "work"}]},
        "work": {
            "type": "TASK",
            "task_def": task_def,
            "inputs": {"number": number},
            "edges": [{"to": "end"}],
        },
        "end": {"type": "EXIT"},
    }
    variables = [{"name": "number", "type": "INT"}]
    return {"entrypoint": "main", "threads": {"main": {"nodes": nodes, "variables": variables}}}


def _ms(took: list[float], share: float) -> float:
    return round(took[min(int(len(took) * share), len(took) - 1)] * 1_000, 1)


def _clean(client: Client, name: str, ids: list[str]) -> int:
    """Take all away; how much could not be. A server that is gone is asked no further."""
    steps: list[Callable[[], object]] = [partial(_delete, client.handle(one)) for one in ids]
    steps += [partial(client.wf_specs.delete, name, 1), partial(client.task_defs.delete, name)]
    left = 0
    for number, step in enumerate(steps):
        try:
            step()
        except NotFound:
            continue
        except Unavailable:
            return left + len(steps) - number
        except PenstockError:
            left += 1
    return left


def _delete(run: RunHandle[Any]) -> None:
    """One that is under way still is killed first."""
    try:
        run.delete()
    except Conflict:
        run.kill()
        run.delete()
