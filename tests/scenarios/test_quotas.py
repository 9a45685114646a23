"""Quotas: of tenants, and of principals in them; those of live runs hold where runs are folded."""

from typing import Any

import pytest

from penstock.core.commands.delete_quota import DeleteQuota
from penstock.core.commands.delete_tenant import DeleteTenant
from penstock.core.commands.put_quota import PutQuota
from penstock.core.commands.put_tenant import PutTenant
from penstock.core.commands.put_webhook import PutWebhook
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.run_by_webhook import RunByWebhook
from penstock.core.commands.run_wf import RunWf
from penstock.core.definitions.principals import EVERYWHERE
from penstock.core.definitions.quotas import BOUNDS, Quota
from penstock.core.definitions.webhooks import key_hash
from penstock.core.ids import partition_of_run
from penstock.core.limits import QUOTA_MAX
from penstock.core.state.partition_state import LiveRuns
from penstock.core.state.thread_rows import ChildRun
from tests.controls import chain, output_of, task
from tests.scenarios.driver import START_MS, Driver
from tests.scenarios.schedules import schedule
from tests.scenarios.story import Story, accepted, refused, register, run
from tests.scenarios.test_child_runs import runs, waits_for_run

MINE = "default"
ME = "test"
WORK = chain(task("work"))


def at_most(driver: Driver, live_runs: int | None, principal: str | None = None) -> None:
    """So many live runs on each partition."""
    share = None if live_runs is None else live_runs * driver.topics.partitions
    accepted(driver, PutQuota(of_tenant=MINE, of_principal=principal, live_runs=share))


def of_one_partition(driver: Driver, count: int) -> list[str]:
    """Ids of so many runs that belong on one partition, and not the one that decides."""
    partitions = driver.topics.partitions
    found = [f"run-{number}" for number in range(100)]
    return [one for one in found if partition_of_run(one, partitions) == partitions - 1][:count]


def live(driver: Driver, principal: str = "") -> int:
    """How many runs the partitions have counted, of the tenant or of a principal in it."""
    return sum(row.runs for row in driver.everywhere(LiveRuns) if row.principal == principal)


def quotas(driver: Driver) -> list[tuple[str, str, int | None]]:
    """What stands on each partition, if it is the same on all."""
    found = sorted(
        (row.of_tenant, row.of_principal, row.runs_per_second)
        for row in driver.everywhere(Quota, EVERYWHERE)
    )
    partitions = driver.topics.partitions
    assert found == sorted(found[::partitions] * partitions)
    return found[::partitions]


def test_quotas_are_put_changed_and_deleted(driver: Driver) -> None:
    """A tenant's and those of principals in it beside each other."""
    first = accepted(driver, PutQuota(of_tenant="acme", runs_per_second=5))
    assert first.body == {"tenant": "acme", "principal": None, "version": 1}
    assert accepted(driver, PutQuota(of_tenant="acme", runs_per_second=5)).repeated
    ada = accepted(driver, PutQuota(of_tenant="acme", of_principal="ada", runs_per_second=2))
    assert ada.body == {"tenant": "acme", "principal": "ada", "version": 1}
    other = accepted(driver, PutQuota(of_tenant="acme"), tenant="acme")
    assert other.body == {"tenant": "acme", "principal": None, "version": 2}
    accepted(driver, DeleteQuota("acme", "ada"))
    refused(driver, DeleteQuota("acme", "ada"), "QUOTA_UNKNOWN")
    accepted(driver, DeleteQuota("acme"))
    refused(driver, DeleteQuota("acme"), "QUOTA_UNKNOWN")


def test_all_partitions_know_of_a_quota_and_of_its_end(memory: Driver) -> None:
    """Whoever puts and deletes it, and whatever becomes of the tenant's own row."""
    accepted(memory, PutTenant(name="acme"))
    accepted(memory, PutQuota(of_tenant="acme", runs_per_second=5), tenant="one")
    accepted(memory, PutQuota(of_tenant="acme", of_principal="ada@x", runs_per_second=2))
    accepted(memory, DeleteTenant("acme"))
    assert quotas(memory) == [("acme", "", 5), ("acme", "ada@x", 2)]
    accepted(memory, DeleteQuota("acme"), tenant="another")
    assert quotas(memory) == [("acme", "ada@x", 2)]
    accepted(memory, DeleteQuota("acme", "ada@x"))
    assert quotas(memory) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        *(({"of_tenant": name}, "BAD_NAME") for name in ("", "Acme", "a b", "*", "x" * 41)),
        *(({"of_principal": name}, "BAD_NAME") for name in ("", "a b", "engine", "x" * 129)),
        *(({name: most}, "BAD_VALUE") for name in BOUNDS for most in (-1, QUOTA_MAX + 1)),
    ],
)
def test_a_quota_is_refused(memory: Driver, fields: dict[str, Any], code: str) -> None:
    refused(memory, PutQuota(**({"of_tenant": "acme"} | fields)), code)
    if code == "BAD_NAME":
        refused(memory, DeleteQuota(**({"of_tenant": "acme"} | fields)), code)


def test_who_has_no_name_can_be_bounded_too(memory: Driver) -> None:
    """Those who come without a credential, and those who post to webhooks."""
    accepted(memory, PutQuota(of_tenant=MINE, of_principal="anonymous", runs_per_second=1))
    accepted(memory, PutQuota(of_tenant=MINE, of_principal="webhook", runs_per_second=1))


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
    accepted(memory, DeleteQuota(MINE))
    for start in of_one_partition(memory, 4)[2:]:
        run(memory, "few", start)


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


def test_a_principal_starts_no_more_than_it_may(memory: Driver) -> None:
    """Another one may, in the same tenant, and the same one in another; the tenant's own quota
    holds beside it.
    """
    register(memory, "few", WORK)
    at_most(memory, 1, ME)
    one, two, three, four = of_one_partition(memory, 4)
    begun = run(memory, "few", one)
    again = RunWf(wf_spec="few", wf_run_id=two)
    told = refused(memory, again, "QUOTA_EXCEEDED", command_id="start-two")
    assert told.message.startswith("principal 'test' in tenant 'default' has 1 live runs")
    refused(memory, again, "SPEC_UNKNOWN", tenant="other")
    accepted(memory, RunWf(wf_spec="few", wf_run_id=three), principal="ada")
    assert (live(memory), live(memory, ME), live(memory, "ada")) == (2, 1, 0)
    begun.task("work").succeeds(1).completes()
    accepted(memory, again, command_id="start-two")
    at_most(memory, 2)
    refused(memory, RunWf(wf_spec="few", wf_run_id=four), "QUOTA_EXCEEDED", principal="ada")


def test_what_follows_from_a_start_counts_with_it(memory: Driver) -> None:
    """Runs below it and its replays, as often as they live; none of these is refused."""
    register(memory, "few", WORK)
    register(memory, "parent", chain(runs("few"), waits_for_run(output_of("n1"))))
    at_most(memory, 1, ME)
    above = run(memory, "parent", "above")
    assert live(memory, ME) == 2
    [child] = memory.scan(ChildRun, "above")
    below = Story(memory, child.child).task("work").fails().ends_with("TASK_FAILURE")
    above.ends_with("CHILD_FAILURE")
    assert live(memory, ME) == 0
    accepted(memory, ReplayWfRun(wf_run_id="above"), principal="ada")
    assert live(memory, ME) == 2
    below.is_begun_again()  # and the run above goes on with it
    assert live(memory, ME) == 4


def test_runs_that_were_there_before_a_principal_s_quota_do_not_count(memory: Driver) -> None:
    """Nor do they when they end; those that were counted do, though there is no quota any more."""
    register(memory, "few", WORK)
    one, two, three, four = of_one_partition(memory, 4)
    before = run(memory, "few", one)
    at_most(memory, 1, ME)
    counted = run(memory, "few", two)
    assert live(memory, ME) == 1
    before.task("work").succeeds(1).completes()
    refused(memory, RunWf(wf_spec="few", wf_run_id=three), "QUOTA_EXCEEDED")
    accepted(memory, DeleteQuota(MINE, ME))
    run(memory, "few", three)
    counted.task("work").succeeds(1).completes()
    assert (live(memory), live(memory, ME)) == (1, 0)
    at_most(memory, 1, ME)
    run(memory, "few", four)
    assert live(memory, ME) == 1


def test_a_schedule_starts_in_the_name_of_who_made_it(memory: Driver) -> None:
    """And webhooks in nobody's, who may be bounded as well."""
    register(memory, "few", WORK)
    accepted(memory, PutWebhook("hook", "few", key_hash("hook", "a-key-that-is-long-enough")))
    at_most(memory, 0, ME)
    plan = schedule(memory, "soon", None, wf_spec="few", at_ms=START_MS + 60_000)
    memory.pass_ms(61_000)
    [firing] = plan.firings
    assert firing.message.startswith("QUOTA_EXCEEDED: principal 'test'")
    accepted(memory, RunByWebhook("hook", "one"), principal="webhook")
    at_most(memory, 0, "webhook")
    refused(memory, RunByWebhook("hook", "two"), "QUOTA_EXCEEDED", principal="webhook")
