"""Bulk jobs that meet a defect, and one on thousands of runs."""

from dataclasses import replace

import pytest

from penstock.core.bulk.filters import Meant
from penstock.core.commands.bulk import VERBS
from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.stop_wf_run import StopWfRun
from penstock.core.ids import partition_of_run
from penstock.core.limits import BULK_EFFORT_OF_A_VERB, BULK_EFFORT_PER_CHUNK, BULK_PAUSE_MS
from penstock.core.state.run import WfRun
from penstock.core.state.turn import Turn
from tests.controls import chain, event, task
from tests.scenarios.bulks import bulk, some
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, register, run


def test_a_defect_in_one_run_does_not_stop_the_job(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That run ends for it, and is told; the verb is done to all others (R6)."""
    register(memory, "waits", chain(event("go")))
    stories = some(memory, "waits", 9)
    bad, known = stories[4], VERBS["stop"]

    def handle(turn: Turn, stop: StopWfRun) -> object:
        if stop.wf_run_id == bad.id:
            raise ZeroDivisionError
        return known.kind.handle(turn, stop)

    broken = replace(known, kind=replace(known.kind, handle=handle))
    monkeypatch.setitem(VERBS, "stop", broken)
    job = bulk(memory, "stop", all=True).completes(done=8, ENGINE_DEFECT=1)
    assert [refusal.wf_run_id for refusal in job.state.refusals] == [bad.id]
    bad.ends_with("ENGINE_DEFECT")
    assert {story.run.status for story in stories if story is not bad} == {"HALTED"}
    assert len(memory.log.read_all(memory.topics.verdicts)) == 1


def test_a_defect_in_the_search_fails_the_job(
    memory: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Visibly, and on that partition only."""
    register(memory, "waits", chain(event("go")))
    stories = some(memory, "waits", 9)
    bad = stories[4]
    number = partition_of_run(bad.id, 3)

    known = Meant.has

    def has(meant: Meant, run: WfRun) -> bool:
        if run.wf_run_id == bad.id:
            raise ZeroDivisionError
        return known(meant, run)

    monkeypatch.setattr(Meant, "has", has)
    job = bulk(memory, "stop", all=True).is_now("FAILED")
    assert "defect" in job.state.reason
    for story in stories:
        if partition_of_run(story.id, 3) != number:
            story.is_now("HALTED")
    bad.is_now("RUNNING")


MANY = 2_000
LARGE = pytest.mark.parametrize("memory", ["memory"], indirect=True)


@LARGE  # a fold from 0 at each of thousands of records takes too long
def test_a_job_on_thousands_of_runs_lets_others_go_on(memory: Driver) -> None:
    """So many runs a chunk; its progress is seen; a run that comes meanwhile does not wait."""
    register(memory, "waits", chain(event("go")))
    register(memory, "works", chain(task("work")))
    commands = [RunWf(wf_spec="waits", wf_run_id=f"many-{number}") for number in range(MANY)]
    assert all(answer.ok for answer in memory.send_together(*commands))
    memory.pass_ms(1)
    job, told = bulk(memory, "stop", wf_spec="waits"), {0}
    halted, most = _halted(memory), 0
    while job.state.status == "RUNNING":
        story = run(memory, "works").task("work").succeeds().completes()
        memory.pass_ms(BULK_PAUSE_MS)
        now = _halted(memory)
        most, halted = max(most, now - halted), now
        told.add(job.state.counts.done)
        accepted(memory, DeleteWfRun(wf_run_id=story.id))
    assert halted == MANY
    a_chunk = BULK_EFFORT_PER_CHUNK // (BULK_EFFORT_OF_A_VERB + 1) + 1
    assert most <= 3 * a_chunk
    assert len(told) > 2
    job.completes(done=MANY)


def _halted(driver: Driver) -> int:
    """How many runs are HALTED: asked of one view a partition."""
    ids = [f"many-{number}" for number in range(MANY)]
    views = [driver.processor.view(number) for number in range(3)]
    rows = [views[partition_of_run(of, 3)].get(WfRun, WfRun.key("default", of)) for of in ids]  # type: ignore[union-attr]
    return sum(row is not None and row.status == "HALTED" for row in rows)
