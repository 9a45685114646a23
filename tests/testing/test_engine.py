"""`penstock.testing`, as its users use it."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from penstock import (
    Backoff,
    RunFailed,
    TaskContext,
    TaskError,
    task,
    wait_for_event,
    workflow,
)
from penstock.builtin.http_request import HttpAnswer
from penstock.testing import Engine

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@task(max_attempts=3, backoff=Backoff(base=60.0, jitter=0.0))
def charge(card: str, cents: int) -> str:
    raise ConnectionError("no test may reach a bank")


@task
async def ship(ctx: TaskContext, receipt: str) -> str:
    await asyncio.sleep(0)
    ctx.log(f"attempt {ctx.attempt}")
    return f"parcel for {receipt}"


@workflow
def order(card: str, cents: int = 100) -> str:
    receipt = charge(card, cents)
    return ship(receipt)


@workflow
def approval() -> str:
    wait_for_event("approved", timeout=timedelta(hours=48))
    return ship("none")


@pytest.fixture
def penstock() -> Iterator[Engine]:
    """As the package's own fixture, which `test_the_fixture_comes_by_itself` looks at."""
    with Engine() as engine:
        yield engine


def test_tasks_are_done_by_their_functions_or_by_what_is_put_in_their_place(
    penstock: Engine,
) -> None:
    penstock.register(order)
    penstock.fake(charge, "receipt-1")
    run = penstock.run(order, card="4242")
    assert run.result() == "parcel for receipt-1"
    assert penstock.inputs(charge) == [{"card": "4242", "cents": 100}]
    assert [one.attempts[0].logs for one in run.task_runs() if one.task_def == "ship"] == [
        "attempt 1"
    ]


def test_a_failure_is_retried_when_its_time_has_come(penstock: Engine) -> None:
    penstock.register(order)
    penstock.fake(charge, ConnectionError("gone"), lambda card, cents: f"{card}:{cents}")
    run = penstock.run(order, card="4242", cents=7)
    assert run.waits_at == ["1-charge"]
    with pytest.raises(AssertionError, match=r"RUNNING:(.|\n)*attempt 1 FAILED"):
        run.result()
    penstock.skip(59)
    assert run.status() == "RUNNING"
    penstock.skip(1)
    assert run.result() == "parcel for 4242:7"


def test_a_run_that_fails_says_so(penstock: Engine) -> None:
    penstock.register(order)
    penstock.fake(charge, TaskError("card-declined", "no money"))
    run = penstock.run(order, card="4242")
    with pytest.raises(RunFailed, match="card-declined"):
        run.result()


def test_the_real_function_is_called_if_nothing_is_put_in_its_place(penstock: Engine) -> None:
    penstock.register(order)
    run = penstock.run(order, card="4242")
    with pytest.raises(RunFailed, match="no test may reach a bank"):
        run.result(timeout=timedelta(hours=1))
    assert len(penstock.inputs(charge)) == 3


def test_time_passes_when_it_is_told_to(penstock: Engine) -> None:
    penstock.register(approval)
    late, early = penstock.run(approval), penstock.run(approval)
    early.put_event("approved")
    assert early.result() == "parcel for none"
    begun_s = time.process_time()
    penstock.skip(timedelta(hours=48))
    assert time.process_time() - begun_s < 5
    assert penstock.now == datetime(2026, 1, 3, tzinfo=UTC)
    with pytest.raises(RunFailed):
        late.result()


def test_a_flow_runs_with_the_engines_own_tasks(penstock: Engine) -> None:
    penstock.deploy(
        "{id: hi, namespace: a, tasks: [{id: say, type: return, format: '{{ flow.id }}'}],"
        " outputs: [{id: said, type: STRING, value: '{{ outputs.say.value }}'}]}"
    )
    assert penstock.run("a.hi").result() == {"said": "hi"}


def test_a_test_reaches_no_network(penstock: Engine) -> None:
    penstock.deploy(
        "{id: get, namespace: a, tasks: [{id: ask, type: http-request, uri: 'https://a.example'}]}"
    )
    with pytest.raises(RunFailed, match="say what it answers"):
        penstock.run("a.get").result()
    penstock.fake("http-request", HttpAnswer(200, {}, "well", "", "https://a.example"))
    assert penstock.run("a.get").status() == "COMPLETED"
    assert penstock.inputs("http-request")[-1]["uri"] == "https://a.example"


def test_a_tasks_function_may_ask_the_engine(penstock: Engine) -> None:
    @task
    def nested() -> str:
        return penstock.run(order, card="1").id

    @workflow
    def outer() -> str:
        return nested()

    penstock.register(order, outer)
    penstock.fake(charge, "paid")
    inner = penstock.run(outer).result()
    assert penstock.client.handle(inner).status() == "COMPLETED"


def test_within_a_running_event_loop(penstock: Engine) -> None:
    async def test() -> str:
        penstock.register(order)
        penstock.fake(charge, "r")
        return penstock.run(order, card="1").result()

    assert asyncio.run(test()) == "parcel for r"


def test_several_partitions() -> None:
    with Engine(order, partitions=3) as engine:
        engine.fake("charge", "r")
        runs = [engine.run(order, card=str(number)) for number in range(9)]
        assert {run.result() for run in runs} == {"parcel for r"}


def test_it_takes_milliseconds() -> None:
    with Engine(order) as engine:
        engine.fake(charge, "r")
        engine.run(order, card="1").result()
        begun_s = time.process_time()
        for _ in range(20):
            engine.run(order, card="1").result()
        assert (time.process_time() - begun_s) / 20 < 0.25


def test_the_fixture_comes_by_itself(tmp_path: Path) -> None:
    """The example of the documentation, in a folder of a user's own."""
    for name in ("hello.py", "test_hello.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
