"""Counts of runs, tasks and user tasks, over all partitions and by time."""

from penstock.core.limits import WINDOW_MS
from penstock.core.values.timestamps import timestamp_ms, timestamp_text
from tests.controls import chain, user_task
from tests.gateway.served import Served

RUNS = 7
SPEC = "/v1/wf-specs/counted-job/counts"
TASK = "/v1/task-defs/counted-work/counts"


def test_all_partitions_are_counted_together(served: Served) -> None:
    served.a_task_def("counted-work")
    served.a_wf_spec("counted-job", "counted-work")
    for _ in range(RUNS):
        served.run("counted-job")
    done = 0
    while done < RUNS:
        for task in served.poll("counted-work"):
            served.succeed(task)
            done += 1
    [all_of_it] = served.good("GET", f"{SPEC}?bucket=all")["items"]
    assert all_of_it["from"] is None
    assert {what: one["count"] for what, one in all_of_it["counts"].items()} == {
        "started": RUNS,
        "completed": RUNS,
    }
    ended = all_of_it["counts"]["completed"]
    assert 0 <= ended["min_ms"] <= ended["avg_ms"] <= ended["max_ms"]
    [tasks] = served.good("GET", f"{TASK}?bucket=all")["items"]
    assert tasks["counts"]["completed"]["count"] == RUNS
    assert tasks["counts"]["attempt_succeeded"]["count"] == RUNS

    windows = served.good("GET", f"{SPEC}?bucket=window")["items"]
    assert sum(one["counts"].get("started", {"count": 0})["count"] for one in windows) == RUNS
    first_ms = timestamp_ms(windows[0]["from"])
    assert first_ms % WINDOW_MS == 0
    before = served.good("GET", f"{SPEC}?started_before={windows[0]['from']}")
    assert before["items"] == []
    later = timestamp_text(first_ms + 10 * WINDOW_MS)
    assert served.good("GET", f"{SPEC}?started_after={later}")["items"] == []
    assert served.good("GET", SPEC, tenant="another")["items"] == []


def test_user_tasks_are_counted_by_their_form(served: Served) -> None:
    """Each time that one comes to have a status."""
    form = {"name": "counted-form", "fields": [{"name": "ok", "type": "BOOL"}]}
    served.good("PUT", "/v1/user-task-defs?wait=all", form)
    spec = chain(user_task("counted-form", user="ada"))
    served.good("PUT", "/v1/wf-specs?wait=all", {"name": "counted-ask", "spec": spec})
    for _ in range(RUNS):
        run_id = served.run("counted-ask")
        [row] = served.good("GET", f"/v1/wf-runs/{run_id}/user-task-runs")["items"]
        path = f"/v1/user-task-runs/{row['id']}/actions/complete"
        served.good("POST", path, {"user_id": "ada", "results": {"ok": True}})
    [found] = served.good("GET", "/v1/user-task-defs/counted-form/counts?bucket=all")["items"]
    counts = {what: one["count"] for what, one in found["counts"].items()}
    assert counts == {"created": RUNS, "assigned": RUNS, "done": RUNS}
    assert served.good("GET", "/v1/user-task-defs/never/counts")["items"] == []


def test_what_can_not_be_asked_is_refused(served: Served) -> None:
    assert served.refused("GET", f"{SPEC}?bucket=minute")[:2] == (400, "BAD_REQUEST")
    assert served.refused("GET", f"{SPEC}?started_after=soon")[:2] == (400, "BAD_REQUEST")
    assert served.refused("GET", "/v1/wf-specs/a%20b/counts")[:2] == (400, "BAD_NAME")
