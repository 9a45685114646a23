"""Tenants: what is said of them is known on all partitions, and their quota of live runs holds."""

from typing import Any

import pytest

from penstock.core.commands.delete_tenant import DeleteTenant
from penstock.core.commands.put_tenant import PutTenant
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.tenants import Quota, Tenant
from penstock.core.definitions.webhooks import key_hash
from penstock.core.ids import partition_of_run
from penstock.core.limits import QUOTA_MAX, TEXT_CHARS_MAX
from penstock.core.state.partition_state import LiveRuns
from penstock.core.state.thread_rows import ChildRun
from tests.controls import chain, output_of, task
from tests.scenarios.driver import START_MS, Driver
from tests.scenarios.schedules import schedule
from tests.scenarios.story import Story, accepted, refused, register, run
from tests.scenarios.test_child_runs import runs, waits_for_run

MINE = "default"
WORK = chain(task("work"))


def at_most(driver: Driver, live_runs: int | None) -> None:
    """So many live runs on each partition."""
    share = None if live_runs is None else live_runs * driver.topics.partitions
    accepted(driver, PutTenant(name=MINE, quota=Quota(live_runs=share)))


def of_one_partition(driver: Driver, count: int) -> list[str]:
    """Ids of so many runs that belong on one partition."""
    partitions = driver.topics.partitions
    found = [f"run-{number}" for number in range(100)]
    return [one for one in found if partition_of_run(one, partitions) == 0][:count]


def live(driver: Driver) -> int:
    """How many runs the partitions have counted."""
    return sum(row.runs for row in driver.everywhere(LiveRuns))


def test_a_tenant_is_put_changed_and_deleted(driver: Driver) -> None:
    quota = Quota(runs_per_second=5)
    first = accepted(driver, PutTenant(name="acme", quota=quota))
    assert first.body == {"name": "acme", "version": 1}
    assert accepted(driver, PutTenant(name="acme", quota=quota)).repeated
    other = accepted(driver, PutTenant(name="acme", description="nothing"), tenant="acme")
    assert other.body == {"name": "acme", "version": 2}
    row = driver.get(Tenant, "acme", tenant=EVERYWHERE)
    assert row is not None and row.quota == Quota()
    accepted(driver, DeleteTenant("acme"))
    assert driver.get(Tenant, "acme", tenant=EVERYWHERE) is None
    refused(driver, DeleteTenant("acme"), "TENANT_UNKNOWN")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        *(({"name": name}, "BAD_NAME") for name in ("", "Acme", "a b", "*", "x" * 41)),
        ({"description": "x" * (TEXT_CHARS_MAX + 1)}, "LIMIT"),
        *(
            ({"quota": Quota(**{name: most})}, "BAD_VALUE")
            for name in Quota.__struct_fields__
            for most in (-1, QUOTA_MAX + 1)
        ),
    ],
)
def test_a_tenant_is_refused(memory: Driver, fields: dict[str, Any], code: str) -> None:
    refused(memory, PutTenant(**({"name": "acme"} | fields)), code)


def test_a_start_is_refused_while_a_tenant_has_as_many_live_runs_as_it_may(
    memory: Driver,
) -> None:
    """And is taken, under the same command id, when one has ended. Others are not in its way."""
    register(memory, "few", WORK)
    at_most(memory, 1)
    one, two = of_one_partition(memory, 2)
    begun = run(memory, "few", one)
    again = RunWf(wf_spec="few", wf_run_id=two)
    refused(memory, again, "QUOTA_EXCEEDED", command_id="start-two")
    refused(memory, again, "SPEC_UNKNOWN", tenant="other")
    assert accepted(memory, RunWf(wf_spec="few", wf_run_id=one)).repeated
    begun.task("work").succeeds(1).completes()
    accepted(memory, again, command_id="start-two")
    accepted(memory, DeleteTenant(MINE))
    run(memory, "few")


def test_none_may_mean_none_at_all(memory: Driver) -> None:
    register(memory, "few", WORK)
    at_most(memory, 0)
    refused(memory, RunWf(wf_spec="few", wf_run_id="one"), "QUOTA_EXCEEDED")
    at_most(memory, None)
    run(memory, "few", "one")


def test_a_webhook_and_a_schedule_start_no_more_than_may_be(memory: Driver) -> None:
    """The schedule tells it among its firings."""
    register(memory, "few", WORK)
    accepted(memory, PutWebhook("hook", "few", key_hash("hook", "a-key-that-is-long-enough")))
    at_most(memory, 0)
    refused(memory, RunByWebhook("hook", "r"), "QUOTA_EXCEEDED")
    plan = schedule(memory, "soon", None, wf_spec="few", at_ms=START_MS + 60_000)
    memory.pass_ms(61_000)
    [firing] = plan.firings
    assert firing.message.startswith("QUOTA_EXCEEDED: ")
    at_most(memory, None)
    accepted(memory, RunByWebhook("hook", "r"))


def test_every_run_is_counted_as_long_as_it_is_live(memory: Driver) -> None:
    """Children too, and one that is restarted; what comes from within is never refused."""
    register(memory, "few", WORK)
    register(memory, "parent", chain(runs("few"), waits_for_run(output_of("n1"))))
    at_most(memory, 1)
    above = run(memory, "parent", "above")
    assert live(memory) == 2
    [child] = memory.scan(ChildRun, "above")
    Story(memory, child.child).task("work").fails().ends_with("TASK_FAILURE")
    above.ends_with("CHILD_FAILURE")
    assert live(memory) == 0
    alone = run(memory, "few", "alone").task("work").fails().ends_with("TASK_FAILURE")
    assert live(memory) == 0
    alone.is_begun_again()
    assert live(memory) == 1
    alone.is_killed()
    assert live(memory) == 0
