"""What a client can ask of a run, blocking and awaited: each test is lived through twice."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock import (
    Backoff,
    Client,
    Conflict,
    InvalidRequest,
    NotFound,
    RunFailed,
    TaskContext,
    Unanswered,
    Update,
    Worker,
    answer,
    assign,
    else_,
    if_,
    on_event,
    sleep,
    task,
    text,
    variable,
    wait_for_event,
    workflow,
)
from penstock.sdk.api import Call
from tests.sdk.both import Anyone, every, now


@task(max_attempts=2, backoff=Backoff(base=3600.0))
def cl_pay(ctx: TaskContext, cents: int) -> str:
    ctx.log(f"pays {cents}")
    ctx.counter("payments")
    if ctx.attempt == 1 and cents == 13:
        raise ConnectionError("the bank is away")
    return f"receipt for {cents}"


@workflow(searchable=["customer"])
def cl_order(customer: str, cents: int = 7) -> str:
    return cl_pay(cents)


@workflow
def cl_approval() -> str:
    note = variable("note", str, "none")
    wait_for_event("cl-approved")
    return note


@workflow
def cl_parcel(address: str) -> str:
    def move(asked: Update) -> None:
        with if_(asked["content"] == "there"):
            assign(address, asked["content"])
            answer(asked, text("{0}, then", address))
        with else_():
            answer(asked, ["no", "no"])

    on_event("cl-move", move)
    wait_for_event("cl-delivered")
    return address


@workflow
def cl_nap() -> None:
    sleep(3600)


@pytest.fixture(scope="module", autouse=True)
def registered(server: str) -> Iterator[None]:
    with Client(server) as client:
        client.register(cl_order, cl_approval, cl_parcel, cl_nap)
        yield


def test_a_run_is_started_awaited_and_looked_at(live: Any, server: str) -> None:
    async def test(client: Anyone) -> None:
        with Worker(cl_order, url=server):
            run = await now(client.run(cl_order, {"cents": 5}, customer="ada", labels={"a": "b"}))
            assert await now(run.result(timeout=30)) == "receipt for 5"
        shown = await now(run.get())
        assert (shown.wf_run_id, shown.status, shown.labels) == (run.id, "COMPLETED", {"a": "b"})
        assert datetime.now(UTC) - shown.started_at < timedelta(minutes=1)
        again = client.handle(run.id)
        assert await now(again.result()) == "receipt for 5"
        assert (await now(run.variables()))["customer"] == "ada"
        assert [one.node for one in await now(run.node_runs())][1:-1] == ["1-cl_pay"]
        [paid] = await now(run.task_runs())
        assert paid.attempts[0].output == "receipt for 5"
        assert [line.message for line in (await now(run.logs())).items] == ["pays 5"]
        [counted] = (await now(run.metrics(task_run=paid.guid))).items
        assert (counted.name, counted.value) == ("payments", 1)
        assert await every(run.follow_story(timeout=5)) == await now(run.story())
        with_commands = await now(run.history(positions=True))
        assert with_commands.items[0].command == "RunWf"
        assert with_commands.as_of.source == "index"
        assert (await now(run.view("kestra")))["state"]["current"] == "SUCCESS"

    live(test)


def test_logs_are_followed_as_they_come(live: Any, server: str) -> None:
    async def test(client: Anyone) -> None:
        run = await now(client.run(cl_order, customer="ada", cents=3))
        following = run.follow_logs(min_level="INFO")
        with Worker(cl_order, url=server):
            assert [line.message for line in await every(following)] == ["pays 3"]
        assert await now(run.status()) == "COMPLETED"

    live(test)


def test_a_start_is_idempotent_and_may_stand_below_another(live: Any) -> None:
    async def test(client: Anyone) -> None:
        run = await now(client.run(cl_nap))
        below = await now(client.run("cl_nap", wf_run_id="below", parent=run.id))
        again = await now(client.run("cl_nap", wf_run_id="below", parent=run.id))
        assert below.id == again.id == f"{run.id}.below"
        with pytest.raises(Conflict, match="ALREADY_EXISTS"):
            await now(client.run(cl_order, wf_run_id="below", parent=run.id, customer="x"))
        assert (await now(run.kill(cascade=True, deadline=1))).wf_run_status == "ERROR"
        with pytest.raises(RunFailed) as failed:
            await now(below.result(timeout=10))
        assert failed.value.code == "KILLED"

    live(test)


def test_a_run_is_stopped_and_goes_on(live: Any) -> None:
    async def test(client: Anyone) -> None:
        run = await now(client.run(cl_approval))
        assert (await now(run.stop())).status == "HALTED"
        assert (await now(run.resume())).status == "RUNNING"
        assert (await now(run.pause())).status == "HALTED"
        await now(run.resume())
        await now(run.edit_variable("note", "by hand"))
        assert (await now(run.evaluate("{{ note }}!"))).value == "by hand!"
        with pytest.raises(InvalidRequest):
            await now(run.edit_variable("note", 7))
        told = await now(run.set_labels({"a": "1", "b": "2"}))
        assert told.labels == {"a": "1", "b": "2"}
        assert (await now(run.set_labels(remove=["a"]))).labels == {"b": "2"}
        with pytest.raises(Conflict, match="WF_RUN_LIVE"):
            await now(run.delete())
        await now(run.skip(node="1-cl-approved"))
        assert await now(run.result(timeout=10)) == "by hand"
        replayed = client.handle((await now(run.replay())).wf_run_id)
        assert (await now(replayed.get())).replay.replay_of == run.id
        await now(replayed.kill())
        await now(run.delete())
        with pytest.raises(NotFound, match="WF_RUN_UNKNOWN"):
            await now(run.get())

    live(test)


def test_a_task_is_helped_on(live: Any, server: str) -> None:
    async def test(client: Anyone) -> None:
        with Worker(cl_order, url=server):
            run = await now(client.run(cl_order, customer="ada", cents=13))
            while not (tasks := await now(run.task_runs())) or not tasks[0].attempts[0].ended_at:
                await asyncio.sleep(0.05)
            assert (await now(run.retry_now(tasks[0].guid))).attempt == 2
            assert await now(run.result(timeout=20)) == "receipt for 13"
        run = await now(client.run(cl_order, customer="bob"))

        async def told(status: str, **how: Any) -> str:
            """What the run has become, once its task has ended so."""
            tasks = await now(run.task_runs())
            [held] = [one.guid for one in tasks if one.status == "TASK_SCHEDULED"]
            return (await now(run.change_state(held, status, **how))).wf_run_status

        assert await told("TASK_FAILED", error="no such bank") == "ERROR"
        assert (await now(run.restart())).wf_run_status == "RUNNING"
        assert await told("TASK_FAILED", error="no bank at all") == "ERROR"
        assert (await now(run.rescue())).wf_run_status == "RUNNING"
        assert await told("TASK_SUCCESS", output="paid in cash") == "COMPLETED"
        assert await now(run.result()) == "paid in cash"
        refused = await now(client.run(cl_order, customer="eve"))
        [held] = await now(refused.task_runs())
        await now(refused.change_state(held.guid, "TASK_EXCEPTION", exception="declined"))
        with pytest.raises(RunFailed) as failed:
            await now(refused.result())
        assert (failed.value.code, failed.value.run_status) == ("declined", "EXCEPTION")

    live(test)


def test_a_run_is_migrated(live: Any) -> None:
    async def test(client: Anyone) -> None:
        def version(seconds: int) -> Any:
            @workflow(name="cl-moving")
            def moving() -> None:
                sleep(seconds)

            return moving

        await now(client.register(version(3600)))
        run = await now(client.run("cl-moving"))
        before = (await now(run.get())).version
        await now(client.register(version(7200)))
        told = await now(run.migrate())
        assert told.done
        assert (await now(run.get())).version == told.version == before + 1
        await now(client.register(version(3600)))

    live(test)


def test_events_by_id_and_under_a_key(live: Any) -> None:
    async def test(client: Anyone) -> None:
        run = await now(client.run(cl_approval))
        guid = await now(run.put_event("cl-approved", {"by": "ada"}))
        assert await now(run.put_event("cl-approved", {"by": "ada"}, guid=guid)) == guid
        assert await now(run.result(timeout=10)) == "none"
        [event] = await now(run.external_events())
        assert (event.guid, event.content) == (guid, {"by": "ada"})
        assert event.claimed_by is not None

        keyed = {"name": "cl-paid", "correlation": {"ttl_seconds": 60}}
        call = Call(method="PUT", path="/v1/external-event-defs", body=keyed, command_id="cl-paid")
        await now(client.call(call))
        guid = await now(client.events.put("cl-paid", "order 7", content=3))
        lying = await now(client.events.get("cl-paid", "order 7"))
        assert (lying.guid, lying.content, lying.offered) == (guid, 3, False)
        assert await now(client.events.delete("cl-paid", "order 7")) == guid
        with pytest.raises(NotFound, match="NOT_FOUND: there is no route"):
            await now(client.handle("a/b?c").get())
        with pytest.raises(NotFound, match="CORRELATED_EVENT_UNKNOWN"):
            await now(client.events.get("cl-paid", "order 7"))

    live(test)


def test_a_run_answers_updates(live: Any) -> None:
    async def test(client: Anyone) -> None:
        run = await now(client.run(cl_parcel, address="here"))
        assert await now(run.update("cl-move", "there", timeout=20)) == "there, then"
        again = {"guid": "again", "timeout": 20}
        assert await now(run.update("cl-move", "away", **again)) == ["no", "no"]
        assert await now(run.update("cl-move", "away", **again)) == ["no", "no"]
        thrown = await every(run.thrown("update-answered", wait=0.1))
        assert [one.content for one in thrown][1:] == ["there, then", "again", ["no", "no"]]
        await now(run.kill())
        assert len(await every(run.thrown())) == 4
        with pytest.raises(Unanswered):
            await now(run.update("cl-move", "away"))

    live(test)
