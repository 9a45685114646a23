"""Client and Worker over HTTP, on the embedded engine in a process of its own."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from penstock import (
    Backoff,
    Client,
    Conflict,
    InvalidRequest,
    NotFound,
    ResultTimeout,
    RunFailed,
    TaskContext,
    TaskError,
    Worker,
    task,
    wait_for_event,
    workflow,
)

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Parcel:
    item: str
    raw: bytes


@task(max_attempts=3, backoff=Backoff(base=0.01))
def e2e_flaky(ctx: TaskContext, item: str) -> Parcel:
    ctx.log(f"attempt {ctx.attempt}")
    if ctx.attempt < 3:
        raise ValueError("not yet")
    return Parcel(item, b"\x00\xff")


@task
async def e2e_unpack(parcel: Parcel) -> str:
    await asyncio.sleep(0.01)
    return f"{parcel.item} {parcel.raw!r}"


@workflow
def e2e_order(item: str, note: str = "none") -> str:
    return e2e_unpack(e2e_flaky(item))


def test_a_run_with_retries_types_and_an_async_task(client: Client, server: str) -> None:
    client.register(e2e_order)
    with Worker(e2e_order, url=server, slots=4, name="w1"):
        run = client.run(e2e_order, wf_run_id="order-1", labels={"team": "a"}, item="book")

        assert run.result(timeout=30) == r"book b'\x00\xff'"

    assert run.status() == "COMPLETED"
    assert run.get().labels == {"team": "a"}
    assert run.variables() == {"item": "book", "note": "none"}
    flaky, unpack = run.task_runs()
    assert [one.status for one in flaky.attempts] == [
        *("TASK_FAILED", "TASK_FAILED", "TASK_SUCCESS"),
    ]
    assert flaky.attempts[0].failure.message == "ValueError: not yet"
    assert "attempt 1" in flaky.attempts[0].logs
    assert "in e2e_flaky" in flaky.attempts[0].logs
    assert flaky.attempts[0].worker == "w1"
    assert unpack.inputs["parcel"] == {"item": "book", "raw": "AP8="}
    assert len(run.node_runs()) == 4
    story = "\n".join(run.story())
    assert "attempt 3 SUCCESS" in story
    assert list(run.follow_story(timeout=5)) == run.story()


def test_the_same_start_again_is_the_same_run(client: Client) -> None:
    client.register(e2e_order)
    client.run(e2e_order, wf_run_id="again", item="x")
    assert client.run(e2e_order, wf_run_id="again", item="x").status() == "RUNNING"
    with pytest.raises(Conflict) as raised:
        client.run(e2e_order, wf_run_id="again", item="y")
    assert raised.value.code == "ALREADY_EXISTS"


def test_a_business_exception_and_a_failure_end_a_run(client: Client, server: str) -> None:
    @task
    def e2e_refuse() -> None:
        raise TaskError("OUT_OF_STOCK", "none left", {"left": 0})

    @task
    def e2e_fail() -> None:
        raise KeyError("x")

    @workflow
    def e2e_refused() -> None:
        e2e_refuse()

    @workflow
    def e2e_failed() -> None:
        e2e_fail()

    client.register(e2e_refused, e2e_failed)
    with Worker(e2e_refused, e2e_failed, url=server):
        with pytest.raises(RunFailed) as raised:
            client.run(e2e_refused).result(timeout=30)
        assert (raised.value.code, raised.value.content) == ("OUT_OF_STOCK", {"left": 0})
        assert raised.value.run_status == "EXCEPTION"
        with pytest.raises(RunFailed, match="KeyError: 'x'") as raised:
            client.run(e2e_failed).result(timeout=30)
        assert (raised.value.code, raised.value.run_status) == ("TASK_FAILURE", "ERROR")


def test_events_stop_and_resume(client: Client) -> None:
    @workflow
    def e2e_approval() -> str:
        return wait_for_event("e2e-approved", type=str)

    client.register(e2e_approval)
    run = client.run(e2e_approval)
    with pytest.raises(ResultTimeout):
        run.result(timeout=0.2)
    run.stop()
    assert run.status() == "HALTED"
    guid = run.put_event("e2e-approved", "by Ada")
    assert run.put_event("e2e-approved", "by Ada", guid=guid) == guid
    assert run.status() == "HALTED"
    run.resume()
    assert run.result(timeout=30) == "by Ada"
    assert client.handle(run.id).result() == "by Ada"


def test_errors_are_typed(client: Client) -> None:
    with pytest.raises(NotFound) as raised:
        client.run("no-such-workflow")
    assert (raised.value.code, raised.value.status) == ("SPEC_UNKNOWN", 404)
    with pytest.raises(NotFound, match="WF_RUN_UNKNOWN"):
        client.handle("nobody").status()
    with pytest.raises(InvalidRequest, match="BAD_ID"):
        client.handle("not an id").status()
    with pytest.raises(ValueError, match="is no address"):
        Client("127.0.0.1:7070")


def test_a_changed_workflow_is_a_new_version(client: Client) -> None:
    def version_of(count: int) -> int:
        @workflow(name="e2e-versions")
        def changing() -> int:
            return count

        client.register(changing)
        return client.run(changing).get().version

    assert [version_of(1), version_of(1), version_of(2)] == [1, 1, 2]


def test_a_worker_that_stops_finishes_what_it_runs(client: Client, server: str) -> None:
    begun = threading.Event()

    @task
    def e2e_slow() -> str:
        begun.set()
        time.sleep(1)
        return "done"

    @workflow
    def e2e_draining() -> str:
        return e2e_slow()

    client.register(e2e_draining)
    worker = Worker(e2e_draining, url=server, slots=1)
    worker.start()
    run = client.run(e2e_draining)
    assert begun.wait(10)
    waiting = client.run(e2e_draining)  # the one slot is taken: no partition is served first
    assert worker.stop()
    assert run.result(timeout=10) == "done"
    assert waiting.status() == "RUNNING"
    with Worker(e2e_draining, url=server):
        assert waiting.result(timeout=20) == "done"


def test_a_worker_waits_for_a_task_that_is_not_registered_yet(client: Client, server: str) -> None:
    @task
    def e2e_late() -> int:
        return 1

    @workflow
    def e2e_lately() -> int:
        return e2e_late()

    with Worker(e2e_late, url=server):
        time.sleep(0.7)
        client.register(e2e_lately)
        assert client.run(e2e_lately).result(timeout=20) == 1


def test_many_runs_at_once(client: Client, server: str) -> None:
    @task
    def e2e_double(x: int) -> int:
        return 2 * x

    @workflow
    def e2e_twice(x: int) -> int:
        return e2e_double(e2e_double(x))

    client.register(e2e_twice)
    with Worker(e2e_twice, url=server, slots=8):
        runs = [client.run(e2e_twice, x=number) for number in range(100)]
        assert [run.result(timeout=60) for run in runs] == [4 * number for number in range(100)]


WORKER = """
import sys, time
from penstock import Worker, task

@task
def e2e_own_process() -> str:
    time.sleep(1)
    return "ended"

print("up", flush=True)
Worker(e2e_own_process, url=sys.argv[1]).run()
print("drained", flush=True)
"""


def test_sigterm_drains_a_worker_process(client: Client, server: str) -> None:
    @task
    def e2e_own_process() -> str: ...

    @workflow
    def e2e_in_a_process() -> str:
        return e2e_own_process()

    client.register(e2e_in_a_process)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, server], stdout=subprocess.PIPE, text=True
    )
    try:
        run = client.run(e2e_in_a_process)
        while not any(one.attempts[-1].started_at for one in run.task_runs()):
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGTERM)
        out, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out.split() == ["up", "drained"]
    assert run.result(timeout=10) == "ended"


def test_the_hello_example(server: str) -> None:
    text = (ROOT / "examples" / "hello.py").read_text()
    lines = [line for line in text.splitlines()[1:] if line.strip()]
    assert len(lines) <= 20, "the README calls it 20 lines"
    readme = ROOT / "README.md"
    if readme.exists():
        assert text.partition('"""\n\n')[2].strip() in readme.read_text()
    here = text.replace("http://127.0.0.1:7070", server)
    assert here != text
    done = subprocess.run(
        [sys.executable, "-c", here], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.returncode) == ("Hello, Ada!\n", 0), done.stderr


def test_the_demo() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "demo.py")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.endswith(" COMPLETED") and len(last.split()) == 2
    assert "attempt 1 FAILED" in done.stdout
    assert "attempt 2 SUCCESS" in done.stdout
