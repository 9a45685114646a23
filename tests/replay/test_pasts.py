"""A run's past, folded from its own turns alone, is what the whole fold has at each position."""

from __future__ import annotations

from pathlib import Path

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.ids import partition_of_run
from penstock.core.limits import ANSWER_WINDOW_MS
from penstock.core.state.run import WfRun
from penstock.processor.past import AsOf, Past, Until
from penstock.store.port import META
from tests.controls import chain, task
from tests.replay.pasts import compare_pasts
from tests.replay.recording import a_full_log
from tests.scenarios.driver import Driver, memory_driver
from tests.scenarios.schedules import schedule
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_quotas import at_most


def test_of_a_log_of_everything(tmp_path: Path) -> None:
    """Runs that end in every way, time that passes, schedules, refusals, noise."""
    with memory_driver(tmp_path) as driver:
        a_full_log(driver)
        compared = [
            compare_pasts(driver.log, driver.avro, driver.topics, number)
            for number in range(driver.topics.partitions)
        ]
        assert [one.whole for one in compared if one.whole] == []
        assert sum(one.positions for one in compared) > 50


def test_of_runs_that_wait_for_the_same_limit(tmp_path: Path) -> None:
    """The end of one gives another its place: each is folded with the others."""
    with memory_driver(tmp_path) as driver:
        spec = chain(task("work"))
        register(driver, "narrow", {**spec, "limit": {"most": 1, "behavior": "QUEUE"}})
        stories = [run(driver, "narrow", f"n{number}") for number in range(6)]
        for _ in stories:
            [taken] = driver.tasks("work")
            next(one for one in stories if one.id == taken.wf_run_id).has(taken).succeeds(1)
        compared = [
            compare_pasts(driver.log, driver.avro, driver.topics, number)
            for number in range(driver.topics.partitions)
        ]
        assert sum(one.apart for one in compared) == len(stories)
        assert sum(one.positions for one in compared) >= 2 * len(stories)


def test_of_a_run_whose_tenant_had_a_quota_of_live_runs(tmp_path: Path) -> None:
    """How many are live is told by all runs: a schedule's start that was refused stays so."""
    with memory_driver(tmp_path) as driver:
        register(driver, "few", chain(task("work")))
        at_most(driver, 1)
        partitions = driver.topics.partitions
        names = [f"b{number}" for number in range(100)]
        of = {partition_of_run(name, partitions): name for name in names}
        blockers = [run(driver, "few", of[number]) for number in range(partitions)]
        plan = schedule(driver, "soon", "* * * * *", wf_spec="few")
        _minutes(driver, 2)
        assert {firing.outcome for firing in plan.firings} == {"REFUSED"}
        for blocker in blockers:
            blocker.task("work").succeeds(1).completes()
        _minutes(driver, 2)
        started = next(one.wf_run_id for one in plan.firings if one.outcome != "REFUSED")
        assert started is not None
        past = _past(driver, started)
        assert past.whole == "its tenant had a quota of live runs"
        then = past.rows.peek(WfRun, "default", started)
        assert then is not None and then.status == Story(driver, started).run.status
        for number in range(partitions):
            compare_pasts(driver.log, driver.avro, driver.topics, number)


def _minutes(driver: Driver, count: int) -> None:
    for _ in range(2 * count):
        driver.pass_ms(30_000)


def _past(driver: Driver, wf_run_id: str) -> AsOf:
    number = partition_of_run(wf_run_id, driver.topics.partitions)
    view = driver.processor.view(number)
    past = Past(log=driver.log, avro=driver.avro, topics=driver.topics, number=number, view=view)
    return past.as_of("default", wf_run_id, Until())


def _notes(driver: Driver) -> set[tuple[int, bytes]]:
    """Where something is noted, by partition."""
    return {
        (number, key)
        for number, store in driver.memory_stores.items()
        for key, _ in store.scan(META + b"t", META + b"u")
    }


def test_a_store_without_an_index_is_told_from_the_whole_log(tmp_path: Path) -> None:
    """A store that an older build has made has no notes on what came before."""
    with memory_driver(tmp_path) as driver:
        register(driver, "spec", chain(task("work")))
        story = run(driver, "spec", "old").task("work").succeeds(1)
        apart = _past(driver, story.id)
        for store in driver.memory_stores.values():
            store.write({key: None for key, _ in store.view().scan(META + b"t", META + b"u")})
        whole = _past(driver, story.id)
        assert (apart.whole, apart.offset) == (None, whole.offset)
        assert whole.whole is not None
        assert apart.rows.peek(WfRun, "default", "old") == whole.rows.peek(WfRun, "default", "old")


def test_the_index_goes_with_its_run(tmp_path: Path) -> None:
    """When the answer to its start is forgotten as well, nothing is left."""
    with memory_driver(tmp_path) as driver:
        register(driver, "spec", chain(task("work")))
        before = {region for _, region in _notes(driver)}
        story = run(driver, "spec", "gone").task("work").succeeds(1)
        assert any(b"gone" in key for _, key in _notes(driver))
        accepted(driver, DeleteWfRun(wf_run_id=story.id))
        driver.pass_ms(1_000)
        for _ in range(3):
            driver.pass_ms(ANSWER_WINDOW_MS)
        left = {key for _, key in _notes(driver)} - before
        assert [key for key in left if b"run\x00" in key] == []
