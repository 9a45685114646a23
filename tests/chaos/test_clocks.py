"""Wall clocks that jump, under load: the engine's (24) and the broker's (25)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.chaos import brokers, clock
from tests.chaos.conftest import Play
from tests.chaos.report import Figures
from tests.controls import chain, sleeps
from tests.nodes.cluster import Node

pytestmark = pytest.mark.timeout(240)
HOUR_S = 3_600
SLEEPS_S = (3.0, 2.0, 4.0)
LATE_S_MAX = 10.0  # of an hour; the machine may be busy


@pytest.fixture
def shifted(tmp_path: Path) -> Iterator[clock.ShiftedClock]:
    made = clock.ShiftedClock(tmp_path)
    yield made
    made.close()


def _sleep(node: Node) -> dict[str, float]:
    """Runs that sleep, on any partitions: when each is to end."""
    ends: dict[str, float] = {}
    for seconds in SLEEPS_S:
        name = f"sleeps-{seconds:g}".replace(".", "-")
        node.accepted(
            "PUT", "/v1/wf-specs?wait=all", {"name": name, "spec": chain(sleeps(seconds))}
        )
    for seconds in SLEEPS_S:
        name = f"sleeps-{seconds:g}".replace(".", "-")
        for number in range(4):
            began_s, run = time.monotonic(), f"{name}-{number}-{time.monotonic_ns()}"
            node.accepted("POST", "/v1/wf-runs", {"wf_spec": name, "wf_run_id": run})
            ends[run] = began_s + seconds
    return ends


def _lateness_s(node: Node, ends: dict[str, float]) -> list[float]:
    """How long after its time each run was seen to end, in the order in which they are due."""
    late: list[float] = []
    for run, due_s in sorted(ends.items(), key=lambda one: one[1]):
        path = f"/v1/wf-runs/{run}?until=ended&wait_ms=15000"
        shown = node.accepted("GET", path)
        assert shown["status"] == "COMPLETED", shown
        late.append(time.monotonic() - due_s)
    return late


@pytest.mark.fault(24)
@pytest.mark.parametrize("hours", [pytest.param(1, marks=pytest.mark.chaos_long), -1])
def test_an_engine_whose_clock_jumps_fires_neither_early_nor_late(
    play: Play,
    kafka_bootstrap: str,
    shifted: clock.ShiftedClock,
    figures: Figures,
    hours: int,
) -> None:
    """First with no other traffic from which it could learn the broker's time, then under load."""
    scene = play(kafka_bootstrap, environment=shifted.of_server())
    scene.start()
    before = _wall_s(scene.node)
    quiet = _sleep(scene.node)
    shifted.shift_s(hours * HOUR_S)
    late = _lateness_s(scene.node, quiet)
    assert abs(_wall_s(scene.node) - before - hours * HOUR_S) < 60, "its clock has jumped"
    with scene.traffic() as traffic:
        traffic.until_acknowledged(50)
        ends = _sleep(scene.node)
        shifted.shift_s(-hours * HOUR_S)
        late += _lateness_s(scene.node, ends)
        traffic.until_acknowledged(50)
    assert min(late) > -0.05, "none is early"
    assert max(late) < LATE_S_MAX, late
    scene.finish(traffic, figures, others={*quiet, *ends})


@pytest.mark.chaos_long
@pytest.mark.kafka
@pytest.mark.fault(25)
@pytest.mark.skipif(clock.why_not() is not None, reason=str(clock.why_not()))
def test_a_broker_whose_clock_jumps_back_makes_no_timer_late(
    play: Play, tmp_path: Path, shifted: clock.ShiftedClock, figures: Figures
) -> None:
    """Log time adds up differences, so it does not go back either."""
    with brokers.running(environment=shifted.of_broker()) as own:
        scene = play(own.bootstrap)
        scene.start()
        with scene.traffic() as traffic:
            traffic.until_acknowledged(50)
            ends = _sleep(scene.node)
            shifted.shift_s(-HOUR_S)
            late = _lateness_s(scene.node, ends)
            assert min(late) > -0.05, "none is early"
            assert max(late) < LATE_S_MAX, late
            traffic.until_acknowledged(100)
        quiet = _sleep(scene.node)
        shifted.shift_s(-2 * HOUR_S)
        assert max(_lateness_s(scene.node, quiet)) < LATE_S_MAX, "with no other traffic"
        scene.finish(traffic, figures, others={*ends, *quiet})


def _wall_s(node: Node) -> float:
    """What a server takes for the time."""
    date = node.call("GET", "/healthz").headers["Date"]
    return parsedate_to_datetime(date).timestamp()
