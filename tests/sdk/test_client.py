"""What a client can ask beside runs, blocking and awaited: each test is lived through twice."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from penstock import (
    BulkFilter,
    Client,
    Conflict,
    Form,
    InvalidRequest,
    NotFound,
    sleep,
    task,
    user_task,
    wait_for_event,
    workflow,
)
from tests.sdk.both import Anyone, every, now


@task
def cl_pay(cents: int) -> str:
    return f"receipt for {cents}"


@workflow(searchable=["customer"])
def cl_order(customer: str, cents: int = 7) -> str:
    return cl_pay(cents)


@workflow
def cl_form() -> bool:
    answer = user_task(Form("cl-approve", agreed=bool, why=str | None), group="sales")
    return answer["agreed"]


@workflow
def cl_nap() -> None:
    sleep(3600)


@pytest.fixture(scope="module", autouse=True)
def registered(server: str) -> Iterator[None]:
    with Client(server) as client:
        client.register(cl_order, cl_form, cl_nap)
        yield


def test_people_fill_in_forms(live: Any) -> None:
    async def test(client: Anyone) -> None:
        people = client.user_tasks
        run = await now(client.run(cl_form))
        [found] = [
            one
            for one in await every(people.find(user_group="sales", status=["UNASSIGNED"]))
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
        since = datetime(2026, 1, 31, tzinfo=UTC)
        runs = BulkFilter(
            wf_spec="cl_nap",
            label=tuple(f"{key}:{value}" for key, value in labels.items()),
            status=("RUNNING",),
            started_after=since,
        )
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
        tasks = client.find_task_runs(
            wf_spec="cl_order", status=["TASK_SCHEDULED"], started_after=since
        )
        assert ids <= {one.wf_run_id for one in await every(tasks)}
        with pytest.raises(InvalidRequest, match="one of TASK_PENDING"):  # not as a view names it
            await every(client.find_task_runs(wf_spec="cl_order", status=["CREATED"]))
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
        form = await now(client.user_task_defs.get("cl-approve"))
        assert [field.name for field in form.fields] == ["agreed", "why"]
        with pytest.raises(NotFound, match="SPEC_UNKNOWN"):
            await now(client.wf_specs.get("cl_order", version=99))

        @workflow(name="cl-gone")
        def gone() -> None:
            wait_for_event("cl-late")

        await now(client.register(gone))
        events = client.external_event_defs
        assert [one.name for one in await every(events.list())] == ["cl-late"]
        assert (await now(events.get("cl-late"))).correlation is None
        newest = (await now(client.wf_specs.get("cl-gone"))).version
        assert (await now(client.wf_specs.delete("cl-gone", newest))).version == newest
        assert (await now(client.dead_letters.newest(limit=5))).total == 0
        with pytest.raises(NotFound):
            await now(client.dead_letters.get(1))

    live(test)


def test_tenants_have_bounds_and_counts_tell_what_has_become_of_runs(live: Any) -> None:
    async def test(client: Anyone) -> None:
        told = await now(client.tenants.put("cl-shop", description="ours"))
        assert told.name == "cl-shop"
        assert (await now(client.tenants.get("cl-shop"))).description == "ours"
        assert "cl-shop" in [one.name for one in await every(client.tenants.list())]
        await now(client.tenants.delete("cl-shop"))
        with pytest.raises(NotFound, match="TENANT_UNKNOWN"):
            await now(client.tenants.get("cl-shop"))
        put = await now(client.quotas.put("cl-shop", live_runs=3))
        assert (put.tenant, put.principal, put.version) == ("cl-shop", None, 1)
        await now(client.quotas.put("cl-shop", "ada@x", runs_per_second=2))
        shown = await now(client.quotas.get("cl-shop"))
        assert (shown.live_runs, shown.runs_per_second) == (3, None)
        assert (await now(client.quotas.get("cl-shop", "ada@x"))).runs_per_second == 2
        listed = await every(client.quotas.list("cl-shop"))
        assert [one.principal for one in listed] == [None, "ada@x"]
        assert len(await every(client.quotas.list("cl-shop", "ada@x"))) == 1
        for whose in (None, "ada@x"):
            await now(client.quotas.delete("cl-shop", whose))
            with pytest.raises(NotFound, match="QUOTA_UNKNOWN"):
                await now(client.quotas.get("cl-shop", whose))
        await now(client.run(cl_order, customer="eve"))
        [runs] = await now(client.wf_specs.counts("cl_order", "all"))
        assert runs.from_ is None and runs.counts["started"].count >= 1
        assert all(one.from_ is not None for one in await now(client.wf_specs.counts("cl_order")))
        assert await now(client.task_defs.counts("cl_nobodys")) == []
        assert await now(client.user_task_defs.counts("cl_nobodys")) == []

    live(test)
