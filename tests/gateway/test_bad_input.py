"""What a client can do wrong, and the code and status that tell it so. Nothing of it reaches a fold
as a defect.
"""

import json
from typing import Any

import pytest

from penstock.log.port import Message
from tests.controls import chain
from tests.gateway.served import Served, one_task, shape_of_error, wait_until

RUN = {"wf_spec": "bad"}
REPORT: dict[str, Any] = {
    "wf_run_id": "none",
    "guid": "x",
    "attempt": 1,
    "status": "TASK_SUCCESS",
}


@pytest.fixture(scope="module", autouse=True)
def specs(served: Served) -> None:
    served.a_task_def("bad-work", input_vars=[{"name": "n", "type": "INT"}])
    spec = one_task("bad", "bad-work", inputs={"n": {"from": "VARIABLE", "name": "n"}})
    spec["spec"]["threads"]["main"]["variables"] = [
        {"name": "n", "type": "INT", "default": 1},
        {"name": "text", "type": "STR"},
        {"name": "any", "type": "JSON_OBJ"},
    ]
    served.good("PUT", "/v1/wf-specs?wait=all", spec)
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "bad-event"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/wf-runs", {"wf_spec": "nobody"}, 404, "SPEC_UNKNOWN"),
        ("POST", "/v1/wf-runs", {"wf_spec": "bad", "version": 7}, 404, "SPEC_UNKNOWN"),
        ("POST", "/v1/wf-runs", {"wf_spec": "bad", "version": -1}, 404, "SPEC_UNKNOWN"),
        ("POST", "/v1/wf-runs", {"wf_spec": 1}, 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs", {"wf_spec": "bad\0"}, 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs", {}, 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs", [], 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs", "x", 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs", {**RUN, "colour": "red"}, 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs", {**RUN, "wf_run_id": "../../x"}, 400, "BAD_ID"),
        ("POST", "/v1/wf-runs", {**RUN, "wf_run_id": "a/b"}, 400, "BAD_ID"),
        ("POST", "/v1/wf-runs", {**RUN, "wf_run_id": ""}, 400, "BAD_ID"),
        ("POST", "/v1/wf-runs", {**RUN, "wf_run_id": "x" * 300}, 400, "BAD_ID"),
        ("POST", "/v1/wf-runs", {**RUN, "variables": {"n": "one"}}, 400, "BAD_VALUE"),
        ("POST", "/v1/wf-runs", {**RUN, "variables": {"m": 1}}, 400, "VARIABLE_UNKNOWN"),
        ("POST", "/v1/wf-runs", {**RUN, "variables": [1]}, 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs", {**RUN, "variables": {"text": "x" * 300_000}}, 400, "BAD_VALUE"),
        ("POST", "/v1/wf-runs", {**RUN, "variables": {"text": "x" * 950_000}}, 413, "TOO_LARGE"),
        ("POST", "/v1/wf-runs", {**RUN, "variables": {"text": "x" * 1_100_000}}, 413, "TOO_LARGE"),
        ("POST", "/v1/wf-runs", {**RUN, "variables": {"n": 2**63}}, 400, "BAD_VALUE"),
        ("POST", "/v1/wf-runs", {**RUN, "labels": {"a": 1}}, 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs", {**RUN, "labels": {str(n): "" for n in range(65)}}, 422, "LIMIT"),
        ("GET", "/v1/wf-runs/none", None, 404, "WF_RUN_UNKNOWN"),
        ("GET", "/v1/wf-runs/none/node-runs", None, 404, "WF_RUN_UNKNOWN"),
        ("GET", "/v1/wf-runs/none/history", None, 404, "WF_RUN_UNKNOWN"),
        ("GET", "/v1/wf-runs/%2e%2e", None, 400, "BAD_ID"),
        ("GET", "/v1/wf-runs/a%00r", None, 400, "BAD_ID"),
        ("GET", "/v1/wf-runs/a%2fb", None, 404, "NOT_FOUND"),
        ("GET", "/v1/wf-runs/" + "x" * 300, None, 400, "BAD_ID"),
        ("GET", "/v1/wf-runs/none?until=never", None, 400, "BAD_REQUEST"),
        ("GET", "/v1/wf-runs/none?wait_ms=x", None, 400, "BAD_REQUEST"),
        ("GET", "/v1/wf-runs/none?wait_ms=60001", None, 400, "BAD_REQUEST"),
        ("GET", "/v1/wf-runs?limit=0", None, 400, "BAD_REQUEST"),
        ("GET", "/v1/wf-runs?cursor=!!!", None, 400, "BAD_REQUEST"),
        ("GET", "/v1/wf-runs?cursor=eHg", None, 400, "BAD_REQUEST"),
        ("GET", "/v1/task-defs?cursor=%C3%A4", None, 400, "BAD_REQUEST"),
        ("GET", "/v1/task-defs/nobody", None, 404, "TASK_DEF_UNKNOWN"),
        ("GET", "/v1/task-defs/a..b", None, 400, "BAD_NAME"),
        ("GET", "/v1/external-event-defs/nobody", None, 404, "EVENT_DEF_UNKNOWN"),
        ("GET", "/v1/wf-specs/nobody", None, 404, "SPEC_UNKNOWN"),
        ("GET", "/v1/wf-specs/bad?version=x", None, 400, "BAD_REQUEST"),
        ("PUT", "/v1/task-defs", {"name": "a b"}, 400, "BAD_NAME"),
        ("PUT", "/v1/task-defs", {"name": "ok", "return_type": "TEXT"}, 400, "BAD_TYPE"),
        ("PUT", "/v1/task-defs?wait=some", {"name": "ok"}, 400, "BAD_REQUEST"),
        ("PUT", "/v1/wf-specs", {"name": "x", "spec": {"entrypoint": 1}}, 400, "BAD_SPEC"),
        ("PUT", "/v1/wf-specs", {"name": "x", "spec": 2**62}, 400, "BAD_SPEC"),
        ("PUT", "/v1/wf-specs", one_task("x", "nobody"), 400, "DEFINITION_UNKNOWN"),
        ("POST", "/v1/wf-runs/none/actions/stop", {}, 404, "WF_RUN_UNKNOWN"),
        ("POST", "/v1/wf-runs/none/actions/stop", {"thread": -1}, 404, "WF_RUN_UNKNOWN"),
        ("POST", "/v1/wf-runs/none/actions/stop", {"thread": "0"}, 400, "BAD_REQUEST"),
        ("POST", "/v1/wf-runs/none/actions/resume", {}, 404, "WF_RUN_UNKNOWN"),
        ("POST", "/v1/tasks/report", REPORT, 404, "TASK_RUN_UNKNOWN"),
        ("POST", "/v1/tasks/report", {**REPORT, "status": "DONE"}, 400, "BAD_REQUEST"),
        (
            *("POST", "/v1/tasks/report", {**REPORT, "status": "TASK_RUNNING"}),
            *(400, "STATUS_NOT_REPORTABLE"),
        ),
        ("POST", "/v1/task-queues/nobody/poll", {"worker": "w"}, 404, "TASK_DEF_UNKNOWN"),
        ("POST", "/v1/task-queues/bad-work/poll", {}, 400, "BAD_REQUEST"),
        ("POST", "/v1/task-queues/bad-work/poll", {"worker": ""}, 400, "BAD_REQUEST"),
        (
            *("POST", "/v1/task-queues/bad-work/poll", {"worker": "w", "tasks_max": 0}),
            *(400, "BAD_REQUEST"),
        ),
        (
            *("POST", "/v1/external-events", {"wf_run_id": "r", "event_def": "nobody"}),
            *(404, "EVENT_DEF_UNKNOWN"),
        ),
        (
            "POST",
            "/v1/external-events",
            {"wf_run_id": "r", "event_def": "bad-event", "guid": "a b"},
            *(400, "BAD_ID"),
        ),
        ("GET", "/v1/nothing", None, 404, "NOT_FOUND"),
        ("GET", "/nowhere", None, 404, "NOT_FOUND"),
        ("DELETE", "/v1/wf-runs", None, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/dead-letters?limit=x", None, 400, "BAD_REQUEST"),
    ],
)
@pytest.mark.fault(33, 38)
def test_a_mistake_has_its_code(
    served: Served, method: str, path: str, body: Any, status: int, code: str
) -> None:
    assert served.refused(method, path, body)[:2] == (status, code)


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("wf-runs?status=NOPE", "RUNNING, HALTING"),
        ("wf-runs?wf_spec=bad&variable=n:1&status=NOPE", "RUNNING, HALTING"),
        ("node-runs?status=NOPE", "STARTING, RUNNING"),
        ("node-runs?type=NOPE", "ENTRYPOINT, EXIT, TASK"),
        ("task-runs?status=TASK_FAILED&status=NOPE", "TASK_PENDING, TASK_SCHEDULED"),
        ("task-runs?view=kestra&status=TASK_FAILED", "CREATED, RUNNING"),
        ("task-runs?view=wundaflow&status=RUNNING", "none, pending"),
        ("task-runs/per-day?status=NOPE", "TASK_PENDING, TASK_SCHEDULED"),
        ("counts/wf-runs?status=NOPE", "RUNNING, HALTING"),
        ("counts/node-runs?type=NOPE", "ENTRYPOINT, EXIT, TASK"),
        ("counts/task-runs?status=NOPE", "TASK_PENDING, TASK_SCHEDULED"),
        ("user-task-runs?status=NOPE", "UNASSIGNED, ASSIGNED"),
        ("schedules?status=NOPE", "ACTIVE, PAUSED"),
        ("webhook-deliveries?status=NOPE", "pending, delivered"),
    ],
)
def test_a_search_for_a_word_that_there_is_not_is_refused(
    served: Served, path: str, named: str
) -> None:
    """Those that there are stand in the answer: an empty list would say that all is well."""
    status, code, message = served.refused("GET", f"/v1/{path}")
    assert (status, code) == (400, "BAD_REQUEST")
    assert f"must be one of {named}" in message


def test_the_faults_of_a_spec_are_told_one_by_one(served: Served) -> None:
    """Each under a stable name, with the thread and the node; other errors have no faults."""
    spec = chain({"type": "SLEEP"}, {"type": "TASK"}) | {"parent": "nobody"}
    error = served.call("PUT", "/v1/wf-specs", {"name": "x", "spec": spec}).json()["error"]
    assert [(one["fault"], one["thread"], one["node"]) for one in error["faults"]] == [
        ("SLEEP_CHOICE", "main", "n1"),
        ("TASK_CHOICE", "main", "n2"),
        ("PARENT_UNKNOWN", None, None),
    ]
    assert error["faults"][0]["message"] == "a SLEEP has either seconds or until"
    assert "faults" not in served.call("GET", "/v1/nothing").json()["error"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "BAD_JSON"),
        ("nonsense", "BAD_JSON"),
        ('{"wf_spec": "bad",}', "BAD_JSON"),
        ('{"wf_spec": "bad", "wf_spec": "bad"}', "BAD_JSON"),
        ('{"wf_spec": "bad", "variables": {"any": {"a": 1, "a": 2}}}', "BAD_JSON"),
        ('{"wf_spec": "bad", "variables": {"n": NaN}}', "BAD_JSON"),
        ('{"wf_spec": "bad", "variables": {"n": -Infinity}}', "BAD_JSON"),
        ('{"wf_spec": "bad", "variables": {"n": 1e999}}', "BAD_JSON"),
        ('{"wf_spec": "bad", "variables": {"n": %s}}' % ("1" * 100_000), "BAD_JSON"),
        ('{"wf_spec": "bad", "variables": {"n": 0.%s}}' % ("1" * 101), "BAD_JSON"),
        ('{"wf_spec": "bad", "variables": {"n": %s}}' % ("1" * 90), "BAD_VALUE"),
        ('{"wf_spec": "bad", "variables": {"text": "\\ud800"}}', "BAD_JSON"),
        ('{"wf_spec": "\\udfff"}', "BAD_JSON"),
        ('{"wf_spec": ' + "[" * 100 + "1" + "]" * 100 + "}", "BAD_JSON"),
        ("[" * 500_000, "BAD_JSON"),
        (
            '{"wf_spec": "bad", "variables": {"any": %s}}' % ('{"a":' * 63 + "1" + "}" * 63),
            "BAD_JSON",
        ),
        ("\ufeff{}", "BAD_JSON"),
    ],
)
@pytest.mark.fault(37)
def test_json_that_is_not_taken(served: Served, text: str, code: str) -> None:
    response = served.http.post("/v1/wf-runs", content=text)
    assert shape_of_error(response)[:2] == (400, code)


def test_bytes_that_are_no_text_are_not_taken(served: Served) -> None:
    response = served.http.post("/v1/wf-runs", content=b'{"wf_spec": "\xff"}')
    assert shape_of_error(response)[:2] == (400, "BAD_JSON")


@pytest.mark.fault(37)
def test_a_value_survives_as_it_is(served: Served) -> None:
    value = {
        "text": 'quotes " \\ \u0000 \u202e rtl, 𝄞 four bytes, [[[[ {{{{',
        "numbers": [0, -1, 2**53, -(2**63), 2**63 - 1, 1.5, 1e300],
        "deep": json.loads("[" * 50 + "]" * 50),
        "none": None,
        "": {"": []},
    }
    wf_run_id = served.run("bad", variables={"any": value})
    shown = served.good("GET", f"/v1/wf-runs/{wf_run_id}/variables")["items"]
    assert next(one["value"] for one in shown if one["name"] == "any") == value


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Penstock-Tenant", "No", "BAD_NAME"),
        ("Penstock-Tenant", "a--b", "BAD_NAME"),
        ("Penstock-Tenant", "x" * 41, "BAD_NAME"),
        ("Penstock-Command-Id", "x" * 129, "BAD_ID"),
        ("Penstock-Command-Id", "a b", "BAD_ID"),
    ],
)
def test_bad_headers_are_named(served: Served, header: str, value: str, code: str) -> None:
    response = served.http.post("/v1/wf-runs", json=RUN, headers={header: value})
    assert shape_of_error(response)[:2] == (400, code)


def test_noise_on_the_log_becomes_a_dead_letter(served: Served) -> None:
    commands = served.made.topics.commands
    before = served.good("GET", "/v1/dead-letters")["total"]
    position = served.made.log.append_and_wait(Message(commands, b"noise", b"\x00\x01noise"))
    wait_until(lambda: served.good("GET", "/v1/dead-letters")["total"] == before + 1)
    letter = served.good("GET", "/v1/dead-letters?limit=1")["items"][0]

    assert (letter["partition"], letter["offset"]) == (position.partition, position.offset)
    assert (letter["code"], letter["key"]) == ("MALFORMED", "bm9pc2U=")
    assert served.run("bad")
