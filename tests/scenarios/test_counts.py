"""What has become of runs, tasks and user tasks is counted in windows, a ring: nothing grows."""

from typing import Any

from penstock.core.commands.assign_user_task_run import AssignUserTaskRun
from penstock.core.commands.put_user_task_comment import PutUserTaskComment
from penstock.core.commands.release_user_task_run import ReleaseUserTaskRun
from penstock.core.commands.run_wf import RunWf
from penstock.core.commands.save_user_task_run import SaveUserTaskRun
from penstock.core.ids import partition_of_run
from penstock.core.limits import WINDOW_MS, WINDOWS_KEPT
from penstock.core.state.partition_state import LiveRuns
from penstock.core.state.rows import Rows
from penstock.core.state.windows import CountWindow, Measured, Timing, kept
from tests.controls import a_form, chain, task, user_task
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_quotas import of_one_partition

WORK = chain(task("work"))


def counted(driver: Driver, name: str) -> dict[str, int]:
    """How often each thing has happened, in all windows and partitions."""
    counts: dict[str, int] = {}
    for row in driver.everywhere(CountWindow):
        if row.name == name:
            for what, timing in row.timings.items():
                counts[what] = counts.get(what, 0) + timing.count
    return counts


def timing(driver: Driver, name: str, what: str) -> Timing:
    """Of a thing that has happened in one window."""
    [found] = [
        row.timings[what]
        for row in driver.everywhere(CountWindow)
        if row.name == name and what in row.timings
    ]
    return found


def started(driver: Driver, **fields: Any) -> Story:
    """A run that is at its task."""
    register(driver, "job", chain(task("work", **fields)))
    return run(driver, "job", "one")


def test_runs_and_tasks_are_counted_as_they_end(driver: Driver) -> None:
    started(driver).task("work").succeeds(1).completes()
    run(driver, "job", "two").task("work").fails().ends_with("TASK_FAILURE")
    run(driver, "job", "three").task("work").throws("no").ends_with("no", "EXCEPTION")
    assert counted(driver, "job") == {"started": 3, "completed": 1, "error": 1, "exception": 1}
    assert counted(driver, "work") == {
        "attempt_succeeded": 1,
        "attempt_error": 1,
        "attempt_exception": 1,
        "completed": 1,
        "error": 1,
        "exception": 1,
    }


def test_how_long_it_took_is_counted_too(memory: Driver) -> None:
    """An attempt waits until it is started, then runs; a task takes both."""
    story = started(memory).task("work")
    memory.pass_ms(2_000)
    story.starts()
    memory.pass_ms(3_000)
    story.succeeds(1).completes()
    assert timing(memory, "work", "attempt_waited") == Timing(1, 2_000, 2_000, 2_000)
    assert timing(memory, "work", "attempt_succeeded") == Timing(1, 3_000, 3_000, 3_000)
    assert timing(memory, "work", "completed") == Timing(1, 5_000, 5_000, 5_000)
    assert timing(memory, "job", "completed") == Timing(1, 5_000, 5_000, 5_000)


def test_a_task_that_is_tried_again_ends_once(memory: Driver) -> None:
    """Its time is counted from when it was handed out first."""
    story = started(memory, max_attempts=2).task("work")
    memory.pass_ms(1_000)
    story.fails().task("work")
    memory.pass_ms(1_000)
    story.succeeds(1).completes()
    assert counted(memory, "work") == {"attempt_error": 1, "attempt_succeeded": 1, "completed": 1}
    assert timing(memory, "work", "completed").total_ms == 2_000


def test_a_run_that_is_begun_again_ends_twice(memory: Driver) -> None:
    story = started(memory).task("work").fails().ends_with("TASK_FAILURE")
    story.is_begun_again().task("work").succeeds(1).completes()
    assert counted(memory, "job") == {"started": 1, "error": 1, "restarted": 1, "completed": 1}
    work = {"attempt_error": 1, "error": 1, "attempt_succeeded": 1, "completed": 1}
    assert counted(memory, "work") == work


def test_an_attempt_that_is_over_is_not_counted_again_with_its_task(memory: Driver) -> None:
    """The run is killed while the task waits for its next attempt."""
    later = {"max_attempts": 3, "backoff": {"base_ms": 60_000}}
    story = started(memory, **later).task("work").starts().fails()
    story.is_killed().ends_with("KILLED")
    assert counted(memory, "work") == {"attempt_waited": 1, "attempt_error": 1, "error": 1}


def test_what_is_killed_before_it_began_is_stopped(memory: Driver) -> None:
    started(memory).is_killed()
    assert counted(memory, "job") == {"started": 1, "error": 1}
    assert counted(memory, "work") == {"attempt_stopped": 1, "error": 1}


def test_user_tasks_are_counted_as_they_come_to_a_status(driver: Driver) -> None:
    """Each time that they do; a kill cancels them."""
    register(driver, "ask", chain(user_task("form", group="sales")), a_form("form", ok="BOOL"))
    story = run(driver, "ask", "one").is_assigned(group="sales")
    story.is_claimed_by("ada").does(ReleaseUserTaskRun).is_claimed_by("bob")
    story.completes_form({"ok": True}).completes()
    run(driver, "ask", "two").is_assigned(group="sales").is_killed()
    assert counted(driver, "form") == {
        "created": 2,
        "unassigned": 3,
        "assigned": 2,
        "done": 1,
        "cancelled": 1,
    }


def test_how_long_user_tasks_took_is_counted_from_when_they_were_made(memory: Driver) -> None:
    register(memory, "ask", chain(user_task("form", group="sales")), a_form("form", ok="BOOL"))
    story = run(memory, "ask", "one")
    memory.pass_ms(2_000)
    story.is_claimed_by("ada")
    memory.pass_ms(3_000)
    story.completes_form({"ok": True}).completes()
    assert timing(memory, "form", "unassigned") == Timing(1, 0, 0, 0)
    assert timing(memory, "form", "assigned") == Timing(1, 2_000, 2_000, 2_000)
    assert timing(memory, "form", "done") == Timing(1, 5_000, 5_000, 5_000)


def test_what_changes_no_status_is_not_counted(memory: Driver) -> None:
    """Another user, a draft, a comment."""
    register(memory, "ask", chain(user_task("form", user="ada")), a_form("form", ok="BOOL"))
    story = run(memory, "ask", "one")
    story.does(AssignUserTaskRun, user_id="bob", override_claim=True)
    story.does(SaveUserTaskRun, user_id="bob", results={"ok": False})
    story.does(PutUserTaskComment, user_id="bob", text="hm")
    assert counted(memory, "form") == {"created": 1, "assigned": 1}


def test_the_windows_of_a_name_are_a_ring(memory: Driver) -> None:
    """The window of now takes the place of the oldest; two that are apart have a row each."""
    register(memory, "job", WORK)

    def windows() -> list[CountWindow]:
        return [row for row in memory.everywhere(CountWindow) if row.name == "job"]

    one, two, three = of_one_partition(memory, 3)
    run(memory, "job", one)
    memory.pass_ms(WINDOW_MS)
    run(memory, "job", two)
    assert [row.timings["started"].count for row in windows()] == [1, 1]
    memory.pass_ms((WINDOWS_KEPT - 1) * WINDOW_MS)
    run(memory, "job", three)
    assert [row.timings["started"].count for row in windows()] == [1, 1]
    begun, before = max(row.number for row in windows()), min(row.number for row in windows())
    assert begun - before == WINDOWS_KEPT - 1


def test_what_is_too_old_is_not_told_though_its_row_stays(memory: Driver) -> None:
    """Nothing has happened since under its name, so nothing has taken its place."""
    register(memory, "job", WORK)
    [one] = of_one_partition(memory, 1)
    run(memory, "job", one)

    def told() -> list[int]:
        view = memory.processor.view(partition_of_run(one, memory.topics.partitions))
        assert view is not None
        found = kept(Rows(view), "default", Measured.WF_SPEC, "job")
        return [row.timings["started"].count for row in found]

    memory.pass_ms((WINDOWS_KEPT - 1) * WINDOW_MS)
    assert told() == [1]
    memory.pass_ms(WINDOW_MS)
    assert (told(), counted(memory, "job")) == ([], {"started": 1})


def test_a_start_that_is_refused_or_repeated_counts_for_nothing(memory: Driver) -> None:
    register(memory, "job", WORK)
    start = RunWf(wf_spec="job", wf_run_id="one")
    accepted(memory, start)
    assert accepted(memory, start).repeated
    memory.send(RunWf(wf_spec="job", wf_run_id="two", variables={"no": 1}))
    assert counted(memory, "job") == {"started": 1}
    assert sum(row.runs for row in memory.everywhere(LiveRuns)) == 1
