"""All that a client can ask of a server, blocking and awaited: each test is lived through twice."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock import (
    AsyncClient,
    Backoff,
    BulkFilter,
    Client,
    Conflict,
    Form,
    InvalidRequest,
    NotFound,
    RunFailed,
    TaskContext,
    Worker,
    sleep,
    task,
    user_task,
    variable,
    wait_for_event,
    workflow,
)
from penstock.sdk.api import Call

Anyone = Any  # a Client or an AsyncClient


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
def cl_form() -> bool:
    answer = user_task(Form("cl-approve", agreed=bool, why=str | None), group="sales")
    return answer["agreed"]


@workflow
def cl_nap() -> None:
    sleep(3600)


async def now(given: Any) -> Any:
    """What a call gives, or what comes of it when it is awaited."""
    return await given if inspect.isawaitable(given) else given


async def every(found: Iterator[Any] | AsyncIterator[Any]) -> list[Any]:
    """All that an iterator gives, of either kind."""
    return [one async for one in found] if isinstance(found, AsyncIterator) else list(found)


Test = Callable[[Anyone], Any]


@pytest.fixture(scope="module", autouse=True)
def registered(server: str) -> Iterator[None]:
    with Client(server) as client:
        client.register(cl_order, cl_approval, cl_form, cl_nap)
        yield


@pytest.fixture(params=[Client, AsyncClient])
def live(request: pytest.FixtureRequest, server: str) -> Callable[[Test], None]:
    """Lives through a test with a client of one kind."""

    async def lived(test: Test) -> None:
        client = request.param(server)
        try:
            await test(client)
        finally:
            await now(client.close())

    return lambda test: asyncio.run(lived(test))


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
        assert await every(run.follow(timeout=5)) == await now(run.story())
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
        with pytest.raises(NotFound, match="CORRELATED_EVENT_UNKNOWN"):
            await now(client.events.get("cl-paid", "order 7"))

    live(test)


def test_people_fill_in_forms(live: Any) -> None:
    async def test(client: Anyone) -> None:
        people = client.user_tasks
        run = await now(client.run(cl_form))
        [found] = [
            one
            for one in await every(
                people.find(user_group_id="sales", user_task_status="UNASSIGNED")
            )
            if one.wf_run_id == run.id
        ]
        assert [one.id for one in await now(run.user_tasks())] == [found.id]
        assert (await now(people.claim(found.id, "ada"))).status == "ASSIGNED"
        assert (await now(people.release(found.id))).user_id is None
        await now(people.assign(found.id, user_id="bob", user_group="sales"))
        with pytest.raises(Conflict, match="USER_TASK_CLAIMED"):
            await now(people.save(found.id, "ada", {"why": "mine"}))
        await now(people.save(found.id, "bob", {"why": "so"}))
        assert (await now(people.get(found.id))).results == {"why": "so"}
        number = await now(people.comment(found.id, "eve", "hurry"))
        await now(people.edit_comment(found.id, number, "eve", "hurry, please"))
        assert [one.text for one in await now(people.comments(found.id))] == ["hurry, please"]
        await now(people.delete_comment(found.id, number, "eve"))
        assert [one.deleted for one in await now(people.comments(found.id))] == [True]
        told = await now(people.complete(found.id, "bob", {"agreed": True}))
        assert told.status == "DONE"
        assert await now(run.result(timeout=10)) is True
        assert len(await now(people.audit(found.id))) >= 7
        other = await now(client.run(cl_form))
        [left] = await now(other.user_tasks())
        assert (await now(people.cancel(left.id))).status == "CANCELLED"

    live(test)


def test_schedules(live: Any) -> None:
    async def test(client: Anyone) -> None:
        schedules = client.schedules
        made = await now(
            schedules.make(
                cl_order, "0 3 * * *", time_zone="Europe/Berlin", variables={"customer": "ada"}
            )
        )
        shown = await now(schedules.get(made))
        assert (shown.wf_spec, shown.variables) == ("cl_order", {"customer": "ada"})
        assert made in [one.schedule_id for one in await every(schedules.list())]
        assert (await now(schedules.pause(made))).status == "PAUSED"
        assert (await now(schedules.resume(made))).status != "PAUSED"
        await now(schedules.delete(made))
        with pytest.raises(NotFound, match="SCHEDULE_UNKNOWN"):
            await now(schedules.get(made))
        with pytest.raises(InvalidRequest, match="BAD_SCHEDULE"):
            await now(schedules.make("cl_nap", "every day"))

    live(test)


def test_many_runs_at_once(live: Any) -> None:
    async def test(client: Anyone) -> None:
        labels = {"job": type(client).__name__}
        for _ in range(3):
            await now(client.run(cl_nap, labels=labels))
        runs = BulkFilter(wf_spec="cl_nap", labels=labels, statuses=("RUNNING",))
        assert await now(client.bulk.preview("set-labels", runs, labels={"seen": "yes"})) == 3
        bulk_id = await now(client.bulk.start("set-labels", runs, labels={"seen": "yes"}))
        assert (await now(client.bulk.wait(bulk_id, timeout=20))).done == 3
        assert bulk_id in [one.bulk_id for one in await every(client.bulk.list())]
        assert (await now(client.bulk.get(bulk_id))).arguments == {"labels": {"seen": "yes"}}
        with pytest.raises(Conflict, match="BULK_ENDED"):
            await now(client.bulk.cancel(bulk_id))
        killed = await now(client.bulk.start("kill", runs))
        assert (await now(client.bulk.wait(killed))).status == "COMPLETED"

    live(test)


def test_runs_and_tasks_are_found_again(live: Any) -> None:
    async def test(client: Anyone) -> None:
        who = f"of {type(client).__name__}"
        runs = [await now(client.run(cl_order, customer=who)) for _ in range(3)]
        ids = {run.id for run in runs}
        found = await every(client.find_runs(wf_spec="cl_order", variable=f"customer:{who}"))
        assert {one.wf_run_id for one in found} == ids
        assert ids <= {one.wf_run_id for one in await every(client.find_runs())}
        since = found[0].started_at - timedelta(minutes=1)
        tasks = client.find_task_runs(wf_spec="cl_order", state=["CREATED"], start_date=since)
        assert await every(tasks) == []  # states are named as the view does: here TASK_SCHEDULED
        tasks = client.find_task_runs(wf_spec="cl_order", state=["TASK_SCHEDULED"])
        assert ids <= {one.wf_run_id for one in await every(tasks)}
        with pytest.raises(InvalidRequest):
            await every(client.find_runs(variable="customer:x"))

    live(test)


def test_definitions_are_read(live: Any) -> None:
    async def test(client: Anyone) -> None:
        spec = await now(client.wf_specs.get("cl_order"))
        assert spec.spec.entrypoint == "entrypoint"
        assert (await now(client.wf_specs.get("cl_order", version=spec.version))) == spec
        assert "cl_order" in [one.name for one in await every(client.wf_specs.list())]
        assert (await now(client.task_defs.get("cl_pay"))).return_type == "STR"
        assert "cl-approved" in [one.name for one in await every(client.external_event_defs.list())]
        form = await now(client.user_task_defs.get("cl-approve"))
        assert [field.name for field in form.fields] == ["agreed", "why"]
        with pytest.raises(NotFound, match="SPEC_UNKNOWN"):
            await now(client.wf_specs.get("cl_order", version=99))

        @workflow(name="cl-gone")
        def gone() -> None:
            sleep(1)

        await now(client.register(gone))
        newest = (await now(client.wf_specs.get("cl-gone"))).version
        assert (await now(client.wf_specs.delete("cl-gone", newest))).version == newest
        assert (await now(client.dead_letters.newest(limit=5))).total == 0
        with pytest.raises(NotFound):
            await now(client.dead_letters.get(1))

    live(test)
