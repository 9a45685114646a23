"""Three servers on one Kafka, clients and workers at them, and every few seconds one of them is
killed and started again; then some are stopped cleanly.

    python -m tests.chaos --seconds 60 --stops 3
"""

from __future__ import annotations

import statistics
import time

from msgspec import Struct

from tests.chaos.checkers import Found
from tests.chaos.report import Figures
from tests.chaos.scene import Scene, until
from tests.chaos.traffic import Traffic
from tests.nodes.cluster import Node

OPTIONS = ("--standbys", "1")  # else whoever takes over has to fold what came since it had it last
EVERY_S = 15.0
DOWN_S = 1.0
KILL_GAP_S_MAX = 8.0
STOP_GAP_S_MAX = 1.0
WARM_S = 3.0
SETTLE_S = 5.0
STOPS = 3
NEAR_RECORDS = 500
"""A standby that is no further behind than what a loaded one folds in a moment is warm."""


class Outcome(Struct, kw_only=True):
    """What came of it: for each kill, and each clean stop, the longest time in which some partition
    acknowledged no command.
    """

    found: Found
    kill_gaps_s: list[float]
    stop_gaps_s: list[float]
    start_gaps_s: list[float]
    seconds: float
    rss_mib_max: float
    files_max: int

    def told(self) -> list[str]:
        """Lines for people."""
        found, seconds = self.found, self.seconds
        return [
            f"{len(self.kill_gaps_s)} kills and {len(self.stop_gaps_s)} clean stops in"
            f" {seconds:.0f} s; {found.runs} runs, all ended",
            f"{found.acknowledged} commands acknowledged ({found.acknowledged / seconds:.0f}/s);"
            f" lost {found.lost}; duplicated effects {found.duplicated};"
            f" outputs sent twice, with equal stamps: {found.sent_twice}",
            f"gap per kill: {_spread(self.kill_gaps_s)}",
            f"gap per clean stop: {_spread(self.stop_gaps_s)}",
            f"gap per start of a node: {_spread(self.start_gaps_s)}",
            f"{found.stores} stores are folds of {found.records} records;"
            f" at most {self.rss_mib_max:.0f} MiB and {self.files_max} files a process",
        ]


def soak(scene: Scene, seconds: float, figures: Figures, stops: int = STOPS) -> Outcome:
    """Kill one after the other for so long, then stop so many cleanly, then check all."""
    scene.start()
    began_s = time.monotonic()
    with scene.traffic(workers=3) as traffic:
        time.sleep(WARM_S)
        kills = int(seconds / EVERY_S)
        kill_gaps_s = [_killed(scene, traffic, node) for node in _in_turn(scene, kills)]
        gaps_s = [_stopped(scene, traffic, node) for node in _in_turn(scene, stops)]
        lasted_s = time.monotonic() - began_s
    found = scene.finish(traffic, figures)
    return Outcome(
        found=found,
        kill_gaps_s=kill_gaps_s,
        stop_gaps_s=[stop for stop, _ in gaps_s],
        start_gaps_s=[start for _, start in gaps_s],
        seconds=lasted_s,
        rss_mib_max=scene.bounds.rss_mib_max,
        files_max=scene.bounds.files_max,
    )


def _in_turn(scene: Scene, count: int) -> list[Node]:
    return [scene.nodes[number % len(scene.nodes)] for number in range(count)]


def _killed(scene: Scene, traffic: Traffic, node: Node) -> float:
    """Kill a node and start it again; the longest gap until the next one is killed."""
    began_s = time.monotonic()
    scene.kill(node)
    time.sleep(DOWN_S)
    node.start()
    time.sleep(max(0.0, began_s + EVERY_S - time.monotonic()))
    scene.look()
    gap_s = traffic.gap_s(began_s, time.monotonic())
    print(f"killed, and started again: a gap of {gap_s:.2f} s", flush=True)
    return gap_s


def _stopped(scene: Scene, traffic: Traffic, node: Node) -> tuple[float, float]:
    """Stop a node cleanly, and after a while start it again: the gap of either."""
    until(lambda: _is_warm(scene), "standbys that have come as far as the owners")
    began_s = time.monotonic()
    node.terminate()
    assert node.ended(20) == 0
    time.sleep(max(0.0, began_s + SETTLE_S - time.monotonic()))
    started_s = time.monotonic()
    node.start()
    time.sleep(SETTLE_S)
    gaps_s = traffic.gap_s(began_s, started_s), traffic.gap_s(started_s, time.monotonic())
    print(f"stopped: a gap of {gaps_s[0]:.2f} s; started: {gaps_s[1]:.2f} s", flush=True)
    return gaps_s


def _is_warm(scene: Scene) -> bool:
    """Whether every partition has its owner, and a standby that has nearly all of it."""
    said = [node.accepted("GET", "/v1/cluster") for node in scene.nodes]
    folded = {
        (node.url, one["partition"]): one["next_offset"]
        for node, shown in zip(scene.nodes, said, strict=True)
        for one in shown["standing_by"]
        if one["status"] == "RUNNING"
    }
    return all(
        one["status"] == "RUNNING"
        and one["standbys"]
        and all(
            folded.get((url, one["partition"]), -NEAR_RECORDS) > one["next_offset"] - NEAR_RECORDS
            for url in one["standbys"]
        )
        for one in said[0]["partitions"]
    )


def _spread(gaps_s: list[float]) -> str:
    if not gaps_s:
        return "none"
    return (
        f"min {min(gaps_s):.2f} s, median {statistics.median(gaps_s):.2f} s,"
        f" max {max(gaps_s):.2f} s, of {len(gaps_s)}"
        f" ({', '.join(f'{gap:.2f}' for gap in gaps_s)})"
    )
