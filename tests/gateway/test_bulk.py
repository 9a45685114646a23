"""Bulk jobs over HTTP."""

import time
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.gateway.served import Served, waiting_for_event


@pytest.fixture(scope="module", autouse=True)
def specs(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "bulk-go"})
    spec = waiting_for_event("bulk-event", "bulk-go")
    who = {"name": "who", "type": "STR", "searchable": True}
    spec["spec"]["threads"]["main"]["variables"] = [who]
    served.good("PUT", "/v1/wf-specs?wait=all", spec)


def _ended(served: Served, bulk_id: str) -> Any:
    deadline = time.monotonic() + 30
    while (job := served.good("GET", f"/v1/bulk/{bulk_id}"))["ended_at"] is None:
        assert time.monotonic() < deadline, job
        time.sleep(0.01)
    return job


def test_many_runs_are_counted_stopped_and_killed(served: Served) -> None:
    ids = [served.run("bulk-event", labels={"bulk": "a"}) for _ in range(5)]
    body = {"filter": {"wf_spec": "bulk-event", "label": ["bulk:a"]}, "verb": "stop"}
    counted = served.good("POST", "/v1/bulk", body | {"dry_run": True})
    assert _ended(served, counted["bulk_id"])["matched"] == 5
    first = served.call("POST", "/v1/bulk", body, command_id="bulk-stop")
    again = served.call("POST", "/v1/bulk", body, command_id="bulk-stop")
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["bulk_id"] == again.json()["bulk_id"]
    job = _ended(served, first.json()["bulk_id"])
    assert (job["status"], job["matched"], job["done"], job["refused"]) == ("COMPLETED", 5, 5, {})
    assert job["filter"]["label"] == ["bulk:a"]
    for wf_run_id in ids:
        assert served.good("GET", f"/v1/wf-runs/{wf_run_id}")["status"] == "HALTED"
    history = served.good("GET", f"/v1/wf-runs/{ids[0]}/history")["items"]
    assert job["bulk_id"] in [fact.get("bulk_id") for fact in history]
    kill = {"filter": {"wf_run_ids": [*ids, "nobody"]}, "verb": "kill"}
    killed = _ended(served, served.good("POST", "/v1/bulk", kill)["bulk_id"])
    assert (killed["done"], killed["refused"]) == (5, {"WF_RUN_UNKNOWN": 1})
    assert killed["refusals"][0]["wf_run_id"] == "nobody"


def test_jobs_are_listed_by_pages_and_cancelled(served: Served) -> None:
    made = set()
    for _ in range(3):
        body = {"filter": {"wf_spec": "bulk-nobody"}, "verb": "stop"}
        made.add(served.good("POST", "/v1/bulk", body)["bulk_id"])
    found, cursor = set(), ""
    while cursor is not None:
        asked = f"/v1/bulk?limit=2{f'&cursor={cursor}' if cursor else ''}"
        answer = served.good("GET", asked)
        found |= {item["bulk_id"] for item in answer["items"]}
        cursor = answer["cursor"]
    assert made <= found
    bulk_id = made.pop()
    _ended(served, bulk_id)
    assert served.refused("POST", f"/v1/bulk/{bulk_id}/cancel", {})[:2] == (409, "BULK_ENDED")
    other = served.refused("GET", f"/v1/bulk/{bulk_id}", tenant="other")
    assert other[:2] == (404, "BULK_UNKNOWN")


def test_a_wrong_job_is_refused(served: Served) -> None:
    for body, code in (
        ({"filter": {}, "verb": "kill"}, "BAD_FILTER"),
        ({"verb": "kill"}, "BAD_REQUEST"),
        ({"filter": {"spec": "a"}, "verb": "kill"}, "BAD_REQUEST"),
        ({"filter": {"status": ["SLEEPING"]}, "verb": "kill"}, "BAD_REQUEST"),
        ({"filter": {"all": True}, "verb": "explode"}, "VERB_UNKNOWN"),
        ({"filter": {"all": True}, "verb": "kill", "arguments": {"speed": 1}}, "BAD_VALUE"),
    ):
        assert served.refused("POST", "/v1/bulk", body)[:2] == (400, code)
    assert served.refused("GET", "/v1/bulk/nobody")[:2] == (404, "BULK_UNKNOWN")
    assert served.refused("POST", "/v1/bulk/nobody/cancel", {})[:2] == (404, "BULK_UNKNOWN")


def test_a_filter_has_the_words_of_a_search(served: Served) -> None:
    """What the search finds by them is what the job is about, and they are shown again."""
    ids = [f"bulk-words-{number}" for number in range(3)]
    for wf_run_id, n in zip(ids, (1, 2, 2), strict=True):
        told = {"labels": {"n": str(n), "who": "me:you"}, "variables": {"who": wf_run_id}}
        served.run("bulk-event", wf_run_id=wf_run_id, **told)
    whole = [served.good("GET", f"/v1/wf-runs/{wf_run_id}") for wf_run_id in ids]
    last = max(one["started_at"] for one in whole)
    words: list[dict[str, Any]] = [
        {"label": ["who:me:you"]},
        {"label": ["n:2", "who:me:you"]},
        {"label": ["who:me:you"], "started_after": last},
        {"label": ["who:me:you"], "started_before": last},
        {"label": ["who:me:you"], "version": 1, "status": ["RUNNING", "HALTED"]},
        {"label": ["who:me:you"], "status": ["COMPLETED"]},
        {"label": ["who:me:you"], "q": ids[1].upper()},
        {"label": ["who:me:you"], "q": "N:2"},
        {"label": ["who:me:you"], "namespace": "bulk-event"},
        {"label": ["who:me:you"], "namespace": "bulk"},
        {"label": ["who:me:you"], "major": 0, "revision": 0},
        {"label": ["who:me:you"], "major": 1},
        {"label": ["who:me:you"], "child_filter": "MAIN"},
        {"label": ["who:me:you"], "child_filter": "CHILD"},
        {"label": ["who:me:you"], "trigger_wf_run_id": ids[0]},
        {"variable": [f"who:{ids[2]}"]},
        {"variable": ["who:nobody"], "version": 1},
    ]
    matched = 0
    for some in words:
        asked = {"wf_spec": "bulk-event", **some}
        found = served.good("GET", f"/v1/wf-runs?{urlencode(asked, doseq=True)}")["items"]
        body = {"filter": asked, "verb": "stop", "dry_run": True}
        job = _ended(served, served.good("POST", "/v1/bulk", body)["bulk_id"])
        assert job["matched"] == len(found), some
        matched += len(found) > 0
        assert {name: job["filter"][name] for name in asked} == asked
    assert matched >= 8
    later = {"filter": {"ended_before": "2026-01-31T12:00:00+02:00"}, "verb": "stop"}
    job = _ended(served, served.good("POST", "/v1/bulk", later | {"dry_run": True})["bulk_id"])
    assert job["filter"]["ended_before"] == "2026-01-31T10:00:00.000Z"
    for wrong, code in (
        ({"label": ["who"]}, "BAD_REQUEST"),
        ({"label": ["n:1", "n:2"]}, "BAD_REQUEST"),
        ({"labels": {"n": "1"}}, "BAD_REQUEST"),
        ({"started_after_ms": 1}, "BAD_REQUEST"),
        ({"started_after": "yesterday"}, "BAD_REQUEST"),
        ({"started_after": "2026-01-31T12:00:00"}, "BAD_REQUEST"),
        ({"started_after": "1969-12-31T12:00:00Z"}, "BAD_FILTER"),
        ({"version": 1}, "BAD_FILTER"),
        ({"major": 1}, "BAD_FILTER"),
        ({"wf_spec": "bulk-event", "version": -1, "variable": ["who:a"]}, "BAD_FILTER"),
        ({"q": ""}, "BAD_FILTER"),
        ({"child_filter": "SOME", "wf_spec": "bulk-event"}, "BAD_REQUEST"),
        ({"wf_spec": "bulk-event", "variable": ["who"]}, "BAD_FILTER"),
        ({"wf_spec": "bulk-event", "variable": ["whom:a"]}, "VARIABLE_UNKNOWN"),
    ):
        refused = served.refused("POST", "/v1/bulk", {"filter": wrong, "verb": "stop"})
        assert refused[:2] == (400, code), wrong
