"""RescueThreadRun and RestartWfRun: failed threads go on."""

from penstock.core.commands.rescue_thread_run import RescueThreadRun
from penstock.core.commands.restart_wf_run import RestartWfRun
from penstock.core.state.run import TaskRun
from penstock.core.state.thread_rows import Awaited, LiveChild
from penstock.core.state.timers import Timer
from tests.controls import (
    chain,
    edge,
    ends,
    event,
    handled,
    literal,
    output_of,
    sleeps,
    spec,
    starts,
    starts_each,
    task,
    threads,
    throws,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import Story, register, run

PAIR = threads(
    chain(
        starts("child"),
        starts("child"),
        waits_for(output_of("n1"), output_of("n2")),
        task("after"),
    ),
    child=chain(task("work"), task("more")),
)


def of_thread(story: Story, task_def: str, thread: int) -> Story:
    """Take tasks until the one of this thread is at hand."""
    while story.task(task_def).taken.thread != thread:
        pass
    return story


def test_a_rescued_run_visits_the_failed_node_anew(driver: Driver) -> None:
    """As a new node run with a new task; the failed one stays as it was."""
    register(driver, "two", chain(task("one"), task("two"), returns=output_of("n2")))
    story = run(driver, "two").task("one").succeeds().task("two").fails()
    story.ends_with("TASK_FAILURE").is_rescued().is_now("RUNNING")
    assert story.run.ended_ms is None
    story.task("two").succeeds("good").completes("good").no_task("one")
    visits = [(node.node, node.status, node.retries) for node in story.nodes]
    assert visits == [
        ("0-entrypoint", "COMPLETED", None),
        ("n1", "COMPLETED", None),
        ("n2", "ERROR", None),
        ("n2", "COMPLETED", 2),
        ("exit", "COMPLETED", None),
    ]
    statuses = [fact.status for fact in story.run.history]
    assert statuses == ["RUNNING", "ERROR", "RUNNING", "COMPLETED"]


def test_a_rescue_may_leave_the_failed_node_without_its_mutations(memory: Driver) -> None:
    """Along the edge that is open."""
    nodes = {
        "work": task("work", edge("end", total=literal(7))),
        "end": ends({"from": "VARIABLE", "name": "total"}),
    }
    register(memory, "skips", spec("work", nodes, {"name": "total", "type": "INT", "default": 1}))
    story = run(memory, "skips").task("work").fails().is_rescued(skip=True).completes(1)
    node = story.nodes[1]
    assert (node.status, node.skipped, node.handled) == ("ERROR", True, True)


def test_a_rescued_child_takes_its_parent_along(driver: Driver) -> None:
    """The parent had failed at its WAIT_FOR_THREADS; the halted sibling runs again."""
    register(driver, "pair", PAIR)
    story = of_thread(run(driver, "pair"), "work", 1).fails()
    story.ends_with("CHILD_FAILURE").task("work").succeeds().thread_is(2, "HALTED")
    story.is_rescued(1).is_now("RUNNING").thread_is(1, "RUNNING").thread_is(2, "RUNNING")
    story.task("more").succeeds().thread_is(2, "COMPLETED")
    story.task("work").succeeds().task("more").succeeds().task("after").succeeds().completes()
    assert driver.scan(LiveChild, story.id) == []
    waits = [node for node in story.nodes if node.node_type == "WAIT_FOR_THREADS"]
    assert [node.status for node in waits] == ["ERROR", "COMPLETED"]


def test_a_rescue_goes_up_as_far_as_the_failure_did(memory: Driver) -> None:
    """Grandchild, child, entrypoint."""
    main = chain(starts("middle"), waits_for(output_of("n1")))
    middle = chain(starts("leaf"), waits_for(output_of("n1")))
    register(memory, "deep", threads(main, middle=middle, leaf=chain(task("work"))))
    story = run(memory, "deep").task("work").fails().ends_with("CHILD_FAILURE")
    story.is_rescued(2).is_now("RUNNING").task("work").succeeds().completes()
    assert [story.thread_run(number).status for number in (1, 2)] == ["COMPLETED"] * 2


def test_a_parent_that_failed_at_its_exit_is_taken_along(memory: Driver) -> None:
    """Nobody had waited for the child."""
    register(memory, "loose", threads(chain(starts("child")), child=chain(task("work"))))
    story = run(memory, "loose").task("work").fails().ends_with("CHILD_FAILURE")
    story.is_rescued(1).is_now("RUNNING").task("work").succeeds().completes()


def test_a_child_is_rescued_before_its_parent_notices(memory: Driver) -> None:
    """The parent is elsewhere; at its EXIT there is nothing to notice any more."""
    main = chain(starts("child"), task("own"))
    register(memory, "loose", threads(main, child=chain(task("work"))))
    story = run(memory, "loose").task("work").fails().thread_is(1, "ERROR").is_rescued(1)
    assert story.thread.failed_children == 0
    story.task("own").succeeds().is_now("RUNNING").task("work").succeeds().completes()


def test_a_wait_for_any_that_is_not_decided_takes_the_failure_back(memory: Driver) -> None:
    """So that the last of the others does not decide it."""
    wait = waits_for(output_of("n1"), strategy="WAIT_FOR_ANY")
    main = chain(starts_each("child", literal([1, 2])), wait)
    register(memory, "any", threads(main, child=chain(task("work"))))
    story = of_thread(run(memory, "any"), "work", 1).fails().is_now("RUNNING").is_rescued(1)
    assert {row.status for row in memory.scan(Awaited, story.id)} == {"THREAD_IN_PROGRESS"}
    story.task("work").fails().thread_is(2, "ERROR").is_now("RUNNING")
    story.task("work").succeeds().completes()


def test_what_was_handled_at_a_wait_is_not_handled_twice(memory: Driver) -> None:
    """One child's failure was handled, the other's not: only that one is done again."""
    main = chain(
        starts("first"),
        starts("second"),
        waits_for(
            output_of("n1"),
            output_of("n2"),
            thread_handlers=[{"thread": "heal", "failure": "sick"}],
        ),
    )
    first = chain(task("work"))
    register(
        memory,
        "heals",
        threads(main, first=first, second=chain(task("other")), heal=chain(task("medicine"))),
    )
    story = run(memory, "heals").task("work").throws("sick").task("medicine").succeeds()
    story.task("other").fails().ends_with("CHILD_FAILURE").is_rescued(2)
    story.task("other").succeeds().completes().no_task("medicine")
    assert story.run.threads == 4


def test_a_handler_at_work_goes_on_after_the_rescue(memory: Driver) -> None:
    """The wait that is begun anew waits for it."""
    handlers = [{"thread": "heal", "failure": "sick"}]
    main = chain(
        starts("first"),
        starts("second"),
        waits_for(output_of("n1"), output_of("n2"), thread_handlers=handlers),
    )
    work, other, heal = chain(task("work")), chain(task("other")), chain(task("medicine"))
    register(memory, "heals", threads(main, first=work, second=other, heal=heal))
    story = run(memory, "heals").task("work").throws("sick").task("other").fails()
    story.ends_with("CHILD_FAILURE").thread_is(3, "HALTING").is_rescued(2)
    story.task("other").succeeds().is_now("RUNNING").task("medicine").succeeds().completes()


def test_only_an_error_that_nobody_has_handled_is_rescued(memory: Driver) -> None:
    """Each refusal has its code, and changes no row."""
    heal = chain(task("medicine"))
    broken = threads(chain(handled(task("work"), ("heal", None))), heal=heal)
    register(memory, "broken", broken)
    story = run(memory, "broken")
    story.refuses(RescueThreadRun(wf_run_id=story.id), "THREAD_NOT_FAILED")
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=7), "THREAD_UNKNOWN")
    story.task("work").fails().task("medicine").fails().is_now("ERROR")
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=1), "FAILURE_HANDLED")
    story.is_rescued().task("work").succeeds().completes()
    story.refuses(RescueThreadRun(wf_run_id=story.id), "THREAD_NOT_FAILED")


def test_an_exception_is_no_error_and_an_exit_leads_nowhere(memory: Driver) -> None:
    """An EXCEPTION is what the workflow means to say; RestartWfRun is for it."""
    register(memory, "throws", spec("end", {"end": throws("no-stock")}))
    story = run(memory, "throws").ends_with("no-stock", "EXCEPTION")
    story.refuses(RescueThreadRun(wf_run_id=story.id), "THREAD_NOT_FAILED")
    story.is_rescued(exceptions=True).ends_with("no-stock", "EXCEPTION")
    register(memory, "loses", spec("end", {"end": throws("TIMEOUT")}))
    story = run(memory, "loses").ends_with("TIMEOUT")
    skip = RescueThreadRun(wf_run_id=story.id, skip_current_node=True)
    story.refuses(skip, "NODE_NOT_SKIPPABLE")


def test_an_exception_is_rescued_if_that_is_asked_for(memory: Driver) -> None:
    """So are the threads above that had it from there, and what was halted for good with them."""
    main = chain(starts("first"), starts("second"), waits_for(output_of("n1"), output_of("n2")))
    work, other = chain(task("work")), chain(task("other"))
    register(memory, "throws", threads(main, first=work, second=other))
    story = run(memory, "throws").task("other").task("work").throws("no-secret")
    story.ends_with("no-secret", "EXCEPTION")
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=1), "THREAD_NOT_FAILED")
    story.is_rescued(1, exceptions=True).is_now("RUNNING")
    story.task("work").succeeds().task("other").succeeds().completes()
    again = RescueThreadRun(wf_run_id=story.id, thread=1, exceptions=True)
    story.refuses(again, "THREAD_NOT_FAILED")


def test_an_exception_that_was_handled_is_not_rescued(memory: Driver) -> None:
    heal = chain(task("medicine"))
    caught = {"heal": heal}
    main = threads(chain(handled(task("work"), ("heal", "sick"))), **caught)
    register(memory, "catches", main)
    story = run(memory, "catches").task("work").throws("sick").task("medicine").throws("worse")
    story.ends_with("worse", "EXCEPTION")
    handler = RescueThreadRun(wf_run_id=story.id, thread=1, exceptions=True)
    story.refuses(handler, "FAILURE_HANDLED")
    story.is_rescued(exceptions=True).task("work").succeeds().completes()


def test_a_failure_that_the_parent_has_handled_is_not_rescued(memory: Driver) -> None:
    """Neither while its handler is at work, nor after it."""
    wait = handled(waits_for(output_of("n1")), ("heal", None))
    main = chain(starts("child"), wait, task("after"))
    heal = chain(task("medicine"))
    register(memory, "heals", threads(main, child=chain(task("work")), heal=heal))
    story = run(memory, "heals").task("work").fails().task("medicine")
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=1), "FAILURE_HANDLED")
    story.succeeds().at_node("n3")
    story.refuses(RescueThreadRun(wf_run_id=story.id, thread=1), "FAILURE_HANDLED")


def test_a_restart_takes_up_every_failed_thread(driver: Driver) -> None:
    """Both children had failed; what had succeeded is not done again."""
    register(driver, "pair", PAIR)
    story = of_thread(run(driver, "pair"), "work", 1).succeeds().task("more").fails()
    story.ends_with("CHILD_FAILURE").task("work").fails().thread_is(2, "ERROR")
    story.is_begun_again().is_now("RUNNING").task("more").succeeds()
    story.task("work").succeeds().task("more").succeeds().task("after").succeeds().completes()
    tasks = driver.scan(TaskRun, story.id)
    assert sorted(task.task_def for task in tasks) == [
        "after",
        "more",
        "more",
        "more",
        "work",
        "work",
        "work",
    ]


def test_a_restart_after_an_exception_opens_what_was_halted_for_good(memory: Driver) -> None:
    """The sibling had been left; its node is visited anew."""
    main = chain(starts("first"), starts("second"), waits_for(output_of("n1"), output_of("n2")))
    first, second = chain(task("work")), chain(event("go"), sleeps(5))
    register(memory, "both", threads(main, first=first, second=second))
    story = run(memory, "both").task("work").throws("sick").ends_with("sick", "EXCEPTION")
    assert story.thread_run(2).halt_reasons == ("HALTED_BY_PARENT",)
    story.is_begun_again().is_now("RUNNING").task("work").succeeds().gets("go")
    memory.pass_ms(5_000)
    story.completes()


def test_a_killed_run_is_restarted_where_it_stood(memory: Driver) -> None:
    """All its threads, each at its node."""
    main = chain(starts("child"), event("go"), waits_for(output_of("n1")))
    register(memory, "killed", threads(main, child=chain(task("work"), task("more"))))
    story = run(memory, "killed").task("work").starts().is_killed().is_now("HALTING")
    story.succeeds().ends_with("KILLED").is_begun_again().is_now("RUNNING").no_task("work")
    story.task("more").succeeds().gets("go").completes()


def test_what_a_wait_had_stopped_stays_stopped_after_a_restart(memory: Driver) -> None:
    """It was not needed."""
    wait = waits_for(output_of("n1"), strategy="WAIT_FOR_FIRST")
    main = chain(starts_each("child", literal([1, 2])), wait, task("after"))
    register(memory, "first", threads(main, child=chain(event("go"), task("work"))))
    story = run(memory, "first").gets("go").task("work").succeeds().task("after").fails()
    story.is_begun_again().task("after").succeeds().completes().thread_is(2, "HALTED")


def test_only_a_run_that_has_failed_is_restarted(memory: Driver) -> None:
    """Neither a live one nor a completed one."""
    register(memory, "one", chain(task("one")))
    story = run(memory, "one").task("one")
    story.refuses(RestartWfRun(wf_run_id=story.id), "WF_RUN_NOT_FAILED")
    story.succeeds().completes()
    story.refuses(RestartWfRun(wf_run_id=story.id), "WF_RUN_NOT_FAILED")


def test_a_restart_of_many_threads_goes_over_turns(memory: Driver) -> None:
    """More threads than a turn has budget for."""
    main = chain(starts_each("child", literal([0] * 2_500)), waits_for(output_of("n1")))
    register(memory, "many", threads(main, child=chain(event("go"), event("go"))))
    story = run(memory, "many")
    memory.tick()
    story.is_killed().ends_with("KILLED").is_begun_again().is_now("RUNNING")
    memory.tick()
    assert [story.thread_run(number).status for number in (1, 1_200, 2_500)] == ["RUNNING"] * 3
    assert len(memory.scan(LiveChild, story.id)) == 2_500
    assert memory.everywhere(Timer) == []
