"""Why a run is waiting is told from its rows: for each thread what it waits for, by name."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.put_task_def import PutTaskDef
from penstock.core.definitions.defs import BreakerSettings, Correlation
from penstock.core.ids import partition_of_run
from penstock.core.views.node_waits import Reason
from penstock.core.views.waits import waits_of
from penstock.core.views.waits_for import WaitsFor
from tests.controls import (
    a_form,
    chain,
    compare,
    declared,
    event,
    event_with_key,
    handled,
    holds,
    interrupted,
    literal,
    output_of,
    runs_each,
    sleeps,
    starts,
    task,
    threads,
    user_task,
    variable,
    waits_for,
)
from tests.dialects.histories import seen_of
from tests.scenarios.driver import START_MS, Driver
from tests.scenarios.story import Story, register, run
from tests.scenarios.test_child_runs import runs, waits_for_run


def waits(story: Story) -> dict[int, Reason]:
    """What each thread waits for."""
    number = partition_of_run(story.id, story.driver.topics.partitions)
    seen = seen_of(story.driver, story.id, number)
    assert seen is not None
    return {wait.thread.number: wait.reason for wait in waits_of(seen)}


def only(story: Story) -> Reason:
    """What the only thread that waits does wait for."""
    [reason] = waits(story).values()
    return reason


def test_a_task_waits_in_its_queue_then_for_its_worker_then_for_its_retry(memory: Driver) -> None:
    again = task("work", max_attempts=3, backoff={"base_ms": 60_000})
    register(memory, "tries", chain(again))
    story = run(memory, "tries")
    reason = only(story)
    assert (reason.what, reason.name) == (WaitsFor.QUEUE, "work")
    assert reason.text == "Waits in the queue of work, attempt 1 of 3: no worker has begun it."
    story.task("work").starts("ann")
    reason = only(story)
    assert (reason.what, reason.name) == (WaitsFor.WORKER, "ann")
    assert reason.text == "ann does work, attempt 1 of 3."
    assert reason.task_run == story.task_run.guid
    story.fails()
    reason = only(story)
    assert (reason.what, reason.name) == (WaitsFor.RETRY, "work")
    assert reason.since_ms is not None
    assert reason.until_ms == reason.since_ms + 60_000
    memory.pass_ms(60_000)
    assert only(story).what is WaitsFor.QUEUE
    story.task("work").succeeds().completes()
    assert waits(story) == {}


def test_a_task_that_is_held_names_its_breaker(memory: Driver) -> None:
    guarded = PutTaskDef(name="work", breaker=BreakerSettings(level=0.3, window=1))
    register(memory, "guarded", chain(task("work")), guarded)
    first = run(memory, "guarded", wf_run_id="one").task("work").fails()
    number = partition_of_run(first.id, memory.topics.partitions)
    while partition_of_run(other := memory.new_id(), memory.topics.partitions) != number:
        pass
    reason = only(run(memory, "guarded", other))
    assert (reason.what, reason.name) == (WaitsFor.BREAKER, "work")
    assert reason.text == "work is held by its breaker: 1 of 1 attempts have failed."
    assert only(first).what is WaitsFor.FAILED
    assert "TASK_FAILURE" in only(first).text


def test_an_event_is_named_with_its_key_and_when_it_is_too_late(memory: Driver) -> None:
    node = event_with_key("paid", variable("order")) | {"timeout_ms": 5_000}
    order = declared("order", "STR", required=True)
    paid = PutExternalEventDef("paid", correlation=Correlation())
    register(memory, "pays", chain(node, variables=(order,)), paid)
    story = run(memory, "pays", order="A 7")
    reason = only(story)
    assert (reason.what, reason.name) == (WaitsFor.EVENT, "paid")
    assert reason.text == "Waits for the event paid under the key A 7."
    assert reason.until_ms == START_MS + 5_000
    hidden = node | {"mask_correlation_key": True}
    register(memory, "hides", chain(hidden, variables=(order,)), paid)
    assert "A 7" not in only(run(memory, "hides", order="A 7")).text


def test_timers_and_conditions(memory: Driver) -> None:
    ready = declared("ready", "BOOL", default=False)
    count = declared("count", "INT", default=0)
    condition = compare(variable("count"), "GREATER_THAN", literal(3))
    register(memory, "naps", chain(sleeps(30)))
    register(memory, "looks", chain(holds(condition), variables=(ready, count)))
    nap = only(run(memory, "naps"))
    assert (nap.what, nap.until_ms) == (WaitsFor.TIMER, START_MS + 30_000)
    look = only(run(memory, "looks"))
    assert (look.what, look.text) == (WaitsFor.CONDITION, "Waits until count > 3.")


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("field", "kind", "value", "until_ms"),
    [
        ("seconds", "INT", 30, START_MS + 30_000),
        ("until", "TIMESTAMP", "2999-01-01T00:00:00.000Z", 32_472_144_000_000),
    ],
)
def test_until_when_is_not_told_if_that_is_masked(
    memory: Driver, field: str, kind: str, value: Any, until_ms: int, *, masked: bool
) -> None:
    """Nor if it was made of something masked: here the input of a thread."""

    def naps(name: str) -> Any:
        return {"type": "SLEEP", field: variable(name)}

    own = declared("own", kind, masked=masked)
    main = chain(starts("below", given=variable("own")), naps("own"), variables=(own,))
    below = chain(naps("given"), variables=(declared("given", kind),))
    register(memory, "naps", threads(main, below=below))
    told = waits(run(memory, "naps", own=value))
    assert [told[number].what for number in (0, 1)] == [WaitsFor.TIMER] * 2
    assert [told[number].until_ms for number in (0, 1)] == [None if masked else until_ms] * 2


def test_a_person_or_a_group_is_named(memory: Driver) -> None:
    form = a_form("approve", ok="BOOL")
    register(memory, "asks", chain(user_task("approve", group="sales")), form)
    story = run(memory, "asks")
    reason = only(story)
    assert (reason.what, reason.name) == (WaitsFor.PERSON, "sales")
    assert reason.text == "Waits for anybody of sales to fill in approve."
    story.is_claimed_by("ada")
    reason = only(story)
    assert reason.name == "ada"
    assert reason.text == "Waits for ada of sales to fill in approve."
    assert reason.user_task == f"{story.id}/{story.user_task.guid}"


def test_threads_are_counted_and_named(memory: Driver) -> None:
    main = chain(starts("below"), starts("below"), waits_for(output_of("n1"), output_of("n2")))
    register(memory, "two", threads(main, below=chain(event("b"))))
    told = waits(run(memory, "two"))
    assert told[0].text == "Waits for 2 of 2 threads: 1, 2."
    assert [told[number].what for number in (1, 2)] == [WaitsFor.EVENT] * 2
    each = runs_each("below", literal([1, 2, 3]), concurrency=2)
    register(memory, "each", threads(chain(each), below=chain(event("b"))))
    assert waits(run(memory, "each"))[0].text == "Waits for 2 of 3 threads: 1, 2."
    register(memory, "leaves", threads(chain(starts("below")), below=chain(event("b"))))
    assert waits(run(memory, "leaves"))[0].text == "Waits for 1 threads: 1."


def test_a_run_below_is_named(memory: Driver) -> None:
    register(memory, "child", chain(event("b")))
    register(memory, "parent", chain(runs("child"), waits_for_run(output_of("n1"))))
    reason = only(run(memory, "parent", "family"))
    assert reason.what is WaitsFor.RUN
    assert reason.wf_run_id is not None
    assert reason.wf_run_id.startswith("family.")
    assert reason.wf_run_id in reason.text


def test_a_place_is_told_with_how_many_there_are(memory: Driver) -> None:
    register(memory, "few", chain(task("work")) | {"limit": {"most": 1}})
    run(memory, "few")
    second = run(memory, "few")
    reason = only(second)
    assert (reason.what, reason.name) == (WaitsFor.PLACE, "few")
    assert reason.text == (
        "Waits for a place among the runs of few that may be at work at once: at most 1."
    )


def test_a_halt_tells_who_ends_it(memory: Driver) -> None:
    register(memory, "halts", chain(event("a")))
    stopped = only(run(memory, "halts").is_stopped())
    assert stopped.what is WaitsFor.STOPPED
    assert stopped.text == "Stands still at n1: stopped by hand, until it is resumed."
    both = run(memory, "halts").is_stopped().is_paused()
    assert "stopped by hand" in only(both).text
    assert "paused" in only(both).text
    main = interrupted(chain(event("a")), alarm="siren")
    register(memory, "rings", threads(main, siren=chain(event("quiet"))))
    story = run(memory, "rings").gets("alarm")
    told = waits(story)
    assert (told[0].what, told[0].name) == (WaitsFor.HANDLER, "1")
    assert told[1].name == "quiet"


def test_a_thread_that_comes_to_a_stop_still_tells_what_for(memory: Driver) -> None:
    register(memory, "busy", chain(task("work")))
    story = run(memory, "busy").task("work").starts("ann").is_stopped()
    reason = only(story)
    assert reason.what is WaitsFor.WORKER
    assert reason.text == "Is coming to a stop. ann does work."


def test_a_failure_that_is_handled_waits_for_nobody(memory: Driver) -> None:
    tried = handled(task("work"), ("mend", None))
    register(memory, "mends", threads(chain(tried, event("a")), mend=chain(task("repair"))))
    story = run(memory, "mends").task("work").fails()
    told = waits(story)
    assert (told[0].what, told[0].name) == (WaitsFor.HANDLER, "1")
    assert (told[1].what, told[1].name) == (WaitsFor.QUEUE, "repair")
    story.task("repair").succeeds()
    assert waits(story)[0].what is WaitsFor.EVENT


def test_of_a_run_that_has_failed_is_told_what_may_be_rescued(memory: Driver) -> None:
    register(memory, "fails", chain(task("work")))
    story = run(memory, "fails").task("work").fails().ends_with("TASK_FAILURE")
    reason = only(story)
    assert (reason.what, reason.name) == (WaitsFor.FAILED, "TASK_FAILURE")
    assert "no luck" in reason.text
    story.is_rescued()
    assert only(story).what is WaitsFor.QUEUE
