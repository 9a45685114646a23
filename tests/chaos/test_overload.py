"""Far more than a server takes, for minutes (42)."""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import Scene, until
from tests.controls import chain
from tests.crash.server import LOST
from tests.nodes.cluster import Node

SECONDS = 300.0
THREADS = 20
IN_FLIGHT_MAX = 2  # so that as many as these are ten times as many as it takes
RECOVERED_S = 60.0
LOOK_S = 5.0


class Crowd:
    """Clients that start one run after the other, and go on whatever they are told."""

    def __init__(self, node: Node) -> None:
        self.accepted: set[str] = set()
        self.turned_away = 0
        self.unanswered: set[str] = set()
        self._node = node
        self._over = threading.Event()
        self._executor = ThreadPoolExecutor(THREADS)
        self._clients = [self._executor.submit(self._start_runs, one) for one in range(THREADS)]

    def end(self) -> None:
        """No more comes; raises what a client has stumbled over."""
        self._over.set()
        for client in self._clients:
            client.result(60)
        self._executor.shutdown()

    def _start_runs(self, client: int) -> None:
        with httpx.Client(base_url=self._node.url, timeout=20.0) as http:
            for number in itertools.count():
                if self._over.is_set():
                    return
                run = f"crowd-{client}-{number}"
                try:
                    told = http.post("/v1/wf-runs", json={"wf_spec": "quick", "wf_run_id": run})
                except LOST:
                    self.unanswered.add(run)
                    continue
                if told.status_code == 429:
                    assert told.headers["Retry-After"], told.text
                    self.turned_away += 1
                elif told.is_success:
                    self.accepted.add(run)
                else:
                    assert told.status_code in (503, 504), told.text
                    self.unanswered.add(run)


@pytest.mark.chaos_long
@pytest.mark.fault(42)
@pytest.mark.timeout(600)
def test_ten_times_too_much_for_five_minutes(
    play: Play, kafka_bootstrap: str, figures: Figures
) -> None:
    """It turns away what it can not take, stays within its bounds, does the work of those who wait
    as they are told, and is as before when the crowd has gone.
    """
    scene = play(kafka_bootstrap, more=("--in-flight-max", str(IN_FLIGHT_MAX)))
    scene.start()
    scene.node.accepted("PUT", "/v1/wf-specs?wait=all", {"name": "quick", "spec": chain()})
    with scene.traffic(each=1) as traffic:
        crowd = Crowd(scene.node)
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            scene.look()
            time.sleep(LOOK_S)
        acknowledged = len(traffic.acks)
        crowd.end()
        until(lambda: _lag(scene) == 0, "all is folded", RECOVERED_S)
        began_s = time.monotonic()
        scene.node.accepted("POST", "/v1/wf-runs", {"wf_spec": "quick", "wf_run_id": "after"})
        assert time.monotonic() - began_s < 5, "and answers as before"
    print(
        f"{len(crowd.accepted)} runs of a crowd accepted, {crowd.turned_away} turned away;"
        f" {acknowledged} commands of others meanwhile; {scene.bounds.rss_mib_max:.0f} MiB"
    )
    assert crowd.turned_away > len(crowd.accepted) > 0
    assert acknowledged > 100, "who waits as told gets through"
    unsure = {one for one in crowd.unanswered if _is_there(scene.node, one)}
    scene.finish(traffic, figures, others={"after", *crowd.accepted, *unsure})


def _lag(scene: Scene) -> int:
    shown = scene.node.accepted("GET", "/v1/cluster")["partitions"]
    return sum(one["log_end"] - one["next_offset"] for one in shown)


def _is_there(node: Node, run: str) -> bool:
    return node.call("GET", f"/v1/wf-runs/{run}").status_code == 200
