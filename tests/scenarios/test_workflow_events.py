"""Events that runs throw for the outside."""

from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.state.event_rows import WorkflowEvent
from penstock.core.state.outputs import WorkflowEventThrown
from penstock.core.values.types import ValueType
from tests.controls import chain, declared, literal, throws_event, variable
from tests.scenarios.driver import Driver
from tests.scenarios.story import accepted, refused, register, run

SENT = PutWorkflowEventDef(name="sent", content_type=ValueType.INT)
DONE = PutWorkflowEventDef(name="done")


def test_a_run_throws_events_and_goes_on(driver: Driver) -> None:
    """They are rows of the run, in order, and told to the outside."""
    nodes = (throws_event("sent", variable("n")), throws_event("done"))
    register(driver, "throws", chain(*nodes, variables=(declared("n", "INT"),)), SENT, DONE)
    story = run(driver, "throws", n=7).completes()
    rows = driver.scan(WorkflowEvent, story.id)
    assert [(row.number, row.workflow_event_def, row.content) for row in rows] == [
        (0, "sent", 7),
        (1, "done", None),
    ]
    assert [(row.thread, row.position) for row in rows] == [(0, 1), (0, 2)]
    assert story.run.workflow_events == 2
    told = [event for event in driver.events() if isinstance(event, WorkflowEventThrown)]
    assert [(event.number, event.content, event.at_ms) for event in told] == [
        (row.number, row.content, row.at_ms) for row in rows
    ]


def test_content_of_a_wrong_type_fails_the_node(memory: Driver) -> None:
    """Nothing is thrown."""
    node = throws_event("sent", variable("order", "$.n"))
    register(memory, "throws", chain(node, variables=(declared("order", "JSON_OBJ"),)), SENT)
    story = run(memory, "throws", order={"n": "seven"}).ends_with("VAR_SUB_ERROR")
    assert memory.scan(WorkflowEvent, story.id) == []
    assert story.run.workflow_events == 0


def test_mistakes_are_refused_with_the_spec(memory: Driver) -> None:
    """By the node's name."""
    accepted(memory, SENT)
    unknown = PutWfSpec(name="bad", spec=chain(throws_event("nothing")))
    assert (
        "node 'n1': WorkflowEventDef 'nothing'"
        in refused(memory, unknown, "DEFINITION_UNKNOWN").message
    )
    wrong = PutWfSpec(name="bad", spec=chain(throws_event("sent", literal("seven"))))
    assert "content" in refused(memory, wrong, "BAD_SPEC").message


def test_a_definition_stays_as_it_is(driver: Driver) -> None:
    """The same again is fine."""
    accepted(driver, SENT)
    accepted(driver, SENT)
    refused(driver, PutWorkflowEventDef(name="sent"), "ALREADY_EXISTS")
    refused(driver, PutWorkflowEventDef(name="no name"), "BAD_NAME")
