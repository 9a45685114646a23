"""A worker outlives what it works for: a server that is started again, or is killed, and a broker
that is. Nobody touches the worker; what it was at work on meanwhile is done once, and told.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from threading import Event

import pytest

from penstock import Client, TaskContext, Worker, task, workflow
from tests.kafka_broker import Broker
from tests.nodes.cluster import Node
from tests.sdk.servers import running_server

pytestmark = pytest.mark.timeout(240)
RESULT_S = 90

BEGUN, GOES_ON = Event(), Event()


@task
def out_double(x: int) -> int:
    return 2 * x


@task
def out_held(ctx: TaskContext) -> int:
    BEGUN.set()
    assert GOES_ON.wait(180)
    return ctx.attempt


@workflow
def out_simple(x: int) -> int:
    return out_double(x)


@workflow
def out_holding() -> int:
    return out_held()


@pytest.fixture(autouse=True)
def _anew() -> None:
    BEGUN.clear()
    GOES_ON.clear()


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_over_http_a_worker_outlives_the_server(tmp_path: Path, how: str) -> None:
    """The result of a task that ends while there is no server is told when it is back."""
    server = Node(tmp_path / "data")
    try:
        server.start()
        with (
            Client(server.url, deadline_s=60) as client,
            Worker(out_simple, out_holding, url=server.url),
        ):
            client.register(out_simple, out_holding)
            assert client.run(out_simple, x=4).result(timeout=RESULT_S) == 8
            held = client.run(out_holding)
            assert BEGUN.wait(RESULT_S)
            if how == "kill":
                server.kill()
            else:
                server.terminate()
                server.ended(30)
            GOES_ON.set()
            server.start()
            assert held.result(timeout=RESULT_S) == 1
            assert client.run(out_simple, x=5).result(timeout=RESULT_S) == 10
            [task_run] = held.task_runs()
            assert [one.number for one in task_run.attempts] == [1]
    finally:
        server.stop()


def test_over_kafka_a_worker_outlives_the_broker(own_broker: Broker, tmp_path: Path) -> None:
    """And so does the server."""
    name = f"t{secrets.token_hex(6)}"
    arguments = ("server", "--kafka", own_broker.bootstrap, "--cluster", name)
    with (
        running_server(tmp_path / "data", *arguments, "--partitions", "2") as url,
        Client(url, deadline_s=90) as client,
        Worker(out_simple, out_holding, url=f"kafka://{own_broker.bootstrap}/{name}"),
    ):
        client.register(out_simple, out_holding)
        assert client.run(out_simple, x=4).result(timeout=RESULT_S) == 8
        held = client.run(out_holding)
        assert BEGUN.wait(RESULT_S)
        own_broker.kill()
        GOES_ON.set()
        own_broker.start()
        assert held.result(timeout=RESULT_S) == 1
        assert client.run(out_simple, x=5).result(timeout=RESULT_S) == 10
