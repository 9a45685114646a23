"""Workers over HTTP: a task goes to one of them, once it is started; a stale one to nobody."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from penstock import Client, NotFound
from penstock.contracts.topics import task_group
from penstock.core.tasks.checkpoints import size_of
from penstock.gateway.load import Limits
from penstock.log.port import Message
from tests.gateway.served import Served, serving, shape_of_error, wait_until


def a_queue(served: Served, name: str, **node: Any) -> str:
    served.a_task_def(name)
    served.a_wf_spec(name, name, **node)
    return name


def test_a_task_is_polled_and_reported(served: Served) -> None:
    queue = a_queue(served, "queue-plain")
    wf_run_id = served.run(queue)
    (task,) = served.poll(queue)
    assert set(task) == {
        *("wf_run_id", "guid", "task_def", "attempt", "inputs", "wf_spec", "version", "node"),
        *("scheduled_at", "timeout_ms", "max_attempts"),
        *(
            "heartbeat_timeout_ms",
            "total_checkpoints",
            "checkpoints_bytes",
            "checkpoint",
            "secrets",
        ),
    }
    assert (task["wf_run_id"], task["attempt"], task["node"]) == (wf_run_id, 1, "work")
    running = served.good("GET", f"/v1/wf-runs/{wf_run_id}/task-runs")["items"][0]
    assert (running["status"], running["attempts"][0]["worker"]) == ("TASK_RUNNING", "w")
    served.succeed(task, {"done": True})
    run = served.good("GET", f"/v1/wf-runs/{wf_run_id}")
    assert (run["status"], run["output"]) == ("COMPLETED", {"done": True})


def test_a_worker_may_name_its_version(served: Served) -> None:
    queue = a_queue(served, "queue-version")
    wf_run_id = served.run(queue)
    path = f"/v1/task-queues/{queue}/poll"
    named = {"worker": "w", "worker_version": "2.1", "wait_ms": 10_000}
    assert len(served.good("POST", path, named)["tasks"]) == 1
    running = served.good("GET", f"/v1/wf-runs/{wf_run_id}/task-runs")["items"][0]
    assert running["attempts"][0]["worker_version"] == "2.1"
    long = named | {"worker_version": "x" * 257}
    assert served.refused("POST", path, long)[0] == 400


def test_a_failed_attempt_comes_again_and_the_old_one_is_stale(served: Served) -> None:
    queue = a_queue(served, "queue-retry", max_attempts=2)
    served.run(queue)
    (first,) = served.poll(queue, "one")
    failed = served.report(first, status="TASK_FAILED", error="once")
    (second,) = served.poll(queue, "two")

    assert failed.json()["status"] == "TASK_PENDING"
    assert (second["guid"], second["attempt"]) == (first["guid"], 2)
    stale = served.report(first, status="TASK_SUCCESS")
    assert shape_of_error(stale)[:2] == (409, "ATTEMPT_STALE")
    served.succeed(second)
    again = served.report(second, status="TASK_SUCCESS")
    assert (again.status_code, again.json()["repeated"]) == (200, True)
    other = served.report(second, status="TASK_FAILED", error="after all")
    assert shape_of_error(other)[:2] == (409, "ATTEMPT_ENDED")


def test_a_repeated_record_goes_to_no_second_worker(served: Served) -> None:
    queue = a_queue(served, "queue-repeat")
    served.run(queue)
    (task,) = served.poll(queue, "one")
    topic = served.made.topics.task("default", queue)
    records = [record for number in range(3) for record in served.made.log.read_all(topic, number)]
    assert len(records) == 1
    served.made.log.append_and_wait(Message(topic, records[0].key, records[0].value))
    assert served.poll(queue, "two", wait_ms=300) == []
    served.succeed(task)
    served.made.log.append_and_wait(Message(topic, records[0].key, records[0].value))
    assert served.poll(queue, "two", wait_ms=300) == []


def test_noise_in_the_topic_is_passed_over(served: Served) -> None:
    queue = a_queue(served, "queue-noise")
    topic = served.made.topics.task("default", queue)
    for value in (b"", b"noise", None):
        served.made.log.append_and_wait(Message(topic, b"x", value))
    served.run(queue)
    (task,) = served.poll(queue)
    served.succeed(task)


def test_a_poll_waits_for_a_task_and_gets_it_at_once(served: Served) -> None:
    queue = a_queue(served, "queue-wait")
    got: list[float] = []

    def poll() -> None:
        tasks = served.poll(queue)
        got.append(time.monotonic())
        served.succeed(tasks[0])

    waiting = threading.Thread(target=poll)
    waiting.start()
    time.sleep(0.3)
    assert not got
    served.run(queue)
    started = time.monotonic()
    waiting.join(10)
    assert got[0] - started < 5, "woken, long before the poll's ten seconds are over"


def test_no_tasks_is_an_empty_answer_in_time(served: Served) -> None:
    queue = a_queue(served, "queue-empty")
    begun = time.monotonic()
    assert served.poll(queue, wait_ms=200) == []
    assert 0.15 < time.monotonic() - begun < 10
    assert served.poll(queue, wait_ms=0) == []


def test_many_workers_share_the_tasks_and_each_has_one_worker(served: Served) -> None:
    queue = a_queue(served, "queue-share")
    wanted = {served.run(queue) for _ in range(60)}
    done: list[str] = []

    def work(worker: str) -> None:
        with httpx.Client(base_url=served.url, timeout=20) as http:
            while len(done) < len(wanted):
                body = {"worker": worker, "tasks_max": 5, "wait_ms": 200}
                answer = http.post(f"/v1/task-queues/{queue}/poll", json=body)
                for task in answer.json()["tasks"]:
                    served.succeed(task)
                    done.append(task["wf_run_id"])

    workers = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert sorted(done) == sorted(wanted), "each once"


def test_a_worker_that_is_gone_gets_no_task(served: Served) -> None:
    queue = a_queue(served, "queue-gone")
    url = f"{served.url}/v1/task-queues/{queue}/poll"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json={"worker": "gone", "wait_ms": 20_000}, timeout=0.3)
    wf_run_id = served.run(queue)
    time.sleep(0.3)
    shown = served.good("GET", f"/v1/wf-runs/{wf_run_id}/task-runs")["items"][0]
    assert shown["status"] == "TASK_SCHEDULED"
    (task,) = served.poll(queue, "here")
    served.succeed(task)


def test_an_idle_queue_leaves_its_group_with_its_marks_and_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("idle"), Limits(queue_idle_s=0.1)) as served:
        queue = a_queue(served, "queue-idle")
        for _ in range(9):
            served.run(queue)
        seen = 0
        while seen < 9:
            for task in served.poll(queue, tasks_max=4):
                served.succeed(task)
                seen += 1
        topics = served.made.topics
        others = topics.task("default", queue), task_group(topics, "default", queue)
        with closing(served.made.log.consumer(*others)) as consumer:
            wait_until(lambda: queues_are_closed(served))
            assert consumer.poll(100, 0.3) == [], "all partitions are its own, and all is done"
        served.run(queue)
        (task,) = served.poll(queue)
        served.succeed(task)


def test_a_queue_that_nobody_asks_is_left_to_others(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    limits = Limits(queue_shared_idle_s=0.2)
    with serving(tmp_path_factory.mktemp("shared"), limits) as served:
        queue = a_queue(served, "queue-shared")
        topics = served.made.topics
        others = topics.task("default", queue), task_group(topics, "default", queue)
        served.run(queue)
        (task,) = served.poll(queue)
        served.succeed(task)
        time.sleep(1)
        assert not queues_are_closed(served), "it is the only one, and stays"
        runs = {served.run(queue) for _ in range(9)}
        with closing(served.made.log.consumer(*others)) as consumer:
            wait_until(lambda: queues_are_closed(served))
            seen: set[str] = set()
            while len(seen) < 9:
                for record in consumer.poll(9, 10):
                    seen.add(served.made.avro.decode(record.value)[0].wf_run_id)
            assert seen == runs


def queues_are_closed(served: Served) -> bool:
    queues = served.made.app.state.gateway.queues
    for queue in queues._queues.values():
        if queue.is_closed:
            queue.join(10)
    return all(queue.is_closed for queue in queues._queues.values())


def test_a_worker_is_told_what_is_to_stop(served: Served) -> None:
    """In the answers to its heartbeats and checkpoints, and when it asks."""
    queue = a_queue(served, "queue-stops", max_attempts=2)
    wf_run_id = served.run(queue)
    (task,) = served.poll(queue, "one")
    own = {name: task[name] for name in ("wf_run_id", "guid", "attempt")} | {"worker": "one"}

    def told() -> list[Any]:
        return served.good("POST", "/v1/tasks/stops", {"attempts": [own]})["items"]

    assert told() == []
    beaten = served.good("POST", "/v1/tasks/heartbeat", {**own, "progress": 0.5, "logs": "half"})
    assert (beaten["stop"], beaten["cancel"]) == (None, False)
    kept = served.good("POST", "/v1/tasks/checkpoint", {**own, "number": 0, "value": [1]})
    assert (kept["flow"], kept["total_checkpoints"]) == ("CONTINUE_TASK", 1)

    actions = f"/v1/wf-runs/{wf_run_id}/actions"
    served.good("POST", f"{actions}/restart-task", {"guid": task["guid"]})
    named = {name: own[name] for name in ("wf_run_id", "guid", "attempt")}
    assert told() == [{**named, "stop": "restart"}]
    assert served.good("POST", "/v1/tasks/heartbeat", own)["stop"] == "restart"
    own["worker"] = "another"
    assert told() == [{**named, "stop": "over"}]
    own["worker"] = "one"
    given = served.good("POST", "/v1/tasks/hand-back", own)
    assert given["status"] == "TASK_PENDING"  # another attempt follows in a moment
    assert told() == [{**named, "stop": "over"}]
    (again,) = served.poll(queue, "two")
    assert (again["attempt"], again["total_checkpoints"], again["checkpoint"]) == (2, 1, [1])
    assert again["checkpoints_bytes"] == size_of([1])
    path = f"/v1/wf-runs/{wf_run_id}/task-runs/{{}}/checkpoints"
    (shown,) = served.good("GET", path.format(task["guid"]))["items"]
    assert (shown["number"], shown["value"], shown["attempt"]) == (0, [1], 1)
    assert served.refused("GET", path.format("nobody"))[:2] == (404, "TASK_RUN_UNKNOWN")
    served.good("POST", f"{actions}/shutdown-task", {"guid": task["guid"], "grace_ms": 0})
    assert served.good("GET", f"/v1/wf-runs/{wf_run_id}")["status"] == "ERROR"


def test_what_is_no_list_of_attempts_is_refused(served: Served) -> None:
    path = "/v1/tasks/stops"
    own = {"wf_run_id": "nobody", "guid": "x", "attempt": 1}
    assert served.good("POST", path, {"attempts": [own]})["items"] == [{**own, "stop": "over"}]
    for wrong in (
        *({"attempts": [own | {"guid": ""}]}, {"attempts": [own | {"guid": "a\x00b"}]}),
        *({"attempts": [own | {"wf_run_id": "not an id"}]}, {"attempts": [own] * 1_001}),
        *({}, {"attempts": [{}]}, {"attempts": [own | {"attempt": 2**70}]}),
    ):
        assert served.refused("POST", path, wrong)[0] == 400, wrong


def test_a_backoff_is_ended_by_hand(served: Served) -> None:
    queue = a_queue(served, "queue-now", max_attempts=2, backoff={"base_ms": 3_600_000})
    wf_run_id = served.run(queue)
    (task,) = served.poll(queue, "one")
    served.report(task, status="TASK_FAILED", error="once")
    action = f"/v1/wf-runs/{wf_run_id}/actions/retry-now"
    served.good("POST", action, {"guid": task["guid"]})
    assert served.poll(queue, "one")[0]["attempt"] == 2
    status, code = served.refused("POST", action, {"guid": task["guid"]})[:2]
    assert (status, code) == (409, "TASK_NOT_IN_BACKOFF")


def test_the_workers_of_a_task_def_are_shown(served: Served) -> None:
    """Who has asked, and who asks now."""
    served.a_task_def("tq-workers")
    path = "/v1/task-queues/tq-workers"
    assert served.good("GET", f"{path}/workers")["items"] == []
    served.good("POST", f"{path}/poll", {"worker": "first", "slots": 8})
    [first] = served.good("GET", f"{path}/workers")["items"]
    assert (first["via"], first["worker"], first["host"]) == ("http", "first", None)
    assert first["polled_at"].endswith("Z")
    with ThreadPoolExecutor(1) as threads:
        waits = threads.submit(served.poll, "tq-workers", "second", wait_ms=20_000)
        wait_until(lambda: len(served.good("GET", f"{path}/workers")["items"]) == 2)
        second = served.good("GET", f"{path}/workers")["items"][1]
        assert (second["worker"], second["polled_at"]) == ("second", None)
        assert (first["slots"], second["slots"]) == (8, None), "who says nothing has none"
        served.a_wf_spec("tq-workers", "tq-workers")
        served.run("tq-workers")
        assert len(waits.result()) == 1
    with Client(served.url) as client:
        assert [one.worker for one in client.task_defs.workers("tq-workers")] == ["first", "second"]
        with pytest.raises(NotFound, match="TASK_DEF_UNKNOWN"):
            client.task_defs.workers("tq-nobody")
    other = served.refused("GET", f"{path}/workers", tenant="other")
    assert other[:2] == (404, "TASK_DEF_UNKNOWN")
