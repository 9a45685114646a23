"""User tasks over HTTP."""

from typing import Any

import pytest

from tests.controls import chain, output_of, user_task
from tests.gateway.served import Served

FORM = {"name": "ut-agree", "fields": [{"name": "agreed", "type": "BOOL"}]}


@pytest.fixture(scope="module", autouse=True)
def _registered(served: Served) -> None:
    served.good("PUT", "/v1/user-task-defs?wait=all", FORM)
    node = user_task("ut-agree", user="Ada L.", group="sales")
    spec = {"name": "ut-ask", "spec": chain(node, returns=output_of("n1"))}
    served.good("PUT", "/v1/wf-specs?wait=all", spec)


def asked(served: Served) -> tuple[str, str]:
    """A run that waits, and the path of its user task."""
    run_id = served.run("ut-ask")
    [row] = served.good("GET", f"/v1/wf-runs/{run_id}/user-task-runs")["items"]
    return run_id, f"/v1/user-task-runs/{row['id']}"


def found(served: Served, query: str) -> list[Any]:
    """The ids of all pages of a search."""
    ids: list[Any] = []
    path = f"/v1/user-task-runs?limit=1&{query}"
    answer = served.good("GET", path)
    ids += [row["id"] for row in answer["items"]]
    while answer["cursor"] is not None:
        answer = served.good("GET", f"{path}&cursor={answer['cursor']}")
        ids += [row["id"] for row in answer["items"]]
    return ids


def test_forms_have_versions(served: Served) -> None:
    served.good("PUT", "/v1/user-task-defs", {"name": "ut-two"})
    second = served.good("PUT", "/v1/user-task-defs", {"name": "ut-two", "description": "more"})
    assert second["version"] == 2
    assert {"name": "ut-two", "version": 2} in served.good("GET", "/v1/user-task-defs")["items"]
    assert served.good("GET", "/v1/user-task-defs/ut-two?version=1")["description"] == ""
    served.good("DELETE", "/v1/user-task-defs/ut-two?version=2")
    assert served.good("GET", "/v1/user-task-defs/ut-two")["version"] == 1
    assert (
        served.good("PUT", "/v1/user-task-defs", {"name": "ut-two", "description": "x"})["version"]
        == 3
    )
    for path in ("ut-nothing", "ut-two?version=9"):
        refused = served.refused("GET", f"/v1/user-task-defs/{path}")
        assert refused[:2] == (404, "USER_TASK_DEF_UNKNOWN")
    refused = served.refused("DELETE", "/v1/user-task-defs/ut-two?version=2")
    assert refused[:2] == (404, "USER_TASK_DEF_UNKNOWN")


def test_a_user_task_is_claimed_commented_and_completed(served: Served) -> None:
    run_id, path = asked(served)
    assert served.good("GET", path)["user_id"] == "Ada L."
    [_, node] = served.good("GET", f"/v1/wf-runs/{run_id}/node-runs")["items"]
    assert path.endswith(node["user_task"])
    served.good("POST", path + "/actions/release")
    served.good("POST", path + "/actions/claim", {"user_id": "bob"})
    served.good("POST", path + "/actions/save", {"user_id": "bob", "results": {"agreed": False}})
    assert served.good("GET", path)["results"] == {"agreed": False}
    body = {"user_id": "bob", "text": "hm"}
    assert served.good("POST", path + "/comments", body)["comment"] == 1
    served.good("PUT", path + "/comments/1", body | {"text": "well"})
    assert served.good("GET", path + "/comments")["items"][0]["text"] == "well"
    served.good("DELETE", path + "/comments/1?user_id=bob")
    results = {"user_id": "bob", "results": {"agreed": True}}
    answer = served.good("POST", path + "/actions/complete", results)
    assert answer["status"] == "DONE"
    run = served.good("GET", f"/v1/wf-runs/{run_id}?until=ended&wait_ms=10000")
    assert (run["status"], run["output"]) == ("COMPLETED", {"agreed": True})
    kinds = [event["kind"] for event in served.good("GET", path + "/events")["items"]]
    assert kinds[:4] == ["ASSIGNED", "ASSIGNED", "ASSIGNED", "SAVED"]
    assert kinds[-1] == "COMPLETED"


def test_user_tasks_are_found(served: Served) -> None:
    before = set(found(served, "user_id=Ada%20L.&status=ASSIGNED"))
    ids = {asked(served)[1].removeprefix("/v1/user-task-runs/") for _ in range(5)}
    for query in (
        "user_id=Ada%20L.",
        "user_id=Ada%20L.&user_group=sales&status=ASSIGNED",
        "user_group=sales&user_task_def=ut-agree",
        "user_task_def=ut-agree&status=ASSIGNED",
        "status=ASSIGNED",
        "",
    ):
        rows = found(served, query)
        assert len(rows) == len(set(rows))
        assert ids <= set(rows)
    assert set(found(served, "user_id=Ada%20L.&status=ASSIGNED")) == ids | before
    assert found(served, "user_id=nobody") == []
    assert found(served, "user_id=Ada%20L.&user_group=tax") == []


def test_what_is_wrong_is_refused_by_name(served: Served) -> None:
    run_id, path = asked(served)
    wrong = [
        ("GET", f"/v1/user-task-runs/{run_id}/nothing", None, 404, "USER_TASK_UNKNOWN"),
        ("GET", "/v1/user-task-runs/none/nothing", None, 404, "WF_RUN_UNKNOWN"),
        ("GET", "/v1/user-task-runs?status=ASLEEP", None, 400, "BAD_REQUEST"),
        ("GET", "/v1/user-task-runs?user_id=", None, 400, "BAD_ID"),
        ("GET", "/v1/user-task-runs?cursor=eHg", None, 400, "BAD_REQUEST"),
        ("POST", path + "/actions/claim", {"user_id": "bob"}, 409, "USER_TASK_CLAIMED"),
        ("POST", path + "/actions/claim", {"user_id": ""}, 400, "BAD_ID"),
        ("POST", path + "/actions/claim", {}, 400, "BAD_REQUEST"),
        ("POST", path + "/actions/claim", {"guid": "g", "user_id": "x"}, 400, "BAD_REQUEST"),
        ("POST", path + "/actions/complete", {"user_id": "Ada L."}, 400, "FIELD_REQUIRED"),
        ("POST", path + "/actions/assign", {}, 400, "BAD_VALUE"),
        ("PUT", path + "/comments/7", {"user_id": "a", "text": "b"}, 404, "COMMENT_UNKNOWN"),
        ("DELETE", path + f"/comments/{2**63}?user_id=a", None, 404, "COMMENT_UNKNOWN"),
        ("DELETE", path + "/comments/1", None, 400, "BAD_REQUEST"),
    ]
    for method, at, body, status, code in wrong:
        assert served.refused(method, at, body)[:2] == (status, code), (method, at)
    assert served.good("POST", path + "/actions/cancel")["status"] == "CANCELLED"
    refused = served.refused("POST", path + "/actions/release")
    assert refused[:2] == (409, "USER_TASK_ENDED")
