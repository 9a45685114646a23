"""Events that runs throw for the outside."""

from penstock.core.commands.delete_wf_run import DeleteWfRun
from penstock.core.commands.delete_workflow_event_def import DeleteWorkflowEventDef
from penstock.core.commands.put_wf_spec import PutWfSpec
from penstock.core.commands.put_workflow_event_def import PutWorkflowEventDef
from penstock.core.state.event_rows import WorkflowEvent
from penstock.core.state.outputs import WorkflowEventThrown
from penstock.core.values.types import ValueType
from tests.controls import chain, declared, literal, sleeps, starts, threads, throws_event, variable
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
    assert [event.def_number for event in rows] == [0, 0]
    told = [event for event in driver.events() if isinstance(event, WorkflowEventThrown)]
    assert [(event.number, event.content, event.at_ms) for event in told] == [
        (row.number, row.content, row.at_ms) for row in rows
    ]


def test_events_are_counted_by_their_kind_too(memory: Driver) -> None:
    """Each kind from 0, in each run, whichever thread throws."""
    names = ("sent", "done", "sent", "sent", "done")
    child = chain(throws_event("sent"))
    main = chain(*(throws_event(name) for name in names), starts("child"))
    register(memory, "throws", threads(main, child=child), SENT, DONE)
    for story in (run(memory, "throws"), run(memory, "throws")):
        story.completes()
        rows = memory.scan(WorkflowEvent, story.id)
        assert [row.number for row in rows] == list(range(6))
        numbers = [(row.workflow_event_def, row.def_number) for row in rows]
        expected = [("sent", 0), ("done", 0), ("sent", 1), ("sent", 2), ("done", 1), ("sent", 3)]
        assert numbers == expected
        told = [event for event in memory.events() if isinstance(event, WorkflowEventThrown)]
        mine = [event for event in told if event.wf_run_id == story.id]
        assert [(event.workflow_event_def, event.def_number) for event in mine] == expected
        accepted(memory, DeleteWfRun(wf_run_id=story.id))
        assert memory.rows_of_run(story.id) == {}


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


def test_a_kind_that_is_deleted_is_thrown_no_more(memory: Driver) -> None:
    """What was thrown stays; a node that is to throw another one fails; the name is free again."""
    nodes = (throws_event("done"), sleeps(60), throws_event("done"))
    register(memory, "throws", chain(*nodes), DONE)
    story = run(memory, "throws")
    accepted(memory, DeleteWorkflowEventDef(name="done"))
    refused(memory, DeleteWorkflowEventDef(name="done"), "EVENT_DEF_UNKNOWN")
    memory.pass_ms(61_000)
    assert story.run.status == "ERROR"
    assert [row.number for row in memory.scan(WorkflowEvent, story.id)] == [0]
    accepted(memory, DONE)
