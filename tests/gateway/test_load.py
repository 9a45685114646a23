"""What happens at the edges of load and time: new work is refused first, and a deadline loses
nothing (R18).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from penstock.core.commands.tick import Tick
from penstock.core.errors import Code
from penstock.gateway.errors import STATUS_OF, EdgeCode
from penstock.gateway.load import ALWAYS_TAKEN, Limits
from penstock.gateway.routes.tasks import WORDS
from penstock.processor.errors import StopCause
from tests.gateway.served import Served, serving, shape_of_error, wait_until

HOLD_S = 20.0


@pytest.mark.parametrize("code", [*Code, *EdgeCode, *StopCause])
def test_every_code_has_a_status(code: Code | EdgeCode | StopCause) -> None:
    assert 400 <= STATUS_OF[code] < 600


def test_r18_new_work_is_refused_and_reports_and_stops_pass(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("full"), Limits(in_flight_max=0)) as served:
        response = served.call("POST", "/v1/wf-runs", {"wf_spec": "x"})
        assert shape_of_error(response)[:2] == (429, "OVERLOADED")
        assert response.headers["Retry-After"] == "1"
        stop = served.refused("POST", "/v1/wf-runs/none/actions/stop")
        assert stop[:2] == (404, "WF_RUN_UNKNOWN")
        report = {"wf_run_id": "none", "guid": "x", "attempt": 1, "status": "TASK_SUCCESS"}
        reported = served.refused("POST", "/v1/tasks/report", report)
        assert reported[:2] == (404, "TASK_RUN_UNKNOWN")


def test_a_deadline_loses_nothing_and_the_same_id_gets_the_answer(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    put = ("PUT", "/v1/task-defs", {"name": "late"})
    with serving(tmp_path_factory.mktemp("slow"), Limits(answer_timeout_s=0.3)) as served:
        with the_fold_held(served):
            late = served.call(*put, command_id="late-1")
            assert shape_of_error(late)[:2] == (504, "ANSWER_TIMEOUT")
            assert "late-1" in late.text
            assert served.made.app.state.gateway.engine.in_flight == 0
            assert len(served.made.processor.waiters) == 0
        # One that asks again before this gets the first answer itself, which is not repeated.
        wait_until(lambda: served.call("GET", "/v1/task-defs/late").status_code == 200)
        assert in_time(served, *put, command_id="late-1").json()["repeated"]


def test_r18_a_partition_that_is_far_behind_takes_no_new_work(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    limits = Limits(lag_records_max=3, answer_timeout_s=0.3)
    with serving(tmp_path_factory.mktemp("behind"), limits) as served:
        gateway = served.made.app.state.gateway
        with the_fold_held(served):
            for _ in range(5):
                tick = served.made.processor._courier.command(0, Tick(), tenant="default")
                gateway.log.append_and_wait(tick)
            gateway.sampler.look_at_lags()
            assert gateway.sampler.lags[0] > 3
            refused = served.call("PUT", "/v1/task-defs", {"name": "one-more"})
            assert shape_of_error(refused)[:2] == (429, "LAGGING")
            assert refused.headers["Retry-After"] == "1"
            for number in range(3):  # a report passes: it is appended, and waits for its fold
                report = {
                    "wf_run_id": f"none-{number}",
                    "guid": "x",
                    "attempt": 1,
                    "status": "TASK_FAILED",
                }
                reported = served.call("POST", "/v1/tasks/report", report)
                assert shape_of_error(reported)[:2] in [
                    (504, "ANSWER_TIMEOUT"),
                    (404, "TASK_RUN_UNKNOWN"),
                ]
        wait_until(lambda: served.made.processor.position(0) == gateway.log.bounds(0)[1])
        gateway.sampler.look_at_lags()
        assert in_time(served, "PUT", "/v1/task-defs", {"name": "one-more"}).status_code < 300


def test_every_command_of_a_worker_and_every_stop_passes() -> None:
    of_workers = {word.__name__ for word, _ in WORDS.values()}
    taken = {command.__name__ for command in ALWAYS_TAKEN}
    assert of_workers <= taken
    assert {"StopWfRun", "KillWfRun", "PauseWfRun", "CancelBulk", "ShutdownTaskRun"} <= taken
    assert not {"RunWf", "PutExternalEvent", "ScheduleWf", "ResumeWfRun", "PutTaskDef"} & taken


@contextmanager
def the_fold_held(served: Served) -> Iterator[None]:
    """The fold's thread stands still, after some batch, until the block ends."""
    held, goes_on = threading.Event(), threading.Event()

    def hold(partition: int, changes: object) -> None:
        held.set()
        goes_on.wait(HOLD_S)

    served.made.processor.watch(hold)
    # Held before or after its fold: whether it is answered in time is not to be known.
    served.call("PUT", "/v1/task-defs", {"name": "first"})
    try:
        assert held.wait(HOLD_S)
        yield
    finally:
        goes_on.set()


def in_time(served: Served, *request: Any, **headers: str) -> httpx.Response:
    """A request, again while its answer is late: the deadline is short, and machines are slow."""
    responses: list[httpx.Response] = []

    def answered() -> bool:
        responses.append(served.call(*request, **headers))
        return responses[-1].status_code != 504

    wait_until(answered)
    return responses[-1]


def test_health_and_the_partitions_are_shown(served: Served) -> None:
    assert served.good("GET", "/healthz") == {"status": "ok"}
    assert served.good("GET", "/readyz") == {"status": "ready"}
    put = served.good("PUT", "/v1/task-defs", {"name": "load-shown"})
    partitions = served.good("GET", "/v1/cluster")["partitions"]
    assert [one["status"] for one in partitions] == ["RUNNING"] * 3
    assert partitions[0]["position"] == put["position"]
    assert partitions[0]["log_end"] == partitions[0]["next_offset"]
