"""A resume passes one pause, at which the flow stands, and nothing else."""

from __future__ import annotations

import pytest

from penstock.core.commands.put_external_event import PutExternalEvent
from penstock.core.commands.put_external_event_def import PutExternalEventDef
from penstock.core.commands.resume_wf_run import ResumeWfRun
from penstock.sdk import api
from penstock.sdk.errors import Conflict
from penstock.testing import Engine
from tests.controls import a_task_def
from tests.dialects.bench import FlowRun, deploy, start
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused

HEAD = "id: f\nnamespace: company.team\n"
ONE_BY_ONE = (
    HEAD + "tasks:\n  - {id: a, type: pause}\n  - {id: work, type: task, taskDef: hand}\n"
    "  - {id: b, type: pause}\n"
)
AT_ONCE = (
    HEAD + "tasks:\n  - id: p\n    type: parallel\n    tasks:\n"
    "      - {id: a, type: pause}\n      - {id: b, type: pause}\n"
)
ASKING = (
    HEAD + "tasks:\n  - {id: a, type: pause, onResume: [{id: ok, type: BOOLEAN}]}\n"
    "  - {id: b, type: return, format: '{{ outputs.a.onResume.ok }}'}\n"
)


def resume(flow: FlowRun, event: str = "flow.resume", **settings: object) -> PutExternalEvent:
    """Somebody resumes the flow."""
    return PutExternalEvent(flow.id, event, **settings)  # pyright: ignore[reportArgumentType]


def begun(driver: Driver, document: str) -> FlowRun:
    """A run of a flow that has come to its first pause."""
    flow = start(driver, deploy(driver, document, a_task_def("hand")))
    flow.wait(lambda: flow.states("a")[-1:] == ["PAUSED"], "the pause")
    return flow


def test_one_that_comes_early_or_twice_is_refused(driver: Driver) -> None:
    """It is not kept for the pause behind."""
    flow = begun(driver, ONE_BY_ONE)
    accepted(driver, resume(flow))
    refused(driver, resume(flow), "EVENT_NOT_AWAITED")
    flow.task("hand").starts().succeeds()
    assert flow.states("b")[-1] == flow.states()[-1] == "PAUSED"
    refused(driver, resume(flow, node="a"), "EVENT_NOT_AWAITED")
    accepted(driver, resume(flow, node="b"))
    flow.completes(None)
    refused(driver, resume(flow), "EVENT_NOT_AWAITED")


def test_one_that_is_sent_again_is_the_same(driver: Driver) -> None:
    """A client that got no answer may ask once more."""
    flow = begun(driver, ONE_BY_ONE.replace("  - {id: work, type: task, taskDef: hand}\n", ""))
    accepted(driver, resume(flow, guid="mine"))
    assert accepted(driver, resume(flow, guid="mine")).repeated
    assert flow.states("b")[-1] == "PAUSED"


def test_an_event_of_ones_own_is_another(driver: Driver) -> None:
    """Whoever has called one `resume` can have pauses, too, and does not resume them by it."""
    accepted(driver, PutExternalEventDef("resume", "INT"))
    flow = begun(driver, ONE_BY_ONE.replace("  - {id: work, type: task, taskDef: hand}\n", ""))
    accepted(driver, resume(flow, "resume", content=1))
    assert flow.states("a")[-1] == "PAUSED"
    accepted(driver, resume(flow))
    accepted(driver, resume(flow))
    flow.completes(None)


def test_a_deploy_says_what_to_do_if_the_event_is_another() -> None:
    with Engine() as engine:
        other = {"name": "flow.resume", "content_type": "INT"}
        engine.client.call(api.command("PUT", "/v1/external-event-defs", other))
        with pytest.raises(Conflict, match=r"delete that one and deploy again"):
            engine.deploy(HEAD + "tasks: [{id: a, type: pause}]\n")


def test_two_that_stand_at_once_need_two(driver: Driver) -> None:
    """The execution is paused until none is left."""
    flow = begun(driver, AT_ONCE)
    accepted(driver, resume(flow, node="b"))
    assert (flow.states("a")[-1], flow.states("b")[-1]) == ("PAUSED", "SUCCESS")
    assert flow.states()[-1] == "PAUSED"
    refused(driver, resume(flow, node="b"), "EVENT_NOT_AWAITED")
    accepted(driver, resume(flow))
    flow.completes(None)


def test_what_is_given_is_checked(driver: Driver) -> None:
    """And so is whether it is this one that is paused."""
    flow = begun(driver, ASKING)
    event = "company.team.f.a"
    refused(driver, resume(flow, event, content={"ok": "perhaps"}), "BAD_VALUE")
    refused(driver, resume(flow, event), "BAD_VALUE")
    accepted(driver, resume(flow, event, content={"ok": True}))
    refused(driver, resume(flow, event, content={"ok": False}), "EVENT_NOT_AWAITED")
    flow.works().completes(None)
    assert flow.only("b")["outputs"] == {"value": "true"}


def test_an_operators_resume_passes_a_pause(driver: Driver) -> None:
    """With what it asks for; two that stand at once need two."""
    flow = begun(driver, ASKING)
    refused(driver, ResumeWfRun(flow.id), "BAD_VALUE")
    accepted(driver, ResumeWfRun(flow.id, content={"ok": True}))
    flow.works().completes(None)
    assert flow.only("b")["outputs"] == {"value": "true"}
    both = begun(driver, AT_ONCE)
    accepted(driver, ResumeWfRun(both.id))
    assert both.states()[-1] == "PAUSED"
    accepted(driver, ResumeWfRun(both.id))
    both.completes(None)


def test_one_of_a_value_is_named_by_its_thread(driver: Driver) -> None:
    document = HEAD + (
        "tasks:\n  - id: each\n    type: for-each\n    values: [x, y]\n"
        "    concurrencyLimit: 0\n    tasks: [{id: a, type: pause}]\n"
    )
    flow = start(driver, deploy(driver, document))
    flow.wait(lambda: len(flow.task_runs("a")) == 2, "both")
    last = max(node.thread for node in flow.nodes if node.node == "a")
    accepted(driver, resume(flow, thread=last))
    ended = [one["state"]["current"] for one in flow.task_runs("a")]
    assert ended == ["PAUSED", "SUCCESS"]
    refused(driver, resume(flow, thread=last), "EVENT_NOT_AWAITED")
    accepted(driver, resume(flow))
    flow.completes(None)


def test_a_list_tells_of_a_pause_behind_very_many_task_runs(driver: Driver) -> None:
    """As the execution itself does, and when that was; it looks at none of them."""
    document = HEAD + (
        "tasks:\n  - id: each\n    type: for-each\n    values: '{{ range(0, 120) }}'\n"
        "    concurrencyLimit: 0\n    tasks: [{id: one, type: task, taskDef: hand}]\n"
        "  - {id: a, type: pause}\n"
    )
    flow = start(driver, deploy(driver, document, a_task_def("hand")))
    for _ in range(121):
        flow.task("hand").starts().succeeds()
    flow.wait(lambda: flow.states("a")[-1] == "PAUSED", "the pause")
    assert flow.head["state"] == flow.execution["state"]
    assert flow.states() == ["CREATED", "RUNNING", "PAUSED"]
    driver.pass_ms(10)
    accepted(driver, resume(flow))
    flow.completes(None)
    paused = ["CREATED", "RUNNING", "PAUSED", "RUNNING", "SUCCESS"]
    assert [moment["state"] for moment in flow.head["state"]["histories"]] == paused


def test_an_execution_that_an_operator_holds_is_resumed_by_them(driver: Driver) -> None:
    """Its pauses wait meanwhile."""
    flow = begun(driver, ONE_BY_ONE)
    flow.is_paused()
    refused(driver, resume(flow), "EVENT_NOT_AWAITED")
    flow.is_resumed()
    accepted(driver, resume(flow))
    flow.task("hand").starts().succeeds()
    accepted(driver, resume(flow))
    flow.completes(None)
