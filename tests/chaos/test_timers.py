"""100,000 timers that fall due at one moment, after an hour in which nobody was there (27)."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from penstock.contracts.avro import Avro
from penstock.contracts.topics import Topics
from penstock.core.state.outputs import WfRunChanged
from tests.chaos import brokers, clock
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.chaos.scene import PARTITIONS, Scene, append_runs, log_of, until
from tests.controls import chain, literal, sleeps
from tests.nodes.cluster import Node

TIMERS = 100_000
SLEEP_S = 1_800
HOUR_S = 3_600
OTHERS = 100
SLOWEST_S = 2.0


@pytest.mark.chaos_long
@pytest.mark.kafka
@pytest.mark.fault(27)
@pytest.mark.timeout(900)
@pytest.mark.skipif(clock.why_not() is not None, reason=str(clock.why_not()))
def test_a_hundred_thousand_timers_at_once(play: Play, tmp_path: Path, figures: Figures) -> None:
    """They fire in order, each once, and commands of others are answered between them."""
    shifted = clock.ShiftedClock(tmp_path)
    with brokers.running(environment=shifted.of_broker()) as own:
        scene = play(own.bootstrap)
        scene.start()
        node = scene.node
        due_ms = int(time.time() * 1_000) + SLEEP_S * 1_000
        for name, at_ms in (("early", due_ms), ("later", due_ms + 1)):
            at = datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")
            spec = chain(sleeps(until=literal(at)))
            node.accepted("PUT", "/v1/wf-specs?wait=all", {"name": name, "spec": spec})
        node.accepted("PUT", "/v1/wf-specs?wait=all", {"name": "quick", "spec": chain()})
        append_runs(scene, lambda number: "early" if number % 2 else "later", TIMERS)
        until(lambda: _folded(node) > TIMERS, "all have begun", 200)
        scene.kill(node)
        shifted.shift_s(HOUR_S)
        node.start()
        slowest_s = _start_others(node)
        until(lambda: _told(scene)[0] >= TIMERS, "all have ended", 200)
        count, in_order = _told(scene)
        assert (count, in_order) == (TIMERS, True)
        print(f"slowest answer meanwhile: {slowest_s * 1_000:.0f} ms")
        assert node.verify(300).returncode == 0  # it folds them all once more
        assert slowest_s < SLOWEST_S  # last: a machine that others use, too, may fail it alone
        scene.stop()
    shifted.close()
    figures(kills=scene.kills, acknowledged=TIMERS)


def _start_others(node: Node) -> float:
    """The slowest answer to a command, in seconds."""
    slowest_s = 0.0
    for _ in range(OTHERS):
        began_s = time.monotonic()
        node.accepted("POST", "/v1/wf-runs", {"wf_spec": "quick"})
        slowest_s = max(slowest_s, time.monotonic() - began_s)
        time.sleep(0.05)
    return slowest_s


def _folded(node: Node) -> int:
    shown = node.accepted("GET", "/v1/cluster")["partitions"]
    return sum(one["next_offset"] or 0 for one in shown)


def _told(scene: Scene) -> tuple[int, bool]:
    """How many sleepers have ended, and whether on each partition the early ones were first."""
    avro, topics = Avro(), Topics(scene.cluster, PARTITIONS)
    ended: set[str] = set()
    in_order = True
    with closing(log_of(scene)) as log:
        for number in range(PARTITIONS):
            seen_later = False
            for record in log.read_all(topics.events, number):
                body, _ = avro.decode(record.value or b"")
                if not isinstance(body, WfRunChanged) or body.status != "COMPLETED":
                    continue
                if body.wf_spec in ("early", "later") and body.wf_run_id not in ended:
                    ended.add(body.wf_run_id)
                    in_order = in_order and not (seen_later and body.wf_spec == "early")
                    seen_later = seen_later or body.wf_spec == "later"
    return len(ended), in_order
