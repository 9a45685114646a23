"""How deep threads stand below each other, how many there are, and what becomes of a failure whose
handler can not begin.
"""

from typing import Any

import pytest

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.flow import room
from tests.controls import (
    chain,
    compare,
    declared,
    edge,
    event,
    handled,
    interrupted,
    literal,
    nop,
    output_of,
    starts,
    starts_each,
    task,
    threads,
    variable,
    waits_for,
)
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

Json = dict[str, Any]


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads stand at most three deep; also when the log is folded again."""
    monkeypatch.setattr(room, "THREAD_DEPTH_MAX", 3)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run has at most two threads."""
    monkeypatch.setattr(room, "THREADS_PER_RUN_MAX", 2)


def _russian() -> Json:
    """A thread that starts itself (as long as nobody says no), and waits for it."""
    doll = chain(nop(), starts("doll"), waits_for(output_of("n2")))
    more = compare(variable("more"), "EQUALS", literal(value=True))
    doll["threads"]["main"]["nodes"]["n1"]["edges"] = [edge("n2", more), edge("exit")]
    yes = declared("more", "BOOL", default=True)
    return threads(chain(starts("doll"), waits_for(output_of("n1")), variables=(yes,)), doll=doll)


@pytest.mark.usefixtures("shallow")
def test_threads_stand_only_so_deep_below_each_other(memory: Driver) -> None:
    """LIMIT, at the node that would start one more."""
    register(memory, "russian", _russian())
    story = run(memory, "russian").ends_with("CHILD_FAILURE")
    assert [story.thread_run(number).depth for number in range(4)] == [0, 1, 2, 3]
    failure = story.thread_run(3).failure
    assert failure is not None and failure.name == "LIMIT"
    assert failure.message == "threads may stand 3 deep below each other"


def test_a_variable_of_the_entrypoint_is_seen_from_the_deepest_thread(memory: Driver) -> None:
    """At the bound as it is: each thread below counts."""
    more = compare(variable("n"), "LESS_THAN", literal(100))
    count = {"variable": "n", "operation": "ADD", "value": literal(1)}
    doll = chain(nop(), starts("doll"), waits_for(output_of("n2")))
    nodes = doll["threads"]["main"]["nodes"]
    nodes["0-entrypoint"]["edges"] = [{"to": "n1", "mutations": [count]}]
    nodes["n1"]["edges"] = [edge("n2", more), edge("exit")]
    main = chain(
        starts("doll"),
        waits_for(output_of("n1")),
        returns=variable("n"),
        variables=(declared("n", "INT", default=0),),
    )
    register(memory, "russian", threads(main, doll=doll))
    story = run(memory, "russian").completes(100)
    assert story.thread_run(100).depth == 100


def test_a_spec_whose_threads_could_never_begin_is_refused(memory: Driver) -> None:
    """BAD_SPEC; a thread less is taken."""
    inner = {f"t{number}": chain(starts(f"t{number + 1}")) for number in range(1, 101)}
    deep = threads(chain(starts("t1")), **inner, t101=chain())
    refused(memory, PutWfSpec(name="deep", spec=deep), "BAD_SPEC")
    del inner["t100"]
    accepted(
        memory, PutWfSpec(name="deep", spec=threads(chain(starts("t1")), **inner, t100=chain()))
    )


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize(
    "node", [starts("child"), starts_each("child", literal([1, 2]))], ids=["one", "each"]
)
@pytest.mark.fault(36)
def test_a_run_has_only_so_many_threads(memory: Driver, node: Json) -> None:
    """LIMIT."""
    register(memory, "many", threads(chain(nop(), node, node), child=chain(event("go"))))
    run(memory, "many").ends_with("LIMIT")


@pytest.mark.usefixtures("few")
def test_a_failure_stays_what_it_is_when_its_handler_can_not_begin(memory: Driver) -> None:
    """And says so."""
    main = chain(starts("child"), handled(task("work"), ("mend", None)))
    made = threads(main, child=chain(event("go")), mend=chain())
    register(memory, "full", made)
    story = run(memory, "full").task("work").throws("sold-out", {"n": 7})
    story.ends_with("sold-out", "EXCEPTION")
    failure = story.thread.failure
    assert failure is not None and failure.content == {"n": 7}
    assert "its handler was not started: a run may have 2 threads" in failure.message


@pytest.mark.usefixtures("few")
def test_a_childs_failure_stays_what_it_is_when_its_handler_can_not_begin(memory: Driver) -> None:
    """The wait fails with it."""
    wait = waits_for(output_of("n1")) | {"thread_handlers": [{"thread": "mend"}]}
    made = threads(chain(starts("child"), wait), child=chain(task("work")), mend=chain())
    register(memory, "full", made)
    story = run(memory, "full").task("work").fails().ends_with("CHILD_FAILURE")
    failure = story.thread.failure
    assert failure is not None and "its handler was not started" in failure.message


@pytest.mark.usefixtures("few")
def test_an_interrupt_that_can_not_be_handled_fails_the_thread(memory: Driver) -> None:
    """It must not be lost in silence."""
    main = interrupted(
        threads(chain(starts("child"), event("go")), child=chain(event("never")), ask=chain()),
        stop="ask",
    )
    register(memory, "full", main)
    run(memory, "full").gets("stop").ends_with("LIMIT")


@pytest.mark.usefixtures("shallow")
def test_a_handler_stands_below_what_it_handles(memory: Driver) -> None:
    """So the failure of the deepest thread is not handled there."""
    made = threads(
        chain(starts("a"), waits_for(output_of("n1"))),
        a=chain(starts("b"), waits_for(output_of("n1"))),
        b=chain(starts("leaf"), waits_for(output_of("n1"))),
        leaf=chain(handled(task("work"), ("mend", None))),
        mend=chain(),
    )
    register(memory, "deep", made)
    story = run(memory, "deep").task("work").fails().ends_with("CHILD_FAILURE")
    failure = story.thread_run(3).failure
    assert failure is not None and failure.name == "TASK_FAILURE"
    assert "3 deep" in failure.message
