"""I6: every answer names its position, and a read can ask for one."""

import httpx
import pytest

from penstock.gateway.load import Limits
from tests.gateway.served import Served, serving, waiting_for_event


@pytest.fixture(scope="module", autouse=True)
def specs(served: Served) -> None:
    served.good("PUT", "/v1/external-event-defs?wait=all", {"name": "reads-go"})
    served.good("PUT", "/v1/wf-specs?wait=all", waiting_for_event("reads", "reads-go"))


def test_a_client_reads_its_own_writes(served: Served) -> None:
    for number in range(200):
        wf_run_id = served.run("reads", labels={"n": str(number)})
        run = served.good("GET", f"/v1/wf-runs/{wf_run_id}")
        assert run["labels"] == {"n": str(number)}


def test_another_connection_reads_what_the_token_names(served: Served) -> None:
    with httpx.Client(base_url=served.url) as other:
        for _ in range(50):
            started = served.good("POST", "/v1/wf-runs", {"wf_spec": "reads"})
            path = f"/v1/wf-runs/{started['wf_run_id']}?at_least={started['position']}"
            read = other.get(path)
            assert read.status_code == 200
            partition, offset = read.headers["Penstock-Position"].split(":")
            asked_partition, asked_offset = started["position"].split(":")
            assert partition == asked_partition
            assert int(offset) >= int(asked_offset)


@pytest.mark.fault(45)
def test_wrong_tokens_are_named(served: Served) -> None:
    started = served.good("POST", "/v1/wf-runs", {"wf_spec": "reads"})
    partition = int(started["position"].split(":")[0])
    path = f"/v1/wf-runs/{started['wf_run_id']}?at_least="
    for token in (f"{(partition + 1) % 3}:1", "x", "1", "1:", ":1", "1:-5", "1:2:3", "9" * 30):
        assert served.refused("GET", path + token)[:2] == (400, "BAD_TOKEN"), token


@pytest.mark.fault(45)
def test_a_token_of_the_future_ends_with_the_position_reached(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with serving(tmp_path_factory.mktemp("future"), Limits(read_timeout_s=0.2)) as served:
        put = served.good("PUT", "/v1/task-defs", {"name": "reads-future"})
        response = served.call("GET", "/v1/task-defs/reads-future?at_least=0:999999")
        assert response.status_code == 504
        body = response.json()
        assert body["error"]["code"] == "POSITION_TIMEOUT"
        assert body["position"] == response.headers["Penstock-Position"] == put["position"]


@pytest.mark.fault(45)
def test_a_partition_that_is_not_open_is_503(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("closed")) as served:
        served.made.processor.stop()
        for method, path, body in (
            ("GET", "/v1/wf-runs/x", None),
            ("GET", "/v1/task-defs", None),
            ("POST", "/v1/wf-runs", {"wf_spec": "x"}),
        ):
            response = served.call(method, path, body)
            assert response.status_code == 503, response.text
            assert response.headers["Retry-After"] == "1"
            assert response.json()["error"]["code"] == "RESTORING"
        assert served.call("GET", "/readyz").status_code == 503
