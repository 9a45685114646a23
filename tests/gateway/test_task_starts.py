"""Tasks that are started for a worker who does not hear of it: they are his, or handed back."""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

import pytest

from penstock.gateway.load import Limits
from tests.gateway.served import Served, serving, shape_of_error, wait_until
from tests.gateway.test_load import the_fold_held
from tests.gateway.test_task_queues import a_queue

ANSWER_S = 4.0


def poll_is_late(served: Served, queue: str, worker: str) -> None:
    """The fold takes longer than the gateway waits; it starts the task all the same."""
    path, body = f"/v1/task-queues/{queue}/poll", {"worker": worker, "wait_ms": 10_000}
    with the_fold_held(served):
        late = served.call("POST", path, body)
        assert shape_of_error(late)[:2] == (504, "ANSWER_TIMEOUT")


def test_a_worker_who_was_told_nothing_gets_his_task_when_he_asks_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    limits = Limits(answer_timeout_s=ANSWER_S, started_kept_s=600.0)
    with serving(tmp_path_factory.mktemp("kept"), limits) as served:
        queue = a_queue(served, "starts-kept")
        wf_run_id = served.run(queue)
        poll_is_late(served, queue, "one")
        assert served.poll(queue, "two", wait_ms=300) == []
        (task,) = served.poll(queue, "one")
        assert (task["wf_run_id"], task["attempt"]) == (wf_run_id, 1)
        served.succeed(task)
        assert served.good("GET", f"/v1/wf-runs/{wf_run_id}")["status"] == "COMPLETED"


def test_what_was_started_for_one_who_does_not_come_back_is_begun_anew(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    limits = Limits(answer_timeout_s=ANSWER_S, started_kept_s=0.2)
    with serving(tmp_path_factory.mktemp("late"), limits) as served:
        queue = a_queue(served, "starts-late")
        wf_run_id = served.run(queue)
        poll_is_late(served, queue, "one")
        is_begun_anew(served, queue, wf_run_id, "one")


def test_what_was_started_for_one_who_went_meanwhile_is_begun_anew(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    limits = Limits(answer_timeout_s=ANSWER_S, started_kept_s=0.2)
    with serving(tmp_path_factory.mktemp("gone"), limits) as served:
        queue = a_queue(served, "starts-gone")
        wf_run_id = served.run(queue)
        engine = served.made.app.state.gateway.engine
        with the_fold_held(served):
            wait_until(lambda: engine.in_flight == 0)
            polling = poll_without_waiting(served, queue, "gone")
            wait_until(lambda: engine.in_flight == 1)
            polling.close()
            for _ in range(3):  # behind these, the server has seen that he has gone
                served.good("GET", "/healthz")
        is_begun_anew(served, queue, wf_run_id, "gone")


def is_begun_anew(served: Served, queue: str, wf_run_id: str, before: str) -> None:
    (task,) = served.poll(queue, "two")
    assert (task["wf_run_id"], task["attempt"]) == (wf_run_id, 2)
    served.succeed(task)
    assert served.good("GET", f"/v1/wf-runs/{wf_run_id}")["status"] == "COMPLETED"
    [task_run] = served.good("GET", f"/v1/wf-runs/{wf_run_id}/task-runs")["items"]
    ends = [(one["worker"], one["status"]) for one in task_run["attempts"]]
    assert ends == [(before, "TASK_CANCELLED"), ("two", "TASK_SUCCESS")]


def poll_without_waiting(served: Served, queue: str, worker: str) -> socket.socket:
    content = json.dumps({"worker": worker, "wait_ms": 20_000}).encode()
    head = (
        f"POST /v1/task-queues/{queue}/poll HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    parts = urlsplit(served.url)
    made = socket.create_connection((parts.hostname, parts.port))
    made.sendall(head.encode() + content)
    return made
