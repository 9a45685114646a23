"""A server under more load than it takes, and one that is told to stop under load: what was
acknowledged is there afterwards (R18).
"""

import threading
import time
from typing import Any

import httpx
import pytest

from tests.crash.server import LOST, Server
from tests.operations.works import Starters, register, scraped, until, work_one
from tests.promises import is_kept

THREADS = 8
DRAIN_S_MAX = 5.0


def runs_there(server: Server) -> set[str]:
    """All runs that a server shows."""
    found: set[str] = set()
    cursor = ""
    while True:
        listed: Any = server.accepted("GET", f"/v1/wf-runs?limit=1000{cursor}")
        found |= {run["wf_run_id"] for run in listed["items"]}
        if listed["cursor"] is None:
            return found
        cursor = f"&cursor={listed['cursor']}"


@pytest.mark.timeout(180)
@pytest.mark.fault(42)
def test_new_work_gets_429_reports_pass_and_no_ack_is_lost(server: Server) -> None:
    server.start(None, "--in-flight-max", "2")
    register(server)
    load = Starters(server, THREADS)
    until(lambda: len(load.refused) > 50 and len(load.accepted) > 50)
    for _ in range(5):  # while new work is turned away
        work_one(server)
    stop = server.call("POST", f"/v1/wf-runs/{next(iter(load.accepted))}/actions/stop")
    assert stop.status_code in (200, 409), "of one that has ended there is nothing to stop"
    load.end()
    for refused in load.refused:
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "OVERLOADED"
        assert refused.headers["Retry-After"] == "1"
    assert scraped(server.http).value("commands_turned_away_total", code="OVERLOADED") >= 50
    assert load.accepted <= runs_there(server)
    assert scraped(server.http).value("commands_in_flight") == 0
    assert server.verify().returncode == 0


@pytest.mark.timeout(180)
@pytest.mark.fault(49)
def test_a_stop_under_load_says_so_at_once_is_over_soon_and_loses_nothing(server: Server) -> None:
    options = [] if server.bootstrap is None else ["--drain-notice-s", "1.0"]

    def drained_s() -> float:
        if server.is_running():
            server.terminate()
            server.ended(20)
        server.start(None, *options)
        register(server)
        load = Starters(server, THREADS)
        until(lambda: len(load.accepted) > 50)
        seen, looking = watch_readiness(server)
        begun_s = time.monotonic()
        server.terminate()
        assert server.ended(20) == 0
        took_s = time.monotonic() - begun_s
        load.end()
        looking.join(10)
        if server.bootstrap is not None:  # `dev` gives no notice: it has no other node to go to
            assert (503, "this server is about to stop") in seen
            codes = {refused.json()["error"]["code"] for refused in load.refused}
            assert codes <= {"DRAINING", "UNAVAILABLE", "RESTORING", "UNREACHED"}
            assert "DRAINING" in codes
        server.start()
        assert load.accepted <= runs_there(server)
        assert server.verify().returncode == 0
        return took_s

    is_kept(DRAIN_S_MAX, drained_s)


def test_a_server_that_is_asked_to_drain_ends_as_after_a_signal(server: Server) -> None:
    """Whoever asks is answered; to ask again hurries nobody."""
    server.start(None, *([] if server.bootstrap is None else ["--drain-notice-s", "1.0"]))
    register(server)
    load = Starters(server, 2)
    until(lambda: len(load.accepted) > 10)
    seen, looking = watch_readiness(server)
    for _ in range(1 if server.bootstrap is None else 2):
        answer = server.call("POST", "/v1/drain")
        assert (answer.status_code, answer.json()) == (202, {"status": "draining"})
    if server.bootstrap is not None:
        server.terminate()  # as who stops a container does then: the first signal hurries nobody
    assert server.ended(20) == 0
    load.end()
    looking.join(10)
    if server.bootstrap is not None:
        assert (503, "this server is about to stop") in seen
    server.start()
    assert load.accepted <= runs_there(server)
    assert server.verify().returncode == 0


def watch_readiness(server: Server) -> tuple[set[tuple[int, str]], threading.Thread]:
    """Ask again and again, on connections of its own, until nobody answers."""
    seen: set[tuple[int, str]] = set()

    def look() -> None:
        try:
            while True:
                answer = httpx.get(f"http://127.0.0.1:{server.port}/readyz", timeout=5.0)
                reasons = answer.json().get("reasons", [""])
                seen.add((answer.status_code, reasons[0]))
                time.sleep(0.02)
        except LOST:
            return

    thread = threading.Thread(target=look)
    thread.start()
    return seen, thread
