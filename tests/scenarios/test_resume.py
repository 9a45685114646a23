"""A resume takes a halt away; where there is none, it passes one node that can be resumed: as the
event would for which that waits.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.core.commands.delete_external_event_def import DeleteExternalEventDef
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.core.definitions.defs import EventRetention
from penstock.core.events import resumable
from penstock.core.state.event_rows import ExternalEvent
from penstock.core.state.facts import AuditEntry
from penstock.core.state.turn import Turn
from penstock.core.values.masking import MASK
from tests.controls import chain, event, output_of, runs, task, threads
from tests.scenarios.bulks import bulk, some
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

AT_ONCE = EventRetention(after_put_s=0)
GO = PutExternalEventDef(name="go", retention=AT_ONCE)
ASKS = PutExternalEventDef("asks", "INT", content_required=True)


def pause(event_def: str = "go") -> dict[str, object]:
    """A node that can be resumed."""
    return event(event_def, resumable=True)


def test_it_passes_one_node_and_no_later_one(driver: Driver) -> None:
    register(driver, "twice", chain(pause(), pause()), GO)
    story = run(driver, "twice").is_resumed().at_node("n2").is_resumed().completes()
    [first, second] = driver.scan(ExternalEvent, story.id)
    assert {first.claimed_by, second.claimed_by} == {(0, 1), (0, 2)}
    refused(driver, ResumeWfRun(story.id), "WF_RUN_ENDED")


def test_a_wait_that_does_not_say_so_is_not_passed(driver: Driver) -> None:
    """Nor is a task."""
    register(driver, "waits", chain(event("go"), task("work")), GO)
    story = run(driver, "waits")
    story.refuses(ResumeWfRun(story.id), "THREAD_NOT_HALTED")
    story.gets("go").task("work").refuses(ResumeWfRun(story.id), "THREAD_NOT_HALTED")


def test_who_has_waited_longest_is_first_unless_a_thread_is_named(driver: Driver) -> None:
    """Whatever event it waits for; two that stand at once need two."""
    one, other = chain(pause("asks")), chain(task("work"), pause())
    register(driver, "both", threads(chain(runs("one", "other")), one=one, other=other), GO, ASKS)
    story = run(driver, "both").task("work").succeeds()
    accepted(driver, ResumeWfRun(story.id, thread=2))
    story.thread_is(2, "COMPLETED").thread_is(1, "RUNNING")
    refused(driver, ResumeWfRun(story.id, thread=2), "WF_RUN_ENDED")
    refused(driver, ResumeWfRun(story.id), "BAD_VALUE")
    accepted(driver, ResumeWfRun(story.id, content=7))
    story.completes()


def test_a_halt_is_taken_away_first(driver: Driver) -> None:
    """What is given with it would be lost."""
    register(driver, "asks", chain(pause("asks"), returns=output_of("n1")), ASKS)
    story = run(driver, "asks").is_stopped()
    story.refuses(ResumeWfRun(story.id, content=7), "BAD_VALUE").is_resumed().at_node("n1").refuses(
        ResumeWfRun(story.id), "BAD_VALUE"
    )
    accepted(driver, ResumeWfRun(story.id, content=7))
    story.completes(7)
    told = [entry.detail for entry in driver.scan(AuditEntry, story.id)]
    assert {"content": MASK} in told


def test_what_it_stands_for_is_gone(driver: Driver) -> None:
    register(driver, "waits", chain(pause()), GO)
    story = run(driver, "waits")
    accepted(driver, DeleteExternalEventDef("go"))
    story.refuses(ResumeWfRun(story.id), "EVENT_DEF_UNKNOWN")


def test_among_very_many_waits_it_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """The event can be put to the thread all the same."""
    monkeypatch.setattr(resumable, "RESUMABLE_WAITS_SEEN_MAX", 2)
    waits, pauses = chain(event("other")), chain(task("work"), pause())
    spec = threads(chain(runs("a", "b", "c")), a=waits, b=waits, c=pauses)
    register(memory, "many", spec, GO)
    story = run(memory, "many").task("work").succeeds()
    accepted(memory, ResumeWfRun(story.id))
    story.thread_is(3, "COMPLETED")
    story.refuses(ResumeWfRun(story.id), "LIMIT")


def test_no_further_event_is_looked_at_once_that_is_over(
    monkeypatch: pytest.MonkeyPatch, memory: Driver
) -> None:
    """Each would be a read more."""
    looked_at, awaited = list[str](), resumable._awaited

    def noting(turn: Turn, wf_run_id: str) -> Iterator[str]:
        for event_def in awaited(turn, wf_run_id):
            looked_at.append(event_def)
            yield event_def

    monkeypatch.setattr(resumable, "RESUMABLE_WAITS_SEEN_MAX", 2)
    monkeypatch.setattr(resumable, "_awaited", noting)
    names = ("a", "b", "c", "d")
    register(
        memory, "many", threads(chain(runs(*names)), **{one: chain(event(one)) for one in names})
    )
    story = run(memory, "many")
    story.refuses(ResumeWfRun(story.id), "LIMIT")
    assert looked_at == ["a", "b"]


def test_many_runs_are_resumed(driver: Driver) -> None:
    """Those that are stopped, and those that wait."""
    register(driver, "waits", chain(pause("asks"), returns=output_of("n1")), ASKS)
    stories = some(driver, "waits", 6)
    stories[0].is_stopped()
    bulk(driver, "resume", wf_spec="waits", arguments={"content": 7}).completes(done=5, BAD_VALUE=1)
    for story in stories[1:]:
        story.completes(7)
    bulk(driver, "resume", wf_run_ids=(stories[0].id,)).completes(done=1)
    stories[0].at_node("n1")
