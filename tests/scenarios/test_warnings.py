"""Nodes that may fail, and warnings: what went on, but not as it should."""

import pytest

from penstock.core.commands.change_task_run_state import ChangeTaskRunState
from penstock.core.commands.migrate_wf_run import MigrateWfRun
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.replay_wf_run import ReplayWfRun
from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.state.outputs import WfRunChanged
from penstock.core.state.thread_rows import ChildRun
from penstock.core.state.transitions import TaskStatus
from tests.controls import (
    a_task_def,
    chain,
    compare,
    declared,
    edge,
    ends,
    handled,
    interrupted,
    literal,
    may_fail,
    output_of,
    silent,
    spec,
    starts,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.migrating import next_version
from tests.scenarios.story import Story, accepted, register, run
from tests.scenarios.test_child_runs import runs, waits_for_run
from tests.scenarios.test_replay import replay

RISKY = chain(may_fail(task("risky")))


def warned(story: Story) -> tuple[bool, bool, list[int]]:
    """What is warned: the run, its entrypoint, and which node runs of that."""
    nodes = [node.position for node in story.nodes if node.thread == 0 and node.warned]
    return story.run.warned, story.thread.warned, nodes


def test_a_failure_that_is_allowed_is_a_warning(driver: Driver) -> None:
    """The node keeps its failure, and the thread goes on with the output null."""
    main = chain(may_fail(task("work")), task("after"), returns=output_of("n1"))
    register(driver, "may-fail", main, a_task_def("work", "INT"))
    story = run(driver, "may-fail").task("work").fails().task("after").succeeds().completes(None)
    failed = story.nodes[1]
    assert (failed.status, failed.handled, failed.skipped) == ("ERROR", True, False)
    assert failed.failure is not None
    assert failed.failure.name == "TASK_FAILURE"
    assert warned(story) == (True, True, [1])
    thrown = run(driver, "may-fail").task("work").throws("odd").task("after").succeeds()
    assert thrown.completes().nodes[1].status == "EXCEPTION"
    well = run(driver, "may-fail").task("work").succeeds(1).task("after").succeeds().completes(1)
    assert warned(well) == (False, False, [])


def test_the_end_of_a_run_tells_of_its_warning(memory: Driver) -> None:
    """While it goes on, nothing is told of it."""
    register(memory, "told", chain(may_fail(task("work"))))
    story = run(memory, "told").task("work").fails().completes()
    changes = [body for body in memory.events() if isinstance(body, WfRunChanged)]
    told = [(one.status, one.warned) for one in changes if one.wf_run_id == story.id]
    assert told == [("RUNNING", False), ("COMPLETED", True)]


def test_what_may_fail_is_left_without_mutations(memory: Driver) -> None:
    """They would need the output that it has not."""
    nodes = {
        "work": may_fail(task("work", edge("end", done=literal(1)))),
        "end": ends(variable("done")),
    }
    register(memory, "left", spec("work", nodes, declared("done", "INT", default=0)))
    run(memory, "left").task("work").fails().completes(0)
    run(memory, "left").task("work").succeeds().completes(1)


def test_a_handler_comes_before(memory: Driver) -> None:
    """A failure that it deals with is no warning; one that it fails with is allowed."""
    main = chain(may_fail(handled(task("work"), ("mend", "ERROR"))), task("after"))
    register(memory, "first", threads(main, mend=chain(task("mend"))))
    story = run(memory, "first").task("work").fails().task("mend").succeeds()
    assert warned(story.task("after").succeeds().completes()) == (False, False, [])
    story = run(memory, "first").task("work").fails().task("mend").fails()
    assert warned(story.task("after").succeeds().completes()) == (True, True, [1])
    failure = story.nodes[1].failure
    assert failure is not None
    assert failure.name == "TASK_FAILURE"
    story = run(memory, "first").task("work").throws("odd")
    assert warned(story.task("after").succeeds().completes()) == (True, True, [1])


def test_a_warning_that_is_allowed_is_none(memory: Driver) -> None:
    """The failure stays to be seen."""
    register(memory, "silent", chain(silent(may_fail(task("work")))))
    story = run(memory, "silent").task("work").fails().completes()
    assert (story.nodes[1].status, warned(story)) == ("ERROR", (False, False, []))


def test_no_way_on_may_fail_once(memory: Driver) -> None:
    """The node is done, and fails as no edge is open; that is allowed, and then there is none."""
    never = compare(literal(1), "EQUALS", literal(2))
    nodes = {"work": may_fail(task("work", edge("end", never))), "end": ends()}
    register(memory, "nowhere", spec("work", nodes))
    run(memory, "nowhere").task("work").succeeds().ends_with("VAR_SUB_ERROR")


def test_a_stopped_run_goes_on_behind_what_may_fail(memory: Driver) -> None:
    """The task fails while the run is stopped."""
    register(memory, "stopped", chain(may_fail(task("work")), task("after")))
    story = run(memory, "stopped").task("work").starts().is_stopped().fails().is_now("HALTED")
    story.no_task("after").is_resumed().task("after").succeeds().completes()
    assert warned(story) == (True, True, [1])


def test_a_kill_is_not_allowed(memory: Driver) -> None:
    """It is no failure of the node."""
    register(memory, "killed", chain(may_fail(task("work")), task("after")))
    story = run(memory, "killed").task("work").is_killed().ends_with("KILLED")
    assert warned(story) == (False, False, [])
    story.is_begun_again().task("work").fails().task("after").succeeds().completes()


def test_the_limit_of_steps_is_not_allowed(monkeypatch: pytest.MonkeyPatch, memory: Driver) -> None:
    """Each node behind it would fail like this one, and the run would go on for ever."""
    monkeypatch.setattr("penstock.core.advance.advance.STEPS_PER_RUN_MAX", 3)
    register(memory, "long", chain(*[may_fail(task("work"))] * 3))
    run(memory, "long").task("work").fails().task("work").fails().ends_with("STEP_LIMIT")


def test_an_interrupt_whose_handler_fails_is_not_allowed(memory: Driver) -> None:
    """It is not the node that has failed."""
    main = interrupted(chain(may_fail(task("work"))), stop="mend")
    register(memory, "interrupted", threads(main, mend=chain(task("mend"))))
    story = run(memory, "interrupted").task("work").gets("stop").succeeds()
    story.task("mend").fails().ends_with("CHILD_FAILURE")


# --- warnings of tasks ----------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [False, True])
def test_a_task_that_succeeds_with_a_warning_warns(memory: Driver, allowed: bool) -> None:
    """Since its worker says so, or since it took more than one attempt."""
    node = task("work", max_attempts=2, warn_on_retry=True)
    register(memory, "retried", chain(silent(node) if allowed else node))
    again = run(memory, "retried").task("work").fails().task("work").succeeds().completes()
    said = run(memory, "retried").task("work")
    accepted(memory, said.report(TaskStatus.TASK_SUCCESS, warning=True))
    for story in (again, said.completes()):
        assert warned(story) == ((False, False, []) if allowed else (True, True, [1]))
    assert warned(run(memory, "retried").task("work").succeeds().completes())[0] is False


def test_a_task_that_had_succeeded_with_a_warning_when_its_run_is_killed(memory: Driver) -> None:
    """The run is stopped when the report comes, and looks at it as it dies."""
    register(memory, "late", chain(task("work"), task("after")))
    story = run(memory, "late").task("work").starts().is_stopped()
    accepted(memory, story.report(TaskStatus.TASK_SUCCESS, warning=True))
    story.is_killed().ends_with("KILLED")
    assert warned(story) == (True, True, [1])


# --- threads and runs -----------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [False, True])
def test_a_wait_for_a_thread_with_a_warning_is_warned(memory: Driver, allowed: bool) -> None:
    """And its thread is, unless it allows that."""
    wait = waits_for(output_of("n1"))
    main = chain(starts("child"), silent(wait) if allowed else wait)
    register(memory, "child", threads(main, child=RISKY))
    story = run(memory, "child").task("risky").fails().completes()
    assert story.thread_run(1).warned
    assert story.thread.warned_children == 0
    assert warned(story) == ((False, False, []) if allowed else (True, True, [2]))


def test_a_wait_that_comes_late_notices_the_warning(memory: Driver) -> None:
    """What it allows, the EXIT does not notice either."""
    wait = silent(waits_for(output_of("n1")))
    register(memory, "late", threads(chain(starts("c"), task("ask"), wait), c=RISKY))
    story = run(memory, "late").task("risky").fails().thread_is(1, "COMPLETED")
    assert story.thread.warned_children == 1
    assert warned(story.task("ask").succeeds().completes()) == (False, False, [])
    assert story.thread.warned_children == 0


def test_a_warning_of_a_thread_that_nobody_waits_for_is_noticed_at_the_exit(
    memory: Driver,
) -> None:
    """Through as many threads as there are."""
    made = threads(chain(starts("child")), child=chain(starts("below")), below=RISKY)
    register(memory, "deep", made)
    story = run(memory, "deep").task("risky").fails().completes()
    assert warned(story) == (True, True, [])
    assert [story.thread_run(number).warned for number in (1, 2)] == [True, True]


def test_a_child_that_may_fail_before_it_fails_warns_who_handles_that(memory: Driver) -> None:
    """A handler of the wait has dealt with the failure, not with the warning."""
    child = chain(may_fail(task("risky")), task("work"))
    wait = waits_for(output_of("n1"), thread_handlers=[{"thread": "mend"}])
    register(memory, "both", threads(chain(starts("c"), wait), c=child, mend=chain(task("mend"))))
    story = run(memory, "both").task("risky").fails().task("work").fails().task("mend").succeeds()
    assert warned(story.completes()) == (True, True, [2])
    story = run(memory, "both").task("risky").succeeds().task("work").fails()
    assert warned(story.task("mend").succeeds().completes()) == (False, False, [])


def test_a_handler_with_a_warning_warns_what_it_handles(memory: Driver) -> None:
    """The node whose failure it is, or the thread that was interrupted."""
    main = interrupted(chain(handled(task("work"), ("mend", None))), stop="mend")
    register(memory, "handler", threads(main, mend=RISKY))
    story = run(memory, "handler").task("work").fails().task("risky").fails().completes()
    assert warned(story) == (True, True, [1])
    story = run(memory, "handler").gets("stop").task("work").succeeds()
    assert warned(story.task("risky").fails().completes()) == (True, True, [])


@pytest.mark.parametrize("allowed", [False, True])
def test_a_wait_for_a_run_with_a_warning_is_warned(memory: Driver, allowed: bool) -> None:
    """Whoever started it."""
    wait = waits_for_run(output_of("n1"))
    register(memory, "below", RISKY)
    register(memory, "above", chain(runs("below"), silent(wait) if allowed else wait))
    above = run(memory, "above")
    [row] = memory.scan(ChildRun, above.id)
    below = Story(memory, row.child).task("risky").fails().completes()
    assert below.run.warned
    above.completes()
    assert warned(above) == ((False, False, []) if allowed else (True, True, [2]))


# --- what operators do ----------------------------------------------------------------------------


def test_a_warning_outlives_a_rescue_and_a_restart(memory: Driver) -> None:
    """What went wrong before the failure did go wrong."""
    register(memory, "kept", chain(may_fail(task("risky")), task("work")))
    story = run(memory, "kept").task("risky").fails().task("work").fails()
    story.ends_with("TASK_FAILURE").is_rescued().task("work").fails()
    story.is_begun_again().task("work").succeeds().completes()
    assert warned(story) == (True, True, [1])


def test_a_wait_that_is_rescued_still_has_the_warning(memory: Driver) -> None:
    """It is begun anew, and knows what had ended well."""
    main = chain(starts("c"), starts("d"), waits_for(output_of("n1"), output_of("n2")))
    register(memory, "anew", threads(main, c=RISKY, d=chain(task("work"))))
    story = run(memory, "anew").task("risky").fails().task("work").fails()
    story.ends_with("CHILD_FAILURE").is_rescued(2).task("work").succeeds().completes()
    assert warned(story) == (True, True, [3, 4])


def test_a_failure_that_was_allowed_is_not_taken_up(memory: Driver) -> None:
    """The thread above has gone on without it."""
    main = chain(starts("c"), may_fail(waits_for(output_of("n1"))), task("after"))
    register(memory, "gone", threads(main, c=chain(task("work"))))
    story = run(memory, "gone").task("work").fails().at_node("n3")
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=1), "FAILURE_HANDLED")
    story.task("after").succeeds().completes()
    assert warned(story) == (True, True, [2])


def test_a_run_is_migrated_to_where_a_node_may_fail(memory: Driver) -> None:
    """The version that it follows when the node fails decides."""
    register(memory, "moved", chain(task("work"), task("after")))
    story = run(memory, "moved").task("work")
    accepted(memory, PutWfSpec(name="moved", spec=chain(may_fail(task("work")), task("after"))))
    accepted(memory, MigrateWfRun(wf_run_id=story.id, version=2))
    story.fails().task("after").succeeds().completes()
    assert warned(story) == (True, True, [1])


def test_a_replay_has_the_warnings_of_threads_that_it_carries_over(memory: Driver) -> None:
    """One that nobody has waited for is noticed at its EXIT; one of a node before it is not its."""
    main = chain(may_fail(task("first")), starts("c"), task("ask"), task("last"))
    register(memory, "again", threads(main, c=RISKY))
    story = run(memory, "again").task("first").succeeds().task("risky").fails()
    story.task("ask").succeeds().task("last").succeeds().completes()
    assert warned(story) == (True, True, [])
    answer = accepted(memory, ReplayWfRun(wf_run_id=story.id, position=4))
    again = Story(memory, answer.body["wf_run_id"]).task("last").succeeds().completes()
    assert warned(again) == (True, True, [])
    plain = run(memory, "again").task("first").fails().task("risky").succeeds()
    plain.task("ask").succeeds().task("last").succeeds().completes()
    assert warned(plain) == (True, True, [1])
    answer = accepted(memory, ReplayWfRun(wf_run_id=plain.id, position=4))
    again = Story(memory, answer.body["wf_run_id"]).task("last").succeeds().completes()
    assert warned(again) == (False, False, [])


def test_a_warning_that_was_noticed_later_is_left_to_who_replays(memory: Driver) -> None:
    """In a version that does not wait for the thread any more, it is seen at the EXIT."""
    begins = (starts("c"), task("ask"), task("more"))
    register(memory, "again", threads(chain(*begins, waits_for(output_of("n1"))), c=RISKY))
    story = run(memory, "again").task("risky").fails()
    story.task("ask").succeeds().task("more").succeeds().completes()
    assert warned(story) == (True, True, [4])
    next_version(memory, "again", threads(chain(*begins), c=RISKY))
    again = replay(story, position=3, version=2).task("more").succeeds().completes()
    assert warned(again) == (True, True, [])
    same = replay(story, position=3, version=1).task("more").succeeds().completes()
    assert warned(same) == (True, True, [2])


def test_a_failed_task_that_an_operator_calls_a_success(memory: Driver) -> None:
    """Where it was allowed to fail, the run has gone on; else it goes on, with a warning."""
    register(memory, "called", chain(may_fail(task("work")), task("after")))
    story = run(memory, "called").task("work").fails()
    story.refuses(
        ChangeTaskRunState(**story.task_id, status=TaskStatus.TASK_SUCCESS), "TASK_RUN_ENDED"
    )
    story.task("after").succeeds().completes()
    register(memory, "retried", chain(task("work", max_attempts=2, warn_on_retry=True)))
    story = run(memory, "retried").task("work").fails().task("work").fails()
    accepted(memory, ChangeTaskRunState(**story.task_id, status=TaskStatus.TASK_SUCCESS))
    assert warned(story.completes()) == (True, True, [2])
