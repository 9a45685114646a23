"""Events under keys, and events that runs throw, over HTTP."""

import threading
from typing import Any

import pytest

from tests.controls import chain, declared, event_with_key, literal, output_of, throws_event
from tests.controls import event as waits_for_event
from tests.controls import variable as value_of
from tests.gateway.served import Served


@pytest.fixture(scope="module", autouse=True)
def specs(served: Served) -> None:
    """`ev-waits` waits under a key; `ev-throws` throws one event, waits, and throws another."""
    once = {"delete_after_first": True, "ttl_seconds": 3_600}
    served.good("PUT", "/v1/external-event-defs", {"name": "ev-paid", "correlation": once})
    served.good("PUT", "/v1/external-event-defs", {"name": "ev-go"})
    served.good("PUT", "/v1/workflow-event-defs", {"name": "ev-first"})
    served.good("PUT", "/v1/workflow-event-defs?wait=all", {"name": "ev-second"})
    waits = chain(
        event_with_key("ev-paid", value_of("key")),
        returns=output_of("n1"),
        variables=(declared("key", "STR"),),
    )
    thrown = chain(
        throws_event("ev-first", literal(1)),
        waits_for_event("ev-go"),
        throws_event("ev-second", literal(2)),
    )
    masked = event_with_key("ev-paid", literal("secret"), mask_correlation_key=True)
    served.good("PUT", "/v1/wf-specs", {"name": "ev-masked", "spec": chain(masked)})
    served.good("PUT", "/v1/wf-specs", {"name": "ev-waits", "spec": waits})
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "ev-throws", "spec": thrown})


def test_an_event_is_put_read_and_deleted(served: Served) -> None:
    body = {"event_def": "ev-paid", "key": "ev order.1", "content": {"amount": 9}}
    put = served.good("POST", "/v1/correlated-events", body)
    path = "/v1/correlated-events/ev-paid/ev%20order.1"
    read = served.good("GET", f"{path}?at_least={put['position']}")
    assert (read["content"], read["guid"], read["offered"]) == (body["content"], put["guid"], False)
    assert served.good("POST", "/v1/correlated-events", body)["repeated"]
    other = served.refused("POST", "/v1/correlated-events", body | {"content": 1})
    assert other[:2] == (409, "ALREADY_EXISTS")
    served.good("DELETE", path)
    assert served.refused("GET", path)[:2] == (404, "CORRELATED_EVENT_UNKNOWN")
    assert served.refused("DELETE", path)[:2] == (404, "CORRELATED_EVENT_UNKNOWN")


def test_an_event_finds_its_run(served: Served) -> None:
    for number in range(3):
        key = f"ev-{number}"
        wf_run_id = served.run("ev-waits", variables={"key": key})
        body = {"event_def": "ev-paid", "key": key, "content": number}
        served.good("POST", "/v1/correlated-events", body)
        run = served.good("GET", f"/v1/wf-runs/{wf_run_id}?until=ended&wait_ms=10000")
        assert (run["status"], run["output"]) == ("COMPLETED", number)


def test_a_node_run_tells_its_key_unless_it_is_masked(served: Served) -> None:
    keys: list[Any] = []
    for wf_spec, variables in (("ev-waits", {"key": "ev-open"}), ("ev-masked", {})):
        wf_run_id = served.run(wf_spec, variables=variables)
        node_runs = served.good("GET", f"/v1/wf-runs/{wf_run_id}/node-runs")["items"]
        keys.append([node_run["correlation_key"] for node_run in node_runs])
    assert keys == [[None, "ev-open"], [None, "*****"]]


def test_mistakes_are_named(served: Served) -> None:
    plain = {"event_def": "ev-go", "key": "k"}
    refused = served.refused("POST", "/v1/correlated-events", plain)
    assert refused[:2] == (400, "EVENT_DEF_NOT_CORRELATED")
    bad = {"event_def": "ev-paid", "key": "a~b"}
    assert served.refused("POST", "/v1/correlated-events", bad)[:2] == (400, "BAD_ID")
    assert served.refused("GET", "/v1/correlated-events/ev-paid/a~b")[:2] == (400, "BAD_ID")
    definition = served.good("GET", "/v1/external-event-defs/ev-paid")
    assert definition["correlation"] == {"ttl_seconds": 3_600, "delete_after_first": True}
    assert definition["retention"] is None


def test_a_definition_says_how_long_events_are_kept(served: Served) -> None:
    body = {"name": "ev-kept", "retention": {"after_put_s": 60}}
    served.good("PUT", "/v1/external-event-defs", body)
    read = served.good("GET", "/v1/external-event-defs/ev-kept")
    assert read["retention"] == {"after_put_s": 60}
    for wrong in ({"after_put_s": -1}, {}, {"after_put_s": 1, "more": 2}):
        refused = served.refused("PUT", "/v1/external-event-defs", body | {"retention": wrong})
        assert refused[0] == 400


def test_thrown_events_can_be_waited_for(served: Served) -> None:
    wf_run_id = served.run("ev-throws")
    path = f"/v1/wf-runs/{wf_run_id}/workflow-events"
    assert [item["content"] for item in served.good("GET", path)["items"]] == [1]
    assert served.good("GET", path + "?def=ev-second&wait_ms=50")["items"] == []
    answers: list[Any] = []
    waiting = threading.Thread(
        target=lambda: answers.append(served.good("GET", path + "?from=1&wait_ms=20000"))
    )
    waiting.start()
    served.good("POST", "/v1/external-events", {"wf_run_id": wf_run_id, "event_def": "ev-go"})
    waiting.join(20)
    [item] = answers[0]["items"]
    assert (item["number"], item["workflow_event_def"], item["content"]) == (1, "ev-second", 2)
    assert item["def_number"] == 0
    second = served.good("GET", path + "?def=ev-second&wait_ms=20000")["items"]
    assert second == [item]
    unknown = served.refused("GET", "/v1/wf-runs/nowhere/workflow-events")
    assert unknown[:2] == (404, "WF_RUN_UNKNOWN")
